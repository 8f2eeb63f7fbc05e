-- Runs of an integration that failed one after another. A success ends the series.
-- inputs: fct_integration_runs, dim_users, finding_rules
with

runs as (
    select
        integration_id, integration_name, model_name, user_id, run_id, message, error_code, outcome,
        coalesce(started_at, ended_at) as happened_at,
        coalesce(ended_at, started_at) as finished_at
    from fct_integration_runs
    where outcome in ('success', 'failure') and coalesce(started_at, ended_at) is not null
),

numbered as (
    select
        integration_id, integration_name, model_name, user_id, run_id, message, error_code, outcome, happened_at,
        finished_at,
        -- The same for all failures between two successes.
        coalesce(sum(case when outcome = 'success' then 1 else 0 end) over (
            partition by integration_id order by happened_at nulls first, run_id nulls first
            rows between unbounded preceding and current row
        ), 0) as series
    from runs
),

evidence as (
    select
        integration_id, integration_name, model_name, user_id, run_id, message, error_code, happened_at, finished_at,
        series,
        row_number() over (partition by integration_id, series order by happened_at, run_id) as place,
        row_number() over (partition by integration_id, series order by happened_at desc, run_id desc) as place_from_end
    from numbered
    where outcome = 'failure'
),

failing as (
    select
        integration_id,
        max(case when place = 1 then run_id end) as first_run_id,
        max(case when place_from_end = 1 then integration_name end) as integration_name,
        max(case when place_from_end = 1 then model_name end) as model_name,
        max(case when place_from_end = 1 then user_id end) as user_id,
        max(case when place_from_end = 1 then coalesce(message, error_code) end) as reason,
        string_agg(case when place <= 20 then run_id end, ',' order by run_id nulls first) as run_ids,
        count(*) as failures,
        min(happened_at) as started_at,
        max(finished_at) as ended_at
    from evidence
    group by integration_id, series
)

select
    cast(concat(r.rule, ':', f.first_run_id) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        'Integration ', coalesce(f.integration_name, f.integration_id), ' failed ', cast(f.failures as varchar),
        case when f.failures = 1 then ' time' else ' times in a row' end,
        case when f.model_name is null then '' else concat(' in ', f.model_name) end,
        case when f.reason is null then '' else concat(': ', f.reason) end
    ) as varchar) as finding,
    cast(f.user_id as varchar) as user_id,
    u.user_name,
    u.user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(f.run_ids as varchar) as evidence_event_ids,
    cast(f.failures as bigint) as evidence_count,
    cast(f.started_at as timestamptz) as started_at,
    cast(f.ended_at as timestamptz) as ended_at
from failing as f
inner join finding_rules as r on r.rule = 'integration_failed' and f.failures >= r.threshold
left join dim_users as u on f.user_id = u.user_id and u.is_current
