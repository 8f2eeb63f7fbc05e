-- grain: one row per version of a user, and one per user that events name but the directory never listed
-- key: user_id, version
-- inputs: stg_directory_versions, stg_user_logins, int_user_names, int_referenced_users, int_user_access
with

all_users as (
    select
        v.directory_id as user_id,
        v.version,
        cast(coalesce(v.name, names.user_name) as varchar) as user_name,
        v.first_name,
        v.last_name,
        cast(coalesce(v.email, names.email) as varchar) as email,
        v.tenant_id,
        v.is_active,
        cast(v.version_rank = 1 as boolean) as is_current,
        cast(v.version_rank = 1 and v.valid_to is not null as boolean) as is_removed,
        true as is_listed,
        case
            when coalesce(v.name, names.listed_name) is not null then 'directory'
            when names.user_name is not null then 'event'
            else 'none'
        end as user_name_source,
        v.valid_from,
        v.valid_to
    from stg_directory_versions as v
    left join int_user_names as names on v.directory_id = names.user_id
    where v.kind = 'user'
    union all
    select
        r.user_id,
        cast(1 as bigint) as version,
        names.user_name,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        names.email,
        cast(null as varchar) as tenant_id,
        cast(null as boolean) as is_active,
        cast(true as boolean) as is_current,
        cast(false as boolean) as is_removed,
        names.listed_name is not null as is_listed,
        case
            when names.listed_name is not null then 'directory'
            when names.user_name is not null then 'event'
            else 'none'
        end as user_name_source,
        cast(null as timestamptz) as valid_from,
        cast(null as timestamptz) as valid_to
    from int_referenced_users as r
    left join int_user_names as names on r.user_id = names.user_id
)

select
    u.user_id,
    u.version,
    u.user_name,
    u.first_name,
    u.last_name,
    cast(u.email as varchar) as email,
    cast(case
        when u.user_id like 'INTERNAL%' then 'system'
        when u.is_listed then 'person'
        else 'unknown'
    end as varchar) as kind,
    u.tenant_id,
    u.is_active,
    u.is_current,
    u.is_removed,
    logins.last_login_at,
    u.valid_from,
    u.valid_to,
    cast(u.user_name_source as varchar) as user_name_source,
    cast(coalesce(u.user_name, u.email, u.user_id) as varchar) as user_label,
    access.created_at,
    cast(access.workspace_count > 0 as boolean) as is_entitled,
    access.workspace_count,
    cast(u.user_id || '-' || cast(u.version as varchar) as varchar) as user_key
from all_users as u
left join stg_user_logins as logins on u.user_id = logins.user_id
left join int_user_access as access on u.user_id = access.user_id
