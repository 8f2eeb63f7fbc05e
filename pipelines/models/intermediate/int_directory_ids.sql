-- Every id of the directory, with the list that holds it.
-- grain: one row per id
-- key: directory_id
-- inputs: stg_directory_versions
select
    directory_id,
    cast(min(kind) as varchar) as kind
from stg_directory_versions
group by directory_id
