-- Names of users beside those of the directory: that of the SCIM service, else the newest one that events give each
-- user on whom one was carried out. A name of today holds for events of long ago.
-- grain: one row per user
-- key: user_id
-- inputs: event_user_names, stg_scim_users
with

ranked as (
    select
        user_id,
        user_name,
        row_number() over (partition by user_id order by named_at desc, user_name) as name_rank
    from event_user_names
),

told as (
    select
        user_id,
        user_name,
        case when user_name like '%@%' then user_name end as email
    from ranked
    where name_rank = 1
)

select
    cast(coalesce(listed.user_id, told.user_id) as varchar) as user_id,
    cast(coalesce(listed.user_name, told.user_name) as varchar) as user_name,
    cast(coalesce(listed.email, told.email) as varchar) as email,
    listed.user_name as listed_name
from told
full outer join stg_scim_users as listed on told.user_id = listed.user_id
