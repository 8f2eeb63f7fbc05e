-- Grants and removals of tenant roles and model roles that changed something: a repeated grant, or a removal of what
-- was removed already, is left out.
-- `is_first`: nothing before it tells whether the user held the role.
-- grain: one row per change of a role of a user
-- key: event_id, role_key
-- inputs: int_role_events, int_role_ends
with

steps as (
    select
        event_id, occurred_at, kind, action, user_id, user_label, target_user_id, role_id, role_name, model_id,
        workspace_id, role_key, 'revoked' as end_reason, 1 as is_sent
    from int_role_events
    union all
    select
        e.event_id, e.occurred_at, g.kind, 'revoked' as action, e.user_id, e.user_label, g.target_user_id, g.role_id,
        g.role_name, g.model_id, g.workspace_id, g.role_key, e.end_reason, 0 as is_sent
    from int_role_events as g
    inner join int_role_ends as e on g.event_id = e.granted_event_id
),

followed as (
    select
        s.*,
        max(s.role_name) over (partition by s.kind, s.model_id, s.role_key) as any_role_name,
        lag(s.action) over (
            partition by s.target_user_id, s.kind, s.model_id, s.role_key order by s.occurred_at, s.event_id
        ) as action_before,
        sum(s.is_sent) over (
            partition by s.target_user_id, s.kind, s.model_id, s.role_key
            order by s.occurred_at nulls first, s.event_id nulls first
            rows between unbounded preceding and current row
        ) as sent_until_now
    from steps as s
),

marked as (
    select
        f.*,
        f.is_sent = 1 and f.sent_until_now = 1 as is_first
    from followed as f
)

select
    cast(event_id as bigint) as event_id,
    cast(occurred_at as timestamptz) as occurred_at,
    cast(kind as varchar) as kind,
    cast(action as varchar) as action,
    cast(user_id as varchar) as user_id,
    cast(user_label as varchar) as user_label,
    cast(target_user_id as varchar) as target_user_id,
    cast(role_id as varchar) as role_id,
    cast(model_id as varchar) as model_id,
    cast(workspace_id as varchar) as workspace_id,
    cast(end_reason as varchar) as end_reason,
    cast(coalesce(role_name, any_role_name) as varchar) as role_name,
    cast(role_key as varchar) as role_key,
    cast(is_first as boolean) as is_first
from marked
where is_first or action_before is null or action_before <> action
