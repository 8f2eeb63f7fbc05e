-- The newest name that events give each user on whom one was carried out. A name of today holds for events of long ago.
-- grain: one row per user
-- key: user_id
-- inputs: event_user_names
with

ranked as (
    select
        user_id,
        user_name,
        row_number() over (partition by user_id order by named_at desc, user_name) as name_rank
    from event_user_names
)

select
    user_id,
    user_name,
    cast(case when user_name like '%@%' then user_name end as varchar) as email
from ranked
where name_rank = 1
