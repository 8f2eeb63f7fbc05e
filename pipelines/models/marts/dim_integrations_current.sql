-- grain: one row per integration
-- key: integration_id
-- inputs: dim_integrations
select
    integration_id,
    version,
    integration_name,
    integration_type,
    model_id,
    model_name,
    workspace_id,
    workspace_name,
    process_id,
    process_name,
    created_by,
    created_by_user_id,
    schedule_status,
    schedule_type,
    is_visible_on_pages,
    is_removed,
    created_at,
    modified_at,
    valid_from,
    valid_to
from dim_integrations
where is_current
