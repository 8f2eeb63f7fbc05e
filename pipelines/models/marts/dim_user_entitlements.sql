-- grain: one row per user, workspace and period in which the user may enter it
-- key: user_id, workspace_id, entitlement_type, period
-- inputs: stg_user_entitlements, stg_directory_versions
with

-- Two versions that begin at the same moment are one period. The one that still holds is kept.
ranked as (
    select
        e.*,
        row_number() over (
            partition by e.user_id, e.workspace_id, e.entitlement_type, e.valid_from
            order by case when e.valid_to is null then 0 else 1 end, e.valid_to desc, e.row_version
        ) as rank_at_start
    from stg_user_entitlements as e
)

select
    r.user_id,
    r.workspace_id,
    r.entitlement_type,
    cast(row_number() over (
        partition by r.user_id, r.workspace_id, r.entitlement_type order by r.valid_from
    ) as bigint) as period,
    users.name_now as user_name,
    users.email as user_email,
    cast(coalesce(workspaces.name_now, r.workspace_name) as varchar) as workspace_name,
    cast(r.valid_to is null as boolean) as is_current,
    r.valid_from,
    r.valid_to
from ranked as r
left join stg_directory_versions as users
    on users.kind = 'user' and users.directory_id = r.user_id and users.version_rank = 1
left join stg_directory_versions as workspaces
    on workspaces.kind = 'workspace' and workspaces.directory_id = r.workspace_id and workspaces.version_rank = 1
where r.rank_at_start = 1
