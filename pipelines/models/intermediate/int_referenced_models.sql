-- Models that events, integrations or reads of a model name, but that no list of the directory holds.
-- grain: one row per model
-- key: model_id
-- inputs: stg_event_ids, stg_event_types, stg_integrations, int_read_models, stg_model_history_reads, int_directory_ids
with

referenced_models as (
    select r.referenced_id as model_id
    from stg_event_ids as r
    left join stg_event_types as c on r.event_type_id = c.event_type_id
    where r.place in ('model', 'object')
        and (
            r.place = 'model'
            or c.object_kind = 'model'
            -- Where the catalogue expects a process, events carry the model.
            or c.object_kind = 'process'
            and length(r.referenced_id) = 32
        )
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
