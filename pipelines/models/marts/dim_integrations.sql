-- grain: one row per version of an integration
-- key: integration_id, version
-- inputs: int_integration_versions, stg_directory_versions, int_action_versions, int_workspace_names, int_user_handles
select
    v.integration_id,
    v.version,
    v.integration_name,
    v.integration_type,
    v.model_id,
    models.name_now as model_name,
    v.workspace_id,
    cast(coalesce(workspaces.name_now, names.workspace_name) as varchar) as workspace_name,
    v.process_id,
    processes.action_name as process_name,
    v.created_by,
    creators.user_id as created_by_user_id,
    v.schedule_status,
    v.schedule_type,
    v.is_visible_on_pages,
    cast(v.version_rank = 1 as boolean) as is_current,
    cast(v.version_rank = 1 and v.valid_to is not null as boolean) as is_removed,
    v.created_at,
    v.modified_at,
    v.valid_from,
    v.valid_to,
    v.starts_at,
    v.ends_at
from int_integration_versions as v
left join stg_directory_versions as models
    on models.kind = 'model' and models.directory_id = v.model_id and models.version_rank = 1
left join stg_directory_versions as workspaces
    on workspaces.kind = 'workspace' and workspaces.directory_id = v.workspace_id and workspaces.version_rank = 1
left join int_workspace_names as names on v.workspace_id = names.workspace_id
left join int_action_versions as processes
    on processes.kind = 'process' and processes.version_rank = 1
    and v.model_id = processes.model_id and v.process_id = processes.action_id
left join int_user_handles as creators on lower(v.created_by) = creators.handle
