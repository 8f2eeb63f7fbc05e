-- What changed inside models, from their own history. Rows without a readable moment belong to no day and are left out.
-- grain: one row per row of a model's history
-- key: history_row_id
-- inputs: model_history
select
    h.history_row_id,
    cast(case
        when translate(lower(h.model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(h.model_id)
        else h.model_id
    end as varchar) as model_id,
    cast(case
        when translate(lower(h.workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(h.workspace_id)
        else h.workspace_id
    end as varchar) as workspace_id,
    h.transaction_id,
    h.user_name as sent_user,
    h.description,
    -- Digits, which count what changed, become 0: few shapes are left to be compared with the rules.
    cast(translate(lower(trim(h.description)), '123456789', '000000000') as varchar) as description_shape,
    h.previous_value,
    h.new_value,
    h.module_or_list,
    h.line_item_or_property,
    cast(coalesce(h.item, h.customer) as varchar) as item,
    h.export as export_name,
    h.import as import_name,
    h.data_types,
    h.table_name,
    h.object as object_name,
    h.target_user as sent_target_user,
    h.change_day,
    h.changed_at
from model_history as h
where h.change_day is not null
