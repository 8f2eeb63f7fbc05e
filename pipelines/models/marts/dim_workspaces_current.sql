-- grain: one row per workspace
-- key: workspace_id
-- inputs: dim_workspaces
select
    workspace_id,
    version,
    workspace_name,
    size_allowance,
    current_size,
    is_active,
    is_listed,
    is_removed,
    valid_from,
    valid_to,
    workspace_key
from dim_workspaces
where is_current
