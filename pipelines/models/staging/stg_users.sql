-- Users as the directory listed them, version by version. `stg_directory_versions` puts the versions in order.
-- grain: one row per version of a user, as dlt stored it
-- key: user_id, valid_from, row_version
-- inputs: users
select
    cast(case
        when lower(u.id) like 'internal%' then upper(u.id)
        when translate(lower(u.id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(u.id)
        else u.id
    end as varchar) as user_id,
    u.row_version,
    cast(coalesce(
        nullif(trim(concat(coalesce(u.first_name, ''), ' ', coalesce(u.last_name, ''))), ''), u.email
    ) as varchar) as user_name,
    u.first_name,
    u.last_name,
    u.email,
    u.customer_id as tenant_id,
    u.active as is_active,
    u._dlt_valid_from as valid_from,
    u._dlt_valid_to as valid_to
from users as u
