-- A version ends after it begins, and before the next one begins. `enrich` repairs the versions of a clock set back.
-- inputs: users, workspaces, models
with

versions as (
    select 'users' as list_name, id, _dlt_valid_from as valid_from, _dlt_valid_to as valid_to from users
    union all
    select 'workspaces' as list_name, id, _dlt_valid_from as valid_from, _dlt_valid_to as valid_to from workspaces
    union all
    select 'models' as list_name, id, _dlt_valid_from as valid_from, _dlt_valid_to as valid_to from models
),

followed as (
    select
        list_name,
        id,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by list_name, id
            order by case when valid_to is null then 1 else 0 end, valid_from, valid_to
        ) as next_from
    from versions
)

select list_name, id, valid_from, valid_to, next_from
from followed
where valid_to < valid_from
    -- Of two versions that begin together, staging keeps one.
    or (valid_to > next_from and valid_from <> next_from)
