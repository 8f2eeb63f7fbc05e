-- Workspaces that events, models, integrations or entitlements name, but that no list of the directory holds.
-- grain: one row per workspace
-- key: workspace_id
-- inputs: event_ids, stg_integrations, stg_user_entitlements, stg_models, int_directory_ids
with

referenced_workspaces as (
    select id as workspace_id from event_ids
    where kind = 'workspace'
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
