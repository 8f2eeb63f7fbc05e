-- Workspaces as the directory listed them, version by version.
-- grain: one row per version of a workspace, as dlt stored it
-- key: workspace_id, valid_from, row_version
-- inputs: workspaces
select
    cast(case
        when translate(lower(w.id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(w.id)
        else w.id
    end as varchar) as workspace_id,
    w.row_version,
    w.name as workspace_name,
    w.size_allowance,
    w.current_size,
    w.active as is_active,
    w._dlt_valid_from as valid_from,
    w._dlt_valid_to as valid_to
from workspaces as w
