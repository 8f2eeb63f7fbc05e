-- Models that events, integrations or reads of a model name, but that no list of the directory holds.
-- grain: one row per model
-- key: model_id
-- inputs: stg_events, stg_integrations, int_read_models, stg_model_history_reads, stg_event_types, int_directory_ids
with

referenced_models as (
    select model_id from stg_events
    union
    select model_id from stg_integrations
    union
    select model_id from int_read_models
    union
    select model_id from stg_model_history_reads
    union
    select e.object_id as model_id
    from stg_events as e
    inner join stg_event_types as c
        on e.event_type_id = c.event_type_id
        and (
            c.object_kind = 'model'
            -- Where the catalogue expects a process, events carry the model.
            or c.object_kind = 'process'
            and length(e.object_id) = 32
        )
)

select r.model_id
from referenced_models as r
left join int_directory_ids as known on r.model_id = known.directory_id
where r.model_id is not null and known.directory_id is null
