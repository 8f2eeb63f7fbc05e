-- Many users, connections, integrations, keys or other things that one user deleted on a day.
-- inputs: fct_access_changes, fct_platform_changes, finding_rules
with

deletions as (
    select user_id, user_name, user_label, event_day, event_id, occurred_at
    from fct_access_changes
    where action = 'deleted' and outcome = 'done' and user_id is not null
    union all
    select user_id, user_name, user_label, event_day, event_id, occurred_at
    from fct_platform_changes
    where action = 'deleted' and outcome in ('done', 'partly_done') and user_id is not null
),

evidence as (
    select
        user_id, user_name, user_label, event_day, event_id, occurred_at,
        row_number() over (partition by user_id, event_day order by event_id) as number
    from deletions
)

select
    cast(concat(max(r.rule), ':', e.user_id, ':', cast(e.event_day as varchar)) as varchar) as finding_id,
    cast(max(r.rule) as varchar) as rule,
    cast(max(r.severity) as varchar) as severity,
    cast(concat(cast(count(*) as varchar), ' deletions by ', max(e.user_label), ' in a day') as varchar) as finding,
    e.user_id,
    cast(max(e.user_name) as varchar) as user_name,
    cast(max(e.user_label) as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(string_agg(
        case when e.number <= 20 then cast(e.event_id as varchar) end, ',' order by e.event_id nulls first
    ) as varchar) as evidence_event_ids,
    cast(count(*) as bigint) as evidence_count,
    cast(min(e.occurred_at) as timestamptz) as started_at,
    cast(max(e.occurred_at) as timestamptz) as ended_at
from evidence as e
inner join finding_rules as r on r.rule = 'mass_deletion'
group by e.user_id, e.event_day
having count(*) >= max(r.threshold)
