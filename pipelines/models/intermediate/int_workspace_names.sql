-- Names of workspaces as models carry them. The pipeline's account may not see every workspace.
-- grain: one row per workspace
-- key: workspace_id
-- inputs: stg_models
with

ranked as (
    select
        workspace_id,
        workspace_name,
        row_number() over (
            partition by workspace_id order by valid_from desc, sent_id, row_version
        ) as name_rank
    from stg_models
    where workspace_name is not null
)

select
    workspace_id,
    workspace_name
from ranked
where name_rank = 1
