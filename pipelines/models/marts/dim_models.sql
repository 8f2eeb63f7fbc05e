-- grain: one row per version of a model, and one per model that events name but the directory never listed
-- key: model_id, version
-- inputs: stg_directory_versions, int_referenced_models
with

all_models as (
    select
        v.directory_id as model_id,
        v.version,
        v.name as model_name,
        v.active_state,
        v.workspace_id,
        v.workspace_name,
        v.model_url,
        v.last_modified_by,
        v.memory_usage,
        cast(true as boolean) as is_listed,
        cast(v.version_rank = 1 as boolean) as is_current,
        cast(v.version_rank = 1 and v.valid_to is not null as boolean) as is_removed,
        v.last_modified_at,
        v.created_at,
        v.valid_from,
        v.valid_to
    from stg_directory_versions as v
    where v.kind = 'model'
    union all
    select
        r.model_id,
        cast(1 as bigint) as version,
        cast(null as varchar) as model_name,
        cast(null as varchar) as active_state,
        cast(null as varchar) as workspace_id,
        cast(null as varchar) as workspace_name,
        cast(null as varchar) as model_url,
        cast(null as varchar) as last_modified_by,
        cast(null as bigint) as memory_usage,
        cast(false as boolean) as is_listed,
        cast(true as boolean) as is_current,
        cast(false as boolean) as is_removed,
        cast(null as timestamptz) as last_modified_at,
        cast(null as timestamptz) as created_at,
        cast(null as timestamptz) as valid_from,
        cast(null as timestamptz) as valid_to
    from int_referenced_models as r
)

select
    model_id,
    version,
    model_name,
    active_state,
    workspace_id,
    workspace_name,
    model_url,
    last_modified_by,
    memory_usage,
    is_listed,
    is_current,
    is_removed,
    last_modified_at,
    created_at,
    valid_from,
    valid_to,
    cast(model_id || '-' || cast(version as varchar) as varchar) as model_key
from all_models
