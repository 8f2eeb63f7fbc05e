-- Failed sign-ins or refused accesses of one user, or of one address where no user is known, in a short time.
-- inputs: int_attempt_series, finding_rules
with

evidence as (
    select
        rule, noun, who, island, user_id, user_name, user_label, event_id, occurred_at,
        row_number() over (partition by rule, who, island order by number nulls first) as place
    from int_attempt_series
    where rule in ('failed_sign_in_burst', 'denied_access_burst')
)

select
    cast(concat(e.rule, ':', cast(max(case when e.place = 1 then e.event_id end) as varchar)) as varchar) as finding_id,
    cast(e.rule as varchar) as rule,
    cast(max(r.severity) as varchar) as severity,
    cast(concat(
        cast(count(*) as varchar), ' ', max(e.noun), ' of ', coalesce(max(e.user_label), e.who)
    ) as varchar) as finding,
    cast(max(e.user_id) as varchar) as user_id,
    cast(max(e.user_name) as varchar) as user_name,
    cast(max(e.user_label) as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(string_agg(
        case when e.place <= 20 then cast(e.event_id as varchar) end, ',' order by e.event_id nulls first
    ) as varchar) as evidence_event_ids,
    cast(count(*) as bigint) as evidence_count,
    cast(min(e.occurred_at) as timestamptz) as started_at,
    cast(max(e.occurred_at) as timestamptz) as ended_at
from evidence as e
inner join finding_rules as r on e.rule = r.rule
group by e.rule, e.who, e.island
