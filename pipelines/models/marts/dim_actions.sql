-- grain: one row per version of an action, import, export or process of a model
-- key: model_id, kind, action_id, version
-- inputs: int_action_versions, stg_directory_versions, stg_process_steps
with

steps as (
    select
        model_id,
        process_id,
        count(*) as step_count
    from stg_process_steps
    group by model_id, process_id
)

select
    v.model_id,
    v.kind,
    v.action_id,
    v.version,
    v.action_name,
    v.action_code,
    models.name_now as model_name,
    cast(coalesce(models.workspace_id, v.workspace_id) as varchar) as workspace_id,
    v.action_type,
    v.import_type,
    v.import_source_id,
    v.import_source_name,
    v.export_type,
    v.export_format,
    v.export_encoding,
    v.export_layout,
    cast(steps.step_count as bigint) as step_count,
    cast(v.version_rank = 1 as boolean) as is_current,
    cast(v.version_rank = 1 and v.valid_to is not null as boolean) as is_removed,
    v.valid_from,
    v.valid_to,
    v.starts_at,
    v.ends_at
from int_action_versions as v
left join stg_directory_versions as models
    on models.kind = 'model' and models.directory_id = v.model_id and models.version_rank = 1
left join steps
    on v.kind = 'process' and v.model_id = steps.model_id and v.action_id = steps.process_id
