-- Names that events give the users on whom they were carried out, the newest for each user. Often it is the e-mail
-- address. The days of a run do not limit this file: a name of today holds for events of long ago.
-- grain: one row per user
-- key: user_id
-- inputs: events
with

-- Equal names are removed before ids are folded.
named as (
    select
        e.additional_attributes__target_user_id as sent_id,
        e.additional_attributes__target_user_name as user_name,
        cast(
            max(coalesce(e.event_date, e.created_date, cast(cast('1900-01-01' as date) as timestamptz))) as timestamptz
        ) as named_at
    from events as e
    where e.additional_attributes__target_user_id is not null
        and e.additional_attributes__target_user_name is not null
    group by e.additional_attributes__target_user_id, e.additional_attributes__target_user_name
),

folded as (
    select
        cast(case
            when lower(n.sent_id) like 'internal%' then upper(n.sent_id)
            when translate(lower(n.sent_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(n.sent_id)
            else n.sent_id
        end as varchar) as user_id,
        n.user_name,
        n.named_at
    from named as n
),

ranked as (
    select
        user_id,
        user_name,
        row_number() over (partition by user_id order by named_at desc, user_name) as name_rank
    from folded
)

select
    user_id,
    user_name,
    cast(case when user_name like '%@%' then user_name end as varchar) as email
from ranked
where name_rank = 1
