-- grain: one row per row of a model's own history
-- key: history_row_id
-- inputs: stg_model_history, int_history_kinds, int_user_handles, int_workspace_names, stg_directory_versions
with

-- A description can begin with the number of objects that it is about: `12 Item(s) Deleted`.
counted as (
    select
        h.*,
        substring(concat(h.description, ' '), 1, strpos(concat(h.description, ' '), ' ') - 1) as first_word
    from stg_model_history as h
)

select
    h.history_row_id,
    h.change_day,
    h.changed_at,
    h.model_id,
    models.name as model_name,
    cast(coalesce(models.workspace_id, h.workspace_id) as varchar) as workspace_id,
    cast(coalesce(workspaces.name, names.workspace_name) as varchar) as workspace_name,
    h.transaction_id,
    handles.user_id,
    cast(coalesce(users.name, h.sent_user) as varchar) as user_name,
    h.sent_user,
    cast(coalesce(kinds.change_kind, 'unknown') as varchar) as change_kind,
    cast(coalesce(kinds.object_kind, 'unknown') as varchar) as object_kind,
    h.description,
    h.module_or_list,
    h.line_item_or_property,
    h.item,
    h.previous_value,
    h.new_value,
    target_handles.user_id as target_user_id,
    cast(coalesce(targets.name, h.sent_target_user) as varchar) as target_user_name,
    h.import_name,
    h.export_name,
    h.data_types,
    h.table_name,
    h.object_name,
    cast(case
        when length(h.first_word) between 1 and 9
            and translate(h.first_word, '123456789', '000000000') = substring('000000000', 1, length(h.first_word))
            then cast(h.first_word as bigint)
        else 1
    end as bigint) as object_count,
    cast(coalesce(models.active_state like 'PRODUCTION%', false) as boolean) as is_production,
    cast(handles.user_id || '-' || cast(coalesce(users.version, 1) as varchar) as varchar) as user_key,
    cast(target_handles.user_id || '-' || cast(coalesce(targets.version, 1) as varchar) as varchar) as target_user_key,
    cast(h.model_id || '-' || cast(coalesce(models.version, 1) as varchar) as varchar) as model_key,
    -- No list need hold the workspace that history names.
    cast(
        coalesce(models.workspace_id, case when workspaces.version is not null then h.workspace_id end)
        || '-' || cast(coalesce(workspaces.version, 1) as varchar)
        as varchar
    ) as workspace_key
from counted as h
left join int_history_kinds as kinds on h.description_shape = kinds.description_shape
left join int_user_handles as handles on lower(h.sent_user) = handles.handle
left join int_user_handles as target_handles on lower(h.sent_target_user) = target_handles.handle
left join stg_directory_versions as models
    on models.kind = 'model' and models.directory_id = h.model_id
    and h.changed_at >= models.starts_at and h.changed_at < models.ends_at
left join stg_directory_versions as workspaces
    on workspaces.kind = 'workspace' and workspaces.directory_id = coalesce(models.workspace_id, h.workspace_id)
    and h.changed_at >= workspaces.starts_at and h.changed_at < workspaces.ends_at
left join int_workspace_names as names on coalesce(models.workspace_id, h.workspace_id) = names.workspace_id
left join stg_directory_versions as users
    on users.kind = 'user' and users.directory_id = handles.user_id
    and h.changed_at >= users.starts_at and h.changed_at < users.ends_at
left join stg_directory_versions as targets
    on targets.kind = 'user' and targets.directory_id = target_handles.user_id
    and h.changed_at >= targets.starts_at and h.changed_at < targets.ends_at
