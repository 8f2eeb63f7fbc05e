-- Users as the SCIM service lists them.
-- grain: one row per user
-- key: user_id
-- inputs: scim_users
with

folded as (
    select
        cast(case
            when lower(s.id) like 'internal%' then upper(s.id)
            when translate(lower(s.id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(s.id)
            else s.id
        end as varchar) as user_id,
        s.created_at,
        coalesce(nullif(trim(s.display_name), ''), s.user_name) as user_name,
        s.user_name as email
    from scim_users as s
)

select
    user_id,
    cast(min(created_at) as timestamptz) as created_at,
    cast(min(user_name) as varchar) as user_name,
    cast(min(email) as varchar) as email
from folded
group by user_id
