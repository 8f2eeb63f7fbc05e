-- What ends a role without an event about it. The deletion of a user takes every role, and the grant of another role in
-- a model takes the one before. Of several ends after a grant only the first one changes something, so each grant is
-- given that one: all ends joined to all roles would be the square of the changes of a user.
-- grain: one row per grant of a role and kind of end
-- key: granted_event_id, end_reason
-- inputs: fct_access_changes, int_role_events
with

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
    from int_role_events as k
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
)

select
    cast(granted_event_id as bigint) as granted_event_id,
    cast(end_reason as varchar) as end_reason,
    cast(event_id as bigint) as event_id,
    cast(occurred_at as timestamptz) as occurred_at,
    cast(user_id as varchar) as user_id,
    cast(user_label as varchar) as user_label
from ends
where is_end = 0 and event_id is not null
