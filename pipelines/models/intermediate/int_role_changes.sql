-- Grants and removals of tenant roles and model roles that changed something: a repeated grant, or a removal of what
-- was removed already, is left out. Events may name a role by its id, by its name, or by both.
-- `is_first`: nothing before it tells whether the user held the role.
-- grain: one row per change of a role of a user
-- key: event_id, role_key
-- inputs: fct_access_changes
with

done as (
    select
        event_id, occurred_at, kind, action, user_id, user_label, target_user_id, role_id, role_name,
        case when kind = 'model_role' then model_id end as model_id,
        case when kind = 'model_role' then workspace_id end as workspace_id
    from fct_access_changes
    where kind in ('tenant_role', 'model_role')
        and action in ('granted', 'revoked')
        and outcome = 'done'
        and target_user_id is not null
        and occurred_at is not null
        and coalesce(role_id, role_name) is not null
),

-- The id of a role that some events give by its name only. Ids of model roles are unique within their model only.
role_ids as (
    select
        kind,
        coalesce(model_id, '') as model_id,
        role_name,
        min(role_id) as role_id
    from done
    where role_id is not null and role_name is not null
    group by kind, coalesce(model_id, ''), role_name
),

keyed as (
    select
        d.*,
        coalesce(d.role_id, r.role_id, d.role_name) as role_key
    from done as d
    left join role_ids as r
        on d.role_id is null and d.kind = r.kind and coalesce(d.model_id, '') = r.model_id and d.role_name = r.role_name
),

roles_of_users as (
    select
        target_user_id, kind, model_id, role_key,
        max(role_id) as role_id,
        max(role_name) as role_name,
        max(workspace_id) as workspace_id
    from keyed
    group by target_user_id, kind, model_id, role_key
),

deletions as (
    select target_user_id, event_id, occurred_at, user_id, user_label
    from fct_access_changes
    where kind = 'user' and action = 'deleted' and outcome = 'done' and occurred_at is not null
),

-- The deletion of a user takes every role, and a role in a model takes the user's other roles in it. Both are joined to
-- the roles at once: Spark cannot plan the windows below over a union of two joins with `roles_of_users`.
ends as (
    select
        target_user_id, cast(null as varchar) as kind, cast(null as varchar) as model_id,
        cast(null as varchar) as role_key, event_id, occurred_at, user_id, user_label, 'user deleted' as end_reason
    from deletions
    union all
    select
        target_user_id, kind, model_id, role_key, event_id, occurred_at, user_id, user_label, 'replaced' as end_reason
    from keyed
    where action = 'granted' and model_id is not null
),

steps as (
    select
        event_id, occurred_at, kind, action, user_id, user_label, target_user_id, role_id, role_name, model_id,
        workspace_id, role_key, 'revoked' as end_reason, 1 as is_sent
    from keyed
    union all
    select
        e.event_id, e.occurred_at, r.kind, 'revoked' as action, e.user_id, e.user_label, r.target_user_id, r.role_id,
        r.role_name, r.model_id, r.workspace_id, r.role_key, e.end_reason, 0 as is_sent
    from roles_of_users as r
    inner join ends as e
        on r.target_user_id = e.target_user_id
        and (
            e.end_reason = 'user deleted'
            or r.kind = e.kind and r.model_id = e.model_id and r.role_key <> e.role_key
        )
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
