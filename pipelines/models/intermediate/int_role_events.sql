-- Grants and removals of tenant roles and model roles that were done, with one key for each role: events may name a
-- role by its id, by its name, or by both.
-- grain: one row per event that gives or takes a role
-- key: event_id
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
    cast(role_name as varchar) as role_name,
    cast(model_id as varchar) as model_id,
    cast(workspace_id as varchar) as workspace_id,
    cast(role_key as varchar) as role_key
from keyed
