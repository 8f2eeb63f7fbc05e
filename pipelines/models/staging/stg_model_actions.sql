-- Actions, imports, exports and processes of models as their lists showed them, version by version. A model that was
-- read and holds nothing has one row of the kind `none`.
-- grain: one row per version of an action of a model, as dlt stored it
-- key: model_id, kind, action_id, valid_from, row_version
-- inputs: model_actions
select
    cast(case
        when translate(lower(a.model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(a.model_id)
        else a.model_id
    end as varchar) as model_id,
    cast(case
        when translate(lower(a.workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(a.workspace_id)
        else a.workspace_id
    end as varchar) as workspace_id,
    a.kind,
    a.action_id,
    a.row_version,
    a.name as action_name,
    a.code as action_code,
    a.action_type,
    a.import_type,
    a.import_source_id,
    a.import_source_name,
    a.export_type,
    a.export_format,
    a.export_encoding,
    a.export_layout,
    a._dlt_valid_from as valid_from,
    a._dlt_valid_to as valid_to
from model_actions as a
