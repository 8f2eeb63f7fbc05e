-- grain: one row per process and step, as last read
-- key: model_id, process_id, step_number
-- inputs: stg_process_steps, int_action_versions, action_prefixes
select
    s.model_id,
    s.process_id,
    s.step_number,
    processes.action_name as process_name,
    s.action_id,
    cast(coalesce(actions.action_name, s.action_name) as varchar) as action_name,
    actions.kind as action_kind,
    cast(coalesce(s.action_type, actions.action_type, actions.import_type, actions.export_type) as varchar)
        as action_type
from stg_process_steps as s
left join action_prefixes as p on substring(s.action_id, 1, 3) = p.prefix
left join int_action_versions as processes
    on processes.kind = 'process' and processes.version_rank = 1
    and s.model_id = processes.model_id and s.process_id = processes.action_id
left join int_action_versions as actions
    on actions.version_rank = 1 and actions.kind = p.kind
    and s.model_id = actions.model_id and s.action_id = actions.action_id
