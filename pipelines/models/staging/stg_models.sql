-- Models as the directory listed them, version by version.
-- grain: one row per version of a model, as dlt stored it
-- key: model_id, valid_from, row_version
-- inputs: models
select
    cast(case
        when translate(lower(m.id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(m.id)
        else m.id
    end as varchar) as model_id,
    m.id as sent_id,
    m.row_version,
    cast(case
        when translate(lower(m.current_workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(m.current_workspace_id)
        else m.current_workspace_id
    end as varchar) as workspace_id,
    cast(case
        when lower(m.last_modified_by_user_guid) like 'internal%' then upper(m.last_modified_by_user_guid)
        when translate(lower(m.last_modified_by_user_guid), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(m.last_modified_by_user_guid)
        else m.last_modified_by_user_guid
    end as varchar) as last_modified_by,
    m.name as model_name,
    m.active_state,
    m.current_workspace_name as workspace_name,
    m.model_url,
    m.memory_usage,
    m.last_modified as last_modified_at,
    m.iso_creation_date as created_at,
    m._dlt_valid_from as valid_from,
    m._dlt_valid_to as valid_to
from models as m
