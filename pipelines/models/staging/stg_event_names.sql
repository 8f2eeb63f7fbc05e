-- Names that events give the users on whom they were carried out. Often it is the e-mail address.
-- grain: one row per id as sent and name
-- key: sent_id, user_name
-- inputs: events
with

-- Equal names are removed before ids are folded.
named as (
    select
        e.additional_attributes__target_user_id as sent_id,
        e.additional_attributes__target_user_name as user_name,
        max(coalesce(e.event_date, e.created_date, cast(cast('1900-01-01' as date) as timestamptz))) as named_at,
        min(e.event_day) as first_day,
        max(e.event_day) as last_day
    from events as e
    where e.additional_attributes__target_user_id is not null
        and e.additional_attributes__target_user_name is not null
    group by e.additional_attributes__target_user_id, e.additional_attributes__target_user_name
)

select
    n.sent_id,
    cast(case
        when lower(n.sent_id) like 'internal%' then upper(n.sent_id)
        when translate(lower(n.sent_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(n.sent_id)
        else n.sent_id
    end as varchar) as user_id,
    n.user_name,
    cast(n.first_day as date) as first_day,
    cast(n.last_day as date) as last_day,
    cast(n.named_at as timestamptz) as named_at
from named as n
