-- A role, access to a workspace or an exception that a user gave to the own account.
-- inputs: fct_access_changes, finding_rules
select
    cast(concat(r.rule, ':', cast(c.event_id as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        c.user_label, ' gave the own account ',
        case
            when c.role_name is not null then concat('the role ', c.role_name)
            when c.kind = 'workspace' then 'access to a workspace'
            when c.kind = 'exception' then 'exception access'
            else 'a role'
        end
    ) as varchar) as finding,
    c.user_id,
    c.user_name,
    c.user_label,
    c.target_user_id,
    c.target_user_name,
    c.target_user_label,
    cast(c.event_id as varchar) as evidence_event_ids,
    cast(1 as bigint) as evidence_count,
    c.occurred_at as started_at,
    c.occurred_at as ended_at
from fct_access_changes as c
inner join finding_rules as r on r.rule = 'self_granted_role'
where c.user_id = c.target_user_id
    and c.outcome = 'done'
    and c.action = 'granted'
    and c.kind in ('tenant_role', 'model_role', 'workspace', 'exception')
