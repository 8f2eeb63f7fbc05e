-- Weeks are counted from day numbers: warehouses differ in what they call a weekday.
-- grain: one row per day
-- key: date_day
-- inputs: int_calendar_days
with

numbered as (
    select
        date_day,
        cast(extract(year from date_day) as bigint) as year,
        cast(extract(month from date_day) as bigint) as month,
        cast(extract(day from date_day) as bigint) as day_of_month,
        cast(date_diff('day', cast('1970-01-01' as date), date_day) as bigint) as day_number
    from int_calendar_days
    where date_day is not null
),

-- 1970-01-01 was a Thursday. The numbers of early days are negative, and a remainder must not be.
weekdays as (
    select
        n.date_day,
        n.year,
        n.month,
        n.day_of_month,
        n.day_number,
        (n.day_number + 7000003) % 7 + 1 as weekday,
        365 * (n.year - 1970) + floor((n.year - 1969) / 4.0) - floor((n.year - 1901) / 100.0)
        + floor((n.year - 1601) / 400.0) as first_number,
        365 * (n.year - 1969) + floor((n.year - 1968) / 4.0) - floor((n.year - 1900) / 100.0)
        + floor((n.year - 1600) / 400.0) as next_first_number,
        365 * (n.year - 1971) + floor((n.year - 1970) / 4.0) - floor((n.year - 1902) / 100.0)
        + floor((n.year - 1602) / 400.0) as last_first_number
    from numbered as n
),

-- A week belongs to the year of its Thursday.
thursdays as (
    select
        w.*,
        w.day_number - w.weekday + 4 as thursday
    from weekdays as w
),

weeks as (
    select
        t.*,
        case
            when t.thursday < t.first_number then t.year - 1
            when t.thursday >= t.next_first_number then t.year + 1
            else t.year
        end as iso_year,
        case
            when t.thursday < t.first_number then t.thursday - t.last_first_number
            when t.thursday >= t.next_first_number then t.thursday - t.next_first_number
            else t.thursday - t.first_number
        end as days_until_thursday
    from thursdays as t
)

select
    cast(date_day as date) as date_day,
    cast(year as bigint) as year,
    cast(floor((month + 2) / 3.0) as bigint) as quarter,
    cast(month as bigint) as month,
    cast(day_of_month as bigint) as day_of_month,
    cast(iso_year as bigint) as iso_year,
    cast(floor(days_until_thursday / 7.0) + 1 as bigint) as iso_week,
    cast(weekday as bigint) as weekday,
    cast(case weekday
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as varchar) as weekday_name,
    cast(weekday >= 6 as boolean) as is_weekend
from weeks
