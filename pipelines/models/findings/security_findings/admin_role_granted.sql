-- An administrator role was given to a user. Of the Workspace Administrator role the log tells only that it changed.
-- inputs: fct_access_changes, finding_rules
select
    cast(concat(r.rule, ':', cast(c.event_id as varchar)) as varchar) as finding_id,
    cast(r.rule as varchar) as rule,
    cast(r.severity as varchar) as severity,
    cast(concat(
        case when c.kind = 'workspace_admin' then 'Workspace Administrator' else c.role_name end,
        case when c.kind = 'workspace_admin' then ' role given to or taken from ' else ' role given to ' end,
        coalesce(c.target_user_name, c.target_user_id, 'a user'),
        ' by ', coalesce(c.user_name, c.user_id, 'nobody known')
    ) as varchar) as finding,
    cast(c.user_id as varchar) as user_id,
    cast(c.user_name as varchar) as user_name,
    cast(c.target_user_id as varchar) as target_user_id,
    cast(c.target_user_name as varchar) as target_user_name,
    cast(c.event_id as varchar) as evidence_event_ids,
    cast(1 as bigint) as evidence_count,
    cast(c.occurred_at as timestamptz) as started_at,
    cast(c.occurred_at as timestamptz) as ended_at
from fct_access_changes as c
inner join finding_rules as r on r.rule = 'admin_role_granted'
where c.outcome = 'done'
    and (c.kind = 'workspace_admin' or (c.action = 'granted' and lower(c.role_name) like r.role_pattern))
