-- An administrator role was given to a user. For the Workspace Administrator role, the log shows only that it changed.
-- inputs: fct_access_changes, finding_rules
select
    cast(concat(r.rule, ':', cast(c.event_id as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        case when c.kind = 'workspace_admin' then 'Workspace Administrator' else c.role_name end,
        case when c.kind = 'workspace_admin' then ' role given to or taken from ' else ' role given to ' end,
        coalesce(c.target_user_label, 'a user'),
        ' by ', coalesce(c.user_label, 'nobody known')
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
inner join finding_rules as r on r.rule = 'admin_role_granted'
where c.outcome = 'done'
    and (c.kind = 'workspace_admin' or (c.action = 'granted' and lower(c.role_name) like r.role_pattern))
