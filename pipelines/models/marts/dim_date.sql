-- Days are put together from years, months and numbers, and weeks are counted from day numbers: warehouses differ in
-- date arithmetic and in what they call a weekday.
-- grain: one row per day
-- key: date_day
-- inputs: stg_event_days
with

digits as (
    select cast(0 as bigint) as digit
    union all
    select cast(1 as bigint) as digit
    union all
    select cast(2 as bigint) as digit
    union all
    select cast(3 as bigint) as digit
    union all
    select cast(4 as bigint) as digit
    union all
    select cast(5 as bigint) as digit
    union all
    select cast(6 as bigint) as digit
    union all
    select cast(7 as bigint) as digit
    union all
    select cast(8 as bigint) as digit
    union all
    select cast(9 as bigint) as digit
),

-- An event with an impossible date must not add centuries. The newest load tells the present year, in UTC.
bounds as (
    select
        min(case when event_day >= cast('2000-01-01' as date) then event_day end) as first_day,
        max(floor(epoch(loaded_at) / 86400)) as load_number
    from stg_event_days
),

years as (
    select
        2000 + 10 * tens.digit + ones.digit as year,
        365 * (30 + 10 * tens.digit + ones.digit) + floor((31 + 10 * tens.digit + ones.digit) / 4.0) as first_number
    from digits as tens
    cross join digits as ones
),

month_days as (
    select
        years.year,
        10 * month_tens.digit + month_ones.digit as month,
        10 * day_tens.digit + day_ones.digit as day_of_month
    from years
    cross join bounds
    inner join digits as month_tens on month_tens.digit <= 1
    cross join digits as month_ones
    inner join digits as day_tens on day_tens.digit <= 3
    cross join digits as day_ones
    where years.year >= extract(year from bounds.first_day) and years.first_number <= bounds.load_number
),

-- Days that do not exist have no text: an engine may cast before it filters.
day_texts as (
    select
        case
            when month between 1 and 12 and day_of_month between 1 and case
                when month in (4, 6, 9, 11) then 30
                when month <> 2 then 31
                when year % 4 = 0 then 29
                else 28
            end
                then concat(
                    cast(year as varchar), '-', substring(cast(100 + month as varchar), 2, 2), '-',
                    substring(cast(100 + day_of_month as varchar), 2, 2)
                )
        end as day_text
    from month_days
),

calendar as (
    select cast(day_text as date) as date_day
    from day_texts
    where day_text is not null
),

-- Every day of an event, however odd, so that no fact is lost in a join.
all_days as (
    select calendar.date_day
    from calendar
    cross join bounds
    where calendar.date_day >= bounds.first_day
    union
    select event_day as date_day from stg_event_days
),

numbered as (
    select
        date_day,
        cast(extract(year from date_day) as bigint) as year,
        cast(extract(month from date_day) as bigint) as month,
        cast(extract(day from date_day) as bigint) as day_of_month,
        cast(date_diff('day', cast('1970-01-01' as date), date_day) as bigint) as day_number
    from all_days
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
