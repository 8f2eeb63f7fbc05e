-- grain: one row per day and user
-- key: event_day, user_id
-- inputs: fct_events, event_classification, event_uses
with

numbered as (
    select
        e.event_day,
        e.event_id,
        e.occurred_at,
        e.user_id,
        e.user_kind,
        e.model_id,
        e.model_name,
        s.subject,
        s.outcome,
        case when coalesce(e.success, true) then u.kind_of_use end as kind_of_use,
        row_number() over (
            partition by e.event_day, e.user_id
            order by case when e.model_id is null then 1 else 0 end, e.occurred_at desc, e.event_id desc
        ) as newest_with_model
    from fct_events as e
    left join event_classification as s on e.event_type_id = s.event_type_id
    left join event_uses as u on e.event_type_id = u.event_type_id
    where e.user_id is not null
)

select
    event_day,
    user_id,
    cast(max(user_kind) as varchar) as user_kind,
    cast(max(case when newest_with_model = 1 then model_id end) as varchar) as last_model_id,
    cast(max(case when newest_with_model = 1 then model_name end) as varchar) as last_model_name,
    cast(count(*) as bigint) as event_count,
    cast(sum(case when subject = 'sign_in' and outcome = 'success' then 1 else 0 end) as bigint) as sign_in_count,
    cast(sum(case when subject = 'sign_in' and outcome = 'failure' then 1 else 0 end) as bigint)
        as failed_sign_in_count,
    cast(sum(case when subject = 'page_visit' then 1 else 0 end) as bigint) as page_visit_count,
    cast(sum(case when subject = 'model_change' then 1 else 0 end) as bigint) as model_change_count,
    cast(sum(case when subject = 'access_change' then 1 else 0 end) as bigint) as access_change_count,
    cast(min(event_id) as bigint) as first_event_id,
    cast(max(event_id) as bigint) as last_event_id,
    cast(min(occurred_at) as timestamptz) as first_at,
    cast(max(occurred_at) as timestamptz) as last_at,
    cast(max(case when subject = 'sign_in' and outcome = 'success' then occurred_at end) as timestamptz)
        as last_sign_in_at,
    cast(max(case when kind_of_use = 'visit' then occurred_at end) as timestamptz) as last_page_visit_at,
    cast(max(case when kind_of_use = 'data' then occurred_at end) as timestamptz) as last_data_change_at,
    cast(max(case when kind_of_use = 'action' then occurred_at end) as timestamptz) as last_action_at,
    cast(max(case when kind_of_use = 'build' then occurred_at end) as timestamptz) as last_build_at,
    -- Deprecated names of measures, kept for one release.
    cast(count(*) as bigint) as events,
    cast(sum(case when subject = 'sign_in' and outcome = 'success' then 1 else 0 end) as bigint) as sign_ins,
    cast(sum(case when subject = 'sign_in' and outcome = 'failure' then 1 else 0 end) as bigint) as failed_sign_ins,
    cast(sum(case when subject = 'page_visit' then 1 else 0 end) as bigint) as page_visits,
    cast(sum(case when subject = 'model_change' then 1 else 0 end) as bigint) as model_changes,
    cast(sum(case when subject = 'access_change' then 1 else 0 end) as bigint) as access_changes
from numbered
group by event_day, user_id
