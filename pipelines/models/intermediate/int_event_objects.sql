-- Events with their category and with what their object is.
-- grain: one row per event
-- key: event_id
-- inputs: stg_events, stg_event_types, int_event_categories, int_attribute_meanings, int_directory_ids, action_prefixes
with

described as (
    select
        e.*,
        cast(nullif(e.sent_name, 'null') as varchar) as name,
        cast(coalesce(
            e.process_id, case when m.action_id_meaning = 'process' or p.kind = 'process' then e.action_id end
        ) as varchar) as run_process_id,
        -- For a dashboard, the object of the event is the model, and the attributes hold the id of the dashboard.
        cast(case when m.object_id_meaning = 'dashboard' then e.second_object_id end as varchar) as dashboard_id,
        cast(coalesce(e.model_name, case when m.name_meaning = 'model' then e.sent_name end) as varchar)
            as object_model_name,
        m.name_meaning,
        -- What an id is follows from its first digits.
        cast(case
            when e.action_id is not null
                then coalesce(p.kind, case when m.action_id_meaning = 'process' then 'process' end, 'action')
        end as varchar) as action_kind,
        cast(coalesce(c.event_category, g.event_category, 'unknown') as varchar) as event_category,
        c.event_message,
        -- Where the catalogue expects a process, events carry the model. The object of an encryption event may be a key
        -- or a domain.
        cast(case
            when c.object_kind = 'process' and length(e.object_id) = 32 then 'model'
            when c.event_category <> 'encryption' or length(e.object_id) = 32 then c.object_kind
        end as varchar) as catalogue_kind
    from stg_events as e
    left join stg_event_types as c on e.event_type_id = c.event_type_id
    left join int_event_categories as g
        on substring(e.event_type_id, 1, strpos(e.event_type_id, '-')) = g.prefix
    left join int_attribute_meanings as m on e.event_type_id = m.event_type_id
    left join action_prefixes as p on substring(e.action_id, 1, 3) = p.prefix
),

-- The object is what its id is: first by the directory, then by an attribute with the same id, then by the catalogue.
classified as (
    select
        d.*,
        cast(coalesce(known.kind, case
            when d.object_id = d.model_id then 'model'
            when d.object_id = d.workspace_id then 'workspace'
            when d.object_id = d.target_user_id then 'user'
            when d.object_id = d.integration_id then 'integration'
            when d.object_id = d.run_process_id then 'process'
        end, d.catalogue_kind) as varchar) as kind_of_id
    from described as d
    left join int_directory_ids as known on d.object_id = known.directory_id
)

select
    c.*,
    cast(coalesce(c.kind_of_id, case
        when c.object_type in ('user', 'model', 'workspace') then c.object_type
        when c.object_id like '%/%' then 'app_page'
    end) as varchar) as object_kind
from classified as c
