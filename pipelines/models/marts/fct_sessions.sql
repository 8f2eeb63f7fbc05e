-- A session is what a user did under one session id, or, where none is sent, with one client and without 30 minutes of
-- silence. It ends at midnight (UTC) and begins again: a row is written from the events of its day alone, so a late
-- event rewrites one day.
-- grain: one row per session and UTC day
-- key: first_event_id
-- inputs: fct_events, client_uses
with

followed as (
    select
        e.*,
        case when e.session_id is null then e.client end as silent_client,
        lag(e.occurred_at) over (
            partition by e.event_day, e.user_id, e.session_id, case when e.session_id is null then e.client end
            order by e.occurred_at, e.event_id
        ) as before_at
    from fct_events as e
    where e.occurred_at is not null
        and (e.session_id is not null or (e.user_id is not null and e.user_kind <> 'system'))
),

marked as (
    select
        f.*,
        case
            when f.before_at is null then 1
            when f.session_id is null and floor(epoch(f.occurred_at)) - floor(epoch(f.before_at)) > 1800 then 1
            else 0
        end as is_first
    from followed as f
),

numbered as (
    select
        m.*,
        sum(m.is_first) over (
            partition by m.event_day, m.user_id, m.session_id, m.silent_client
            order by m.occurred_at nulls first, m.event_id nulls first
            rows between unbounded preceding and current row
        ) as session_number
    from marked as m
),

sessions as (
    select
        event_day,
        user_id,
        session_id,
        session_number,
        min(event_id) as first_event_id,
        max(case when is_first = 1 then user_kind end) as user_kind,
        max(case when is_first = 1 then user_name end) as user_name,
        max(case when is_first = 1 then user_email end) as user_email,
        max(case when is_first = 1 then user_label end) as user_label,
        max(case when is_first = 1 then user_key end) as user_key,
        -- The first events of a session, such as the sign-in, need not name the client.
        max(client) as client,
        max(case when is_first = 1 then ip_address end) as ip_address,
        count(distinct ip_address) as ip_address_count,
        count(*) as event_count,
        sum(case when success = false then 1 else 0 end) as failure_count,
        count(distinct model_id) as model_count,
        count(distinct page_id) as page_count,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        min(floor(epoch(occurred_at))) as first_second,
        max(floor(epoch(occurred_at))) as last_second
    from numbered
    group by event_day, user_id, session_id, silent_client, session_number
)

select
    cast(s.first_event_id as bigint) as first_event_id,
    cast(s.event_day as date) as event_day,
    s.session_id,
    s.user_id,
    cast(s.user_kind as varchar) as user_kind,
    cast(s.user_name as varchar) as user_name,
    cast(s.user_email as varchar) as user_email,
    cast(s.user_label as varchar) as user_label,
    cast(s.user_key as varchar) as user_key,
    cast(s.client as varchar) as client,
    cast(coalesce(u.use_kind, 'other') as varchar) as use_kind,
    cast(s.ip_address as varchar) as ip_address,
    cast(s.ip_address_count as bigint) as ip_address_count,
    cast(s.event_count as bigint) as event_count,
    cast(s.failure_count as bigint) as failure_count,
    cast(s.model_count as bigint) as model_count,
    cast(s.page_count as bigint) as page_count,
    cast(s.last_second - s.first_second as bigint) as seconds,
    cast(s.session_id is not null as boolean) as is_sent,
    cast(
        s.first_second - 86400 * date_diff('day', cast('1970-01-01' as date), s.event_day) <= 1800 as boolean
    ) as may_begin_earlier,
    cast(
        86400 * (date_diff('day', cast('1970-01-01' as date), s.event_day) + 1) - s.last_second <= 1800 as boolean
    ) as may_end_later,
    cast(s.started_at as timestamptz) as started_at,
    cast(s.ended_at as timestamptz) as ended_at
from sessions as s
left join client_uses as u on s.client = u.client
