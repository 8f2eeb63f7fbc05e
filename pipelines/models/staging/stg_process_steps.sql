-- The actions that a process runs.
-- grain: one row per process and step
-- key: model_id, process_id, step_number
-- inputs: process_steps
select
    cast(case
        when translate(lower(s.model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(s.model_id)
        else s.model_id
    end as varchar) as model_id,
    s.process_id,
    s.step_number,
    s.action_id,
    s.action_name,
    s.action_type
from process_steps as s
where s.step_number > 0
