-- Names are those of the lists when the run ended.
-- grain: one row per run of an integration
-- key: run_id
-- inputs: stg_integration_runs, stg_directory_versions, int_integration_versions, int_action_versions, int_user_handles
select
    r.run_id,
    r.integration_id,
    integrations.integration_name,
    integrations.integration_type,
    integrations.model_id,
    models.name as model_name,
    integrations.workspace_id,
    cast(coalesce(workspaces.name, case
        when integrations.workspace_id = models.workspace_id then models.workspace_name
    end) as varchar) as workspace_name,
    integrations.process_id,
    processes.action_name as process_name,
    r.triggered_by,
    triggers.user_id,
    r.trigger_source,
    cast(case when r.success then 'success' when not r.success then 'failure' else 'unknown' end as varchar) as outcome,
    r.error_code,
    r.message,
    r.trace_id,
    -- Seconds since 1970: Spark would take the difference of local times.
    cast(floor(epoch(r.ended_at)) - floor(epoch(r.started_at)) as bigint) as seconds,
    cast(r.trigger_source like 'scheduled%' as boolean) as is_scheduled,
    r.started_at,
    r.ended_at,
    cast(triggers.user_id || '-' || cast(coalesce(users.version, 1) as varchar) as varchar) as user_key,
    cast(integrations.model_id || '-' || cast(coalesce(models.version, 1) as varchar) as varchar) as model_key,
    cast(
        integrations.workspace_id || '-' || cast(coalesce(workspaces.version, 1) as varchar) as varchar
    ) as workspace_key
from stg_integration_runs as r
left join int_integration_versions as integrations
    on r.integration_id = integrations.integration_id
    and r.happened_at >= integrations.starts_at and r.happened_at < integrations.ends_at
left join stg_directory_versions as models
    on models.kind = 'model' and models.directory_id = integrations.model_id
    and r.happened_at >= models.starts_at and r.happened_at < models.ends_at
left join stg_directory_versions as workspaces
    on workspaces.kind = 'workspace' and workspaces.directory_id = integrations.workspace_id
    and r.happened_at >= workspaces.starts_at and r.happened_at < workspaces.ends_at
left join int_action_versions as processes
    on processes.kind = 'process'
    and integrations.model_id = processes.model_id and integrations.process_id = processes.action_id
    and r.happened_at >= processes.starts_at and r.happened_at < processes.ends_at
left join int_user_handles as triggers on lower(r.triggered_by) = triggers.handle
left join stg_directory_versions as users
    on users.kind = 'user' and users.directory_id = triggers.user_id
    and r.happened_at >= users.starts_at and r.happened_at < users.ends_at
