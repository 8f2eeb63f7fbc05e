-- Workspaces that events, models, integrations or entitlements name, but that no list of the directory holds.
-- grain: one row per workspace
-- key: workspace_id
-- inputs: stg_events, stg_integrations, stg_user_entitlements, stg_event_types, stg_models, int_directory_ids
with

referenced_workspaces as (
    select workspace_id from stg_events
    union
    select workspace_id from stg_integrations
    union
    select workspace_id from stg_user_entitlements
    union
    select workspace_id from stg_models
    union
    select e.object_id as workspace_id
    from stg_events as e
    inner join stg_event_types as c
        on e.event_type_id = c.event_type_id
        and c.object_kind = 'workspace'
        and length(e.object_id) = 32
)

select r.workspace_id
from referenced_workspaces as r
left join int_directory_ids as known on r.workspace_id = known.directory_id
where r.workspace_id is not null and known.directory_id is null
