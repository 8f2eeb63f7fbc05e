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

-- What ends a role without an event about it. The deletion of a user takes every role, and the grant of another role in
-- a model takes the one before. Of several ends after a grant only the first one changes something, so each grant is
-- given that one: all ends joined to all roles would be the square of the changes of a user.
deletions as (
    select target_user_id, event_id, occurred_at, user_id, user_label
    from fct_access_changes
    where kind = 'user' and action = 'deleted' and outcome = 'done' and occurred_at is not null
),

grants as (
    select
        k.*,
        lag(k.role_key) over (
            partition by k.target_user_id, k.kind, k.model_id order by k.occurred_at, k.event_id
        ) as role_before
    from keyed as k
    where k.action = 'granted'
),

-- Grants with, in `place`, the roles that one end takes: all of the user, or those in one model. `is_end` sorts a grant
-- that is itself the end of another one.
scopes as (
    select
        g.target_user_id, 'user' as place, cast(null as varchar) as model_id, g.event_id, g.occurred_at, 0 as is_end,
        g.user_id, g.user_label
    from grants as g
    union all
    select
        d.target_user_id, 'user' as place, cast(null as varchar) as model_id, d.event_id, d.occurred_at, 1 as is_end,
        d.user_id, d.user_label
    from deletions as d
    union all
    select
        g.target_user_id, g.kind as place, g.model_id, g.event_id, g.occurred_at, 0 as is_end, g.user_id, g.user_label
    from grants as g
    where g.model_id is not null
    union all
    select
        g.target_user_id, g.kind as place, g.model_id, g.event_id, g.occurred_at, 1 as is_end, g.user_id, g.user_label
    from grants as g
    where g.model_id is not null and g.role_before <> g.role_key
),

-- The same for an end and for the grants before it, back to the end before.
grouped as (
    select
        s.*,
        sum(s.is_end) over (
            partition by s.target_user_id, s.place, s.model_id
            order by s.occurred_at desc nulls last, s.event_id desc nulls last, s.is_end nulls first
            rows between unbounded preceding and current row
        ) as ends_after
    from scopes as s
),

ends as (
    select
        g.event_id as granted_event_id,
        g.is_end,
        case when g.place = 'user' then 'user deleted' else 'replaced' end as end_reason,
        max(case when g.is_end = 1 then g.event_id end) over (
            partition by g.target_user_id, g.place, g.model_id, g.ends_after
        ) as event_id,
        max(case when g.is_end = 1 then g.occurred_at end) over (
            partition by g.target_user_id, g.place, g.model_id, g.ends_after
        ) as occurred_at,
        max(case when g.is_end = 1 then g.user_id end) over (
            partition by g.target_user_id, g.place, g.model_id, g.ends_after
        ) as user_id,
        max(case when g.is_end = 1 then g.user_label end) over (
            partition by g.target_user_id, g.place, g.model_id, g.ends_after
        ) as user_label
    from grouped as g
),

steps as (
    select
        event_id, occurred_at, kind, action, user_id, user_label, target_user_id, role_id, role_name, model_id,
        workspace_id, role_key, 'revoked' as end_reason, 1 as is_sent
    from keyed
    union all
    select
        e.event_id, e.occurred_at, g.kind, 'revoked' as action, e.user_id, e.user_label, g.target_user_id, g.role_id,
        g.role_name, g.model_id, g.workspace_id, g.role_key, e.end_reason, 0 as is_sent
    from grants as g
    inner join ends as e on g.event_id = e.granted_event_id
    where e.is_end = 0 and e.event_id is not null
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
