-- grain: one row per user, of the directory or seen in events
-- key: user_id
-- inputs: int_user_usage, int_newest_day, dim_users, usage_classes
with

first_lists as (
    select user_id, min(valid_from) as first_listed_at
    from dim_users
    group by user_id
),

thresholds as (
    select
        max(case when usage_class = 'builder' then days end) as builder_days,
        max(case when usage_class = 'contributor' then days end) as contributor_days,
        max(case when usage_class = 'reader' then days end) as reader_days
    from usage_classes
),

measured as (
    select
        u.user_id,
        l.first_listed_at,
        d.newest_day,
        date_diff('day', cast('1970-01-01' as date), a.last_day) as seen_day,
        floor(epoch(u.last_login_at) / 86400) as login_day,
        floor(epoch(u.created_at) / 86400) as created_day,
        floor(epoch(l.first_listed_at) / 86400) as listed_day,
        floor(epoch(a.last_build_at) / 86400) as build_day,
        floor(epoch(case
            when a.last_data_change_at is null or a.last_action_at > a.last_data_change_at then a.last_action_at
            else a.last_data_change_at
        end) / 86400) as change_day,
        -- Who only failed to sign in has not come.
        coalesce(a.event_count > a.failed_sign_in_count, false) as came
    from dim_users as u
    cross join int_newest_day as d
    left join int_user_usage as a on u.user_id = a.user_id
    left join first_lists as l on u.user_id = l.user_id
    where u.is_current
),

idle as (
    select
        m.user_id,
        m.first_listed_at,
        m.newest_day,
        m.build_day,
        m.change_day,
        case
            when m.seen_day >= coalesce(m.login_day, m.seen_day) then 'event'
            when m.login_day is not null then 'last login'
            when m.created_day is not null then 'created'
            when m.listed_day is not null then 'first listed'
        end as idle_since,
        case
            when m.seen_day >= coalesce(m.login_day, m.seen_day) then m.seen_day
            else coalesce(m.login_day, m.created_day, m.listed_day)
        end as idle_since_day,
        case
            when m.came and m.seen_day >= coalesce(m.login_day, m.seen_day) then m.seen_day
            else m.login_day
        end as use_day
    from measured as m
)

select
    u.user_id,
    u.user_name,
    u.email as user_email,
    u.kind as user_kind,
    a.last_model_id,
    a.last_model_name,
    cast(coalesce(a.active_days_7, 0) as bigint) as active_days_7,
    cast(coalesce(a.active_days_30, 0) as bigint) as active_days_30,
    cast(coalesce(a.active_days_90, 0) as bigint) as active_days_90,
    cast(coalesce(a.event_count, 0) as bigint) as event_count,
    cast(coalesce(a.sign_in_count, 0) as bigint) as sign_in_count,
    cast(coalesce(a.failed_sign_in_count, 0) as bigint) as failed_sign_in_count,
    cast(coalesce(a.page_visit_count, 0) as bigint) as page_visit_count,
    cast(coalesce(a.model_change_count, 0) as bigint) as model_change_count,
    cast(i.newest_day - date_diff('day', cast('1970-01-01' as date), a.last_day) as bigint) as days_idle,
    u.is_active,
    u.is_removed,
    cast(a.user_id is not null as boolean) as is_seen,
    cast(a.first_seen_at as timestamptz) as first_seen_at,
    cast(a.last_seen_at as timestamptz) as last_seen_at,
    cast(a.last_sign_in_at as timestamptz) as last_sign_in_at,
    u.last_login_at,
    -- Deprecated names of measures, kept for one release.
    cast(coalesce(a.event_count, 0) as bigint) as events,
    cast(coalesce(a.sign_in_count, 0) as bigint) as sign_ins,
    cast(coalesce(a.failed_sign_in_count, 0) as bigint) as failed_sign_ins,
    cast(coalesce(a.page_visit_count, 0) as bigint) as page_visits,
    cast(coalesce(a.model_change_count, 0) as bigint) as model_changes,
    u.user_name_source,
    u.user_label,
    -- A user who was first listed after the newest event has 0 days, not fewer.
    cast(case
        when i.newest_day > i.idle_since_day then i.newest_day - i.idle_since_day
        when i.idle_since_day is not null then 0
    end as bigint) as idle_days,
    cast(i.idle_since as varchar) as idle_since,
    cast(case
        when u.kind = 'system' then null
        when i.newest_day - i.build_day < t.builder_days then 'builder'
        when i.newest_day - i.change_day < t.contributor_days then 'contributor'
        when i.newest_day - i.use_day < t.reader_days then 'reader'
        when i.use_day is not null then 'dormant'
        else 'never came'
    end as varchar) as usage_class,
    cast(i.first_listed_at as timestamptz) as first_listed_at,
    u.created_at,
    cast(a.last_page_visit_at as timestamptz) as last_page_visit_at,
    cast(a.last_data_change_at as timestamptz) as last_data_change_at,
    cast(a.last_action_at as timestamptz) as last_action_at,
    cast(a.last_build_at as timestamptz) as last_build_at
from dim_users as u
inner join idle as i on u.user_id = i.user_id
cross join thresholds as t
left join int_user_usage as a on u.user_id = a.user_id
where u.is_current
