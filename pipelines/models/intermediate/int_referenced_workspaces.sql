-- Workspaces that events, models, integrations or entitlements name, but that no list of the directory holds.
-- grain: one row per workspace
-- key: workspace_id
-- inputs: stg_event_ids, stg_event_types, stg_integrations, stg_user_entitlements, stg_models, int_directory_ids
with

referenced_workspaces as (
    select r.referenced_id as workspace_id
    from stg_event_ids as r
    left join stg_event_types as c on r.event_type_id = c.event_type_id
    where r.place in ('workspace', 'object')
        and (r.place = 'workspace' or c.object_kind = 'workspace' and length(r.referenced_id) = 32)
    union
    select workspace_id from stg_integrations
    union
    select workspace_id from stg_user_entitlements
    union
    select workspace_id from stg_models
)

select r.workspace_id
from referenced_workspaces as r
left join int_directory_ids as known on r.workspace_id = known.directory_id
where r.workspace_id is not null and known.directory_id is null
