-- Models whose lists of actions were read at least once.
-- grain: one row per model
-- key: model_id
-- inputs: stg_model_actions
select distinct model_id
from stg_model_actions
