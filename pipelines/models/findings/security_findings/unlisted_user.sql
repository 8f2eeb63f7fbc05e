-- Activity of a user who is in no list of users read so far. There are no findings if no list could be read.
-- inputs: agg_daily_users, dim_users, finding_rules
select
    cast(concat(max(r.rule), ':', a.user_id) as varchar) as finding_id,
    cast(max(r.rule) as varchar) as rule,
    cast(max(r.severity) as varchar) as severity,
    cast(concat(
        cast(sum(a.event_count) as varchar), ' events of ', max(u.user_label),
        ', who is in no list of users read so far'
    ) as varchar) as finding,
    a.user_id,
    cast(max(u.user_name) as varchar) as user_name,
    cast(max(u.user_label) as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(concat(cast(min(a.first_event_id) as varchar), ',', cast(max(a.last_event_id) as varchar)) as varchar)
        as evidence_event_ids,
    cast(sum(a.event_count) as bigint) as evidence_count,
    cast(min(a.first_at) as timestamptz) as started_at,
    cast(max(a.last_at) as timestamptz) as ended_at
from agg_daily_users as a
inner join dim_users as u on a.user_id = u.user_id and u.is_current and u.kind = 'unknown'
inner join finding_rules as r on r.rule = 'unlisted_user'
where exists (
    select 1 from dim_users as anyone
    where anyone.kind = 'person'
)
group by a.user_id
having sum(a.event_count) >= max(r.threshold)
