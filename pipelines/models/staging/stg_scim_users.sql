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
        s.created_at
    from scim_users as s
)

select
    user_id,
    cast(min(created_at) as timestamptz) as created_at
from folded
group by user_id
