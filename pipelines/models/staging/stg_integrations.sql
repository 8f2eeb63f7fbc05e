-- Integrations as CloudWorks listed them, version by version.
-- grain: one row per version of an integration, as dlt stored it
-- key: integration_id, valid_from, row_version
-- inputs: integrations
select
    cast(case
        when translate(lower(i.integration_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(i.integration_id)
        else i.integration_id
    end as varchar) as integration_id,
    i.row_version,
    cast(case
        when translate(lower(i.model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(i.model_id)
        else i.model_id
    end as varchar) as model_id,
    cast(case
        when translate(lower(i.workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(i.workspace_id)
        else i.workspace_id
    end as varchar) as workspace_id,
    i.process_id,
    i.name as integration_name,
    i.integration_type,
    i.created_by,
    i.schedule_status,
    i.schedule_type,
    i.nux_visible as is_visible_on_pages,
    i.creation_date as created_at,
    i.modification_date as modified_at,
    i._dlt_valid_from as valid_from,
    i._dlt_valid_to as valid_to
from integrations as i
