-- grain: one row per user
-- key: user_id
-- inputs: dim_users
select
    user_id,
    version,
    user_name,
    first_name,
    last_name,
    email,
    kind,
    tenant_id,
    is_active,
    is_removed,
    last_login_at,
    valid_from,
    valid_to,
    user_name_source,
    user_label,
    created_at,
    is_entitled,
    workspace_count,
    user_key
from dim_users
where is_current
