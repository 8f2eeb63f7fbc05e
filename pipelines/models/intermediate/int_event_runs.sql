-- Events with what they ran: names of the action, the process and the integration from the lists at the time, and the
-- model and workspace of the integration.
-- grain: one row per event
-- key: event_id
-- inputs: int_event_objects, int_action_versions, int_integration_versions
with

placed as (
    select
        o.*,
        cast(coalesce(o.model_id, case when o.kind_of_id = 'model' then o.object_id end) as varchar)
            as place_model_id,
        cast(coalesce(o.run_process_id, case when o.object_kind = 'process' then o.object_id end) as varchar)
            as place_process_id,
        cast(coalesce(o.integration_id, case when o.object_kind = 'integration' then o.object_id end) as varchar)
            as place_integration_id,
        cast(coalesce(o.occurred_at, o.recorded_at, cast(cast('1900-01-01' as date) as timestamptz)) as timestamptz)
            as happened_at
    from int_event_objects as o
)

select
    p.*,
    integrations.integration_name as listed_integration_name,
    integrations.model_id as integration_model_id,
    integrations.workspace_id as integration_workspace_id,
    actions.export_format,
    actions.valid_to as action_valid_to,
    processes.action_name as listed_process_name,
    -- An event's own name of an action is that of its time. A bare `name` can be that of something else.
    cast(coalesce(
        p.action_name,
        case
            when p.action_id = '-1' then 'unsaved action'
            when p.name_meaning = 'action' then p.name
        end,
        actions.action_name,
        case when p.action_id is not null then p.name end
    ) as varchar) as run_name
from placed as p
left join int_integration_versions as integrations
    on p.place_integration_id = integrations.integration_id
    and p.happened_at >= integrations.starts_at and p.happened_at < integrations.ends_at
left join int_action_versions as actions
    on p.place_model_id = actions.model_id and p.action_kind = actions.kind and p.action_id = actions.action_id
    and p.happened_at >= actions.starts_at and p.happened_at < actions.ends_at
left join int_action_versions as processes
    on processes.kind = 'process'
    and p.place_model_id = processes.model_id and p.place_process_id = processes.action_id
    and p.happened_at >= processes.starts_at and p.happened_at < processes.ends_at
