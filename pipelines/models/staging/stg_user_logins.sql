-- Last sign-ins, as the directory reports them.
-- grain: one row per user
-- key: user_id
-- inputs: user_logins
with

logins as (
    select
        cast(case
            when lower(l.id) like 'internal%' then upper(l.id)
            when translate(lower(l.id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(l.id)
            else l.id
        end as varchar) as user_id,
        l.last_login_date
    from user_logins as l
)

select
    user_id,
    cast(max(last_login_date) as timestamptz) as last_login_at
from logins
group by user_id
