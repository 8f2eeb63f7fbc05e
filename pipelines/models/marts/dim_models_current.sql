-- grain: one row per model
-- key: model_id
-- inputs: dim_models
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
    is_removed,
    last_modified_at,
    created_at,
    valid_from,
    valid_to,
    model_key
from dim_models
where is_current
