-- Users by e-mail address and by name, for sources that know no ids. What several users have names nobody.
-- grain: one row per e-mail address or name, in lower case, that only one user ever had
-- key: handle
-- inputs: stg_users
with

handles as (
    select
        lower(email) as handle,
        user_id
    from stg_users
    union
    select
        lower(user_name) as handle,
        user_id
    from stg_users
)

select
    cast(handle as varchar) as handle,
    cast(min(user_id) as varchar) as user_id
from handles
where handle is not null
group by handle
having count(*) = 1
