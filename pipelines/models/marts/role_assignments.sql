-- What the log shows of the roles of users. A role that was given before the log began and was not taken since is in no
-- event, so it is not here. A user has one role in a model: the next one ends it.
-- grain: one row per time for which a user holds or held a role
-- key: assignment_id
-- inputs: int_role_changes, dim_users, dim_models
with

steps as (
    select
        *,
        lead(event_id) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_event_id,
        lead(occurred_at) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_at,
        lead(user_id) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_user_id,
        lead(user_label) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_user_label,
        lead(end_reason) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_end_reason
    from int_role_changes
),

spans as (
    select
        event_id, kind, target_user_id, role_key, role_id, role_name, model_id, workspace_id,
        case when action = 'granted' then event_id end as granted_event_id,
        case when action = 'granted' then occurred_at end as from_at,
        case when action = 'granted' then user_id end as granted_by_user_id,
        case when action = 'granted' then user_label else 'before the log' end as granted_by,
        case when action = 'granted' then next_event_id else event_id end as ended_event_id,
        case when action = 'granted' then next_at else occurred_at end as to_at,
        case when action = 'granted' then next_end_reason else 'revoked' end as end_reason,
        case when action = 'granted' then next_user_id else user_id end as ended_by_user_id,
        case when action = 'granted' then next_user_label else user_label end as ended_by
    from steps
    where action = 'granted' or is_first
),

ended as (
    select
        s.*,
        case when u.is_removed and u.valid_to >= s.from_at and s.to_at is null then u.valid_to end as left_at,
        u.user_name,
        u.user_label,
        u.kind as user_kind
    from spans as s
    left join dim_users as u on s.target_user_id = u.user_id and u.is_current
)

select
    cast(e.event_id as bigint) as assignment_id,
    cast(e.target_user_id as varchar) as user_id,
    e.user_name,
    e.user_label,
    e.user_kind,
    cast(e.kind as varchar) as role_kind,
    cast(e.role_id as varchar) as role_id,
    cast(coalesce(e.role_name, e.role_key) as varchar) as role_label,
    cast(e.role_name as varchar) as role_name,
    cast(e.model_id as varchar) as model_id,
    m.model_name,
    cast(e.workspace_id as varchar) as workspace_id,
    cast(e.to_at is null and e.left_at is null as boolean) as is_held,
    cast(e.from_at as timestamptz) as from_at,
    cast(case when e.from_at is null then 'before the log' else 'granted' end as varchar) as start_reason,
    cast(e.granted_by_user_id as varchar) as granted_by_user_id,
    cast(e.granted_by as varchar) as granted_by,
    cast(e.granted_event_id as bigint) as granted_event_id,
    cast(coalesce(e.to_at, e.left_at) as timestamptz) as to_at,
    cast(case when e.left_at is not null then 'user left' else e.end_reason end as varchar) as end_reason,
    cast(e.ended_by_user_id as varchar) as ended_by_user_id,
    cast(e.ended_by as varchar) as ended_by,
    cast(e.ended_event_id as bigint) as ended_event_id
from ended as e
left join dim_models as m on e.model_id = m.model_id and m.is_current
