-- grain: one row per action, import, export or process of a model
-- key: model_id, kind, action_id
-- inputs: dim_actions
select
    model_id,
    kind,
    action_id,
    version,
    action_name,
    action_code,
    model_name,
    workspace_id,
    action_type,
    import_type,
    import_source_id,
    import_source_name,
    export_type,
    export_format,
    export_encoding,
    export_layout,
    step_count,
    is_removed,
    valid_from,
    valid_to
from dim_actions
where is_current
