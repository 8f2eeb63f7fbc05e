-- grain: one row per version of a workspace, and one per workspace that events name but the directory never listed
-- key: workspace_id, version
-- inputs: stg_directory_versions, int_referenced_workspaces, int_workspace_names
with

all_workspaces as (
    select
        v.directory_id as workspace_id,
        v.version,
        v.name as workspace_name,
        v.size_allowance,
        v.current_size,
        v.is_active,
        cast(true as boolean) as is_listed,
        cast(v.version_rank = 1 as boolean) as is_current,
        cast(v.version_rank = 1 and v.valid_to is not null as boolean) as is_removed,
        v.valid_from,
        v.valid_to
    from stg_directory_versions as v
    where v.kind = 'workspace'
    union all
    select
        r.workspace_id,
        cast(1 as bigint) as version,
        names.workspace_name,
        cast(null as bigint) as size_allowance,
        cast(null as bigint) as current_size,
        cast(null as boolean) as is_active,
        cast(false as boolean) as is_listed,
        cast(true as boolean) as is_current,
        cast(false as boolean) as is_removed,
        cast(null as timestamptz) as valid_from,
        cast(null as timestamptz) as valid_to
    from int_referenced_workspaces as r
    left join int_workspace_names as names on r.workspace_id = names.workspace_id
)

select
    workspace_id,
    version,
    workspace_name,
    size_allowance,
    current_size,
    is_active,
    is_listed,
    is_current,
    is_removed,
    valid_from,
    valid_to,
    cast(workspace_id || '-' || cast(version as varchar) as varchar) as workspace_key
from all_workspaces
