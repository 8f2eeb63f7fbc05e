-- Models that events, integrations or reads of a model name, but that no list of the directory holds.
-- grain: one row per model
-- key: model_id
-- inputs: event_ids, stg_integrations, int_read_models, stg_model_history_reads, int_directory_ids
with

referenced_models as (
    select id as model_id from event_ids
    where kind = 'model'
    union
    select model_id from stg_integrations
    union
    select model_id from int_read_models
    union
    select model_id from stg_model_history_reads
)

select r.model_id
from referenced_models as r
left join int_directory_ids as known on r.model_id = known.directory_id
where r.model_id is not null and known.directory_id is null
