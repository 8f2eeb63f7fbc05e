-- grain: one row per version of a model, and one per model that events name but the directory never listed
-- key: model_id, version
-- inputs: models, events, event_types, users, workspaces
with

listed as (
    select
        cast(case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end as varchar) as model_id,
        name,
        active_state,
        case
            when translate(lower(current_workspace_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(current_workspace_id)
            else current_workspace_id
        end as workspace_id,
        current_workspace_name,
        model_url,
        case
            when translate(lower(last_modified_by_user_guid), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(last_modified_by_user_guid)
            else last_modified_by_user_guid
        end as last_modified_by,
        last_modified,
        iso_creation_date,
        memory_usage,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        row_number() over (
            partition by case
                when translate(lower(id), '123456789abcdef', '000000000000000')
                    = '00000000000000000000000000000000'
                    then lower(id)
                else id
            end, _dlt_valid_from
            order by case when _dlt_valid_to is null then 0 else 1 end, _dlt_valid_to desc, row_version
        ) as pick
    from models
),

versions as (
    select
        model_id, name, active_state, workspace_id, current_workspace_name, model_url, last_modified_by,
        last_modified, iso_creation_date, memory_usage, valid_from, valid_to,
        row_number() over (partition by model_id order by valid_from) as version,
        row_number() over (partition by model_id order by valid_from desc) as newest
    from listed
    where pick = 1
),

-- Objects that are models by the catalogue.
objects as (
    select coalesce(events.object_id, events.additional_attributes__object_id) as object_id
    from events
    inner join event_types
        on events.event_type_code = event_types.event_type_code
        and (
            event_types.object_kind = 'model'
            -- Where the catalogue expects a process, events carry the model.
            or event_types.object_kind = 'process'
            and length(coalesce(events.object_id, events.additional_attributes__object_id)) = 32
        )
),

named as (
    select case
        when translate(lower(additional_attributes__model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(additional_attributes__model_id)
        else additional_attributes__model_id
    end as model_id from events
    union
    select case
        when translate(lower(object_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(object_id)
        else object_id
    end as model_id
    from objects
),

known_things as (
    select case
        when translate(lower(id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(id)
        else id
    end as id from users
    union
    select case
        when translate(lower(id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(id)
        else id
    end as id from workspaces
),

unlisted as (
    select named.model_id
    from named
    left join versions on named.model_id = versions.model_id
    left join known_things on named.model_id = known_things.id
    where named.model_id is not null and versions.model_id is null and known_things.id is null
),

all_models as (
    select
        model_id, version, name, active_state, workspace_id, current_workspace_name, model_url, last_modified_by,
        memory_usage,
        newest = 1 as is_current,
        newest = 1 and valid_to is not null as is_removed,
        true as is_listed,
        last_modified, iso_creation_date, valid_from, valid_to
    from versions
    union all
    select
        model_id, 1 as version, cast(null as varchar) as name, cast(null as varchar) as active_state,
        cast(null as varchar) as workspace_id, cast(null as varchar) as current_workspace_name,
        cast(null as varchar) as model_url, cast(null as varchar) as last_modified_by,
        cast(null as bigint) as memory_usage,
        true as is_current, false as is_removed, false as is_listed,
        cast(null as timestamptz) as last_modified, cast(null as timestamptz) as iso_creation_date,
        cast(null as timestamptz) as valid_from, cast(null as timestamptz) as valid_to
    from unlisted
)

select
    cast(model_id as varchar) as model_id,
    cast(version as bigint) as version,
    cast(name as varchar) as model_name,
    cast(active_state as varchar) as active_state,
    cast(workspace_id as varchar) as workspace_id,
    cast(current_workspace_name as varchar) as workspace_name,
    cast(model_url as varchar) as model_url,
    cast(last_modified_by as varchar) as last_modified_by,
    cast(memory_usage as bigint) as memory_usage,
    cast(is_listed as boolean) as is_listed,
    cast(is_current as boolean) as is_current,
    cast(is_removed as boolean) as is_removed,
    cast(last_modified as timestamptz) as last_modified_at,
    cast(iso_creation_date as timestamptz) as created_at,
    cast(valid_from as timestamptz) as valid_from,
    cast(valid_to as timestamptz) as valid_to
from all_models
