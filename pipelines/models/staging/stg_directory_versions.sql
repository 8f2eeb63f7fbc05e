-- The history of users, workspaces and models without overlaps and with one version for each moment. `version_rank`
-- counts from the newest version, `version` from the oldest.
-- grain: one row per version of a user, workspace or model
-- key: kind, directory_id, version
-- inputs: stg_users, stg_workspaces, stg_models
with

listed as (
    select
        cast('user' as varchar) as kind, user_id as directory_id, row_version, user_name as name, first_name,
        last_name, email, tenant_id, cast(null as varchar) as workspace_id,
        cast(null as varchar) as workspace_name, cast(null as varchar) as active_state,
        cast(null as varchar) as model_url, cast(null as varchar) as last_modified_by,
        cast(null as bigint) as size_allowance, cast(null as bigint) as current_size,
        cast(null as bigint) as memory_usage, is_active, cast(null as timestamptz) as last_modified_at,
        cast(null as timestamptz) as created_at, valid_from, valid_to
    from stg_users
    union all
    select
        cast('workspace' as varchar) as kind, workspace_id as directory_id, row_version, workspace_name as name,
        cast(null as varchar) as first_name, cast(null as varchar) as last_name, cast(null as varchar) as email,
        cast(null as varchar) as tenant_id, cast(null as varchar) as workspace_id,
        cast(null as varchar) as workspace_name, cast(null as varchar) as active_state,
        cast(null as varchar) as model_url, cast(null as varchar) as last_modified_by, size_allowance,
        current_size, cast(null as bigint) as memory_usage, is_active,
        cast(null as timestamptz) as last_modified_at, cast(null as timestamptz) as created_at, valid_from,
        valid_to
    from stg_workspaces
    union all
    select
        cast('model' as varchar) as kind, model_id as directory_id, row_version, model_name as name,
        cast(null as varchar) as first_name, cast(null as varchar) as last_name, cast(null as varchar) as email,
        cast(null as varchar) as tenant_id, workspace_id, workspace_name, active_state, model_url,
        last_modified_by, cast(null as bigint) as size_allowance, cast(null as bigint) as current_size,
        memory_usage, cast(null as boolean) as is_active, last_modified_at, created_at, valid_from, valid_to
    from stg_models
),

-- Two versions that begin at the same moment would double the events that they name. The one that still holds is kept.
ranked as (
    select
        l.*,
        row_number() over (
            partition by l.kind, l.directory_id, l.valid_from
            order by case when l.valid_to is null then 0 else 1 end, l.valid_to desc, l.row_version
        ) as rank_at_start
    from listed as l
)

select
    kind,
    directory_id,
    name,
    first_name,
    last_name,
    email,
    tenant_id,
    workspace_id,
    workspace_name,
    active_state,
    model_url,
    last_modified_by,
    cast(first_value(name) over (partition by kind, directory_id order by valid_from desc) as varchar) as name_now,
    cast(row_number() over (partition by kind, directory_id order by valid_from) as bigint) as version,
    cast(row_number() over (partition by kind, directory_id order by valid_from desc) as bigint) as version_rank,
    size_allowance,
    current_size,
    memory_usage,
    is_active,
    last_modified_at,
    created_at,
    valid_from,
    valid_to,
    -- A version holds until the next one begins. The first one holds for all the time before it too.
    cast(case
        when row_number() over (partition by kind, directory_id order by valid_from) = 1
            then cast(cast('1900-01-01' as date) as timestamptz)
        else valid_from
    end as timestamptz) as starts_at,
    cast(coalesce(
        lead(valid_from) over (partition by kind, directory_id order by valid_from),
        cast(cast('2100-01-01' as date) as timestamptz)
    ) as timestamptz) as ends_at
from ranked
where rank_at_start = 1
