-- Days are put together from years, months and numbers: warehouses differ in date arithmetic.
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
)

select date_day from all_days
