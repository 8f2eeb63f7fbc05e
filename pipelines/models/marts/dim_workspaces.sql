-- grain: one row per version of a workspace, and one per workspace that events name but the directory never listed
-- key: workspace_id, version
-- inputs: workspaces, models, events, event_types, users
with

listed as (
    select
        cast(case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end as varchar) as workspace_id,
        name,
        active,
        size_allowance,
        current_size,
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
    from workspaces
),

versions as (
    select
        workspace_id, name, active, size_allowance, current_size, valid_from, valid_to,
        row_number() over (partition by workspace_id order by valid_from) as version,
        row_number() over (partition by workspace_id order by valid_from desc) as newest
    from listed
    where pick = 1
),

named as (
    select case
        when translate(lower(additional_attributes__workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(additional_attributes__workspace_id)
        else additional_attributes__workspace_id
    end as workspace_id from events
    union
    select case
        when translate(lower(current_workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(current_workspace_id)
        else current_workspace_id
    end as workspace_id from models
    union
    select lower(coalesce(events.object_id, events.additional_attributes__object_id)) as workspace_id
    from events
    inner join event_types
        on events.event_type_code = event_types.event_type_code
        and event_types.object_kind = 'workspace'
        and length(coalesce(events.object_id, events.additional_attributes__object_id)) = 32
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
    end as id from models
),

unlisted as (
    select named.workspace_id
    from named
    left join versions on named.workspace_id = versions.workspace_id
    left join known_things on named.workspace_id = known_things.id
    where named.workspace_id is not null and versions.workspace_id is null and known_things.id is null
),

-- The account behind the pipeline may not see every workspace, but models carry their workspace's name.
names_by_models as (
    select
        case
            when translate(lower(current_workspace_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(current_workspace_id)
            else current_workspace_id
        end as workspace_id,
        current_workspace_name as name,
        row_number() over (
            partition by case
                when translate(lower(current_workspace_id), '123456789abcdef', '000000000000000')
                    = '00000000000000000000000000000000'
                    then lower(current_workspace_id)
                else current_workspace_id
            end order by _dlt_valid_from desc, id, row_version
        ) as pick
    from models
    where current_workspace_name is not null
),

spaces as (
    select
        workspace_id, version, name, active, size_allowance, current_size,
        newest = 1 as is_current,
        newest = 1 and valid_to is not null as is_removed,
        true as is_listed,
        valid_from, valid_to
    from versions
    union all
    select
        unlisted.workspace_id, 1 as version, names_by_models.name, cast(null as boolean) as active,
        cast(null as bigint) as size_allowance, cast(null as bigint) as current_size,
        true as is_current, false as is_removed, false as is_listed,
        cast(null as timestamptz) as valid_from, cast(null as timestamptz) as valid_to
    from unlisted
    left join names_by_models
        on unlisted.workspace_id = names_by_models.workspace_id and names_by_models.pick = 1
)

select
    cast(workspace_id as varchar) as workspace_id,
    cast(version as bigint) as version,
    cast(name as varchar) as workspace_name,
    cast(size_allowance as bigint) as size_allowance,
    cast(current_size as bigint) as current_size,
    cast(active as boolean) as is_active,
    cast(is_listed as boolean) as is_listed,
    cast(is_current as boolean) as is_current,
    cast(is_removed as boolean) as is_removed,
    cast(valid_from as timestamptz) as valid_from,
    cast(valid_to as timestamptz) as valid_to
from spaces
