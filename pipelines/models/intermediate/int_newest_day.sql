-- The day of the newest event, from which days without use count; without events, the day of the newest list of users.
-- Days are numbered from 1970 in UTC: a cast from time to date would follow the session's time zone.
-- grain: one row
-- key: newest_day
-- inputs: user_totals, dim_users
with

newest_event as (
    select max(date_diff('day', cast('1970-01-01' as date), last_day)) as newest_day from user_totals
),

newest_list as (
    select max(floor(epoch(valid_from) / 86400)) as newest_day from dim_users
)

select cast(coalesce(e.newest_day, l.newest_day) as bigint) as newest_day
from newest_event as e
cross join newest_list as l
