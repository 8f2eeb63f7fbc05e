-- Runs of integrations.
-- grain: one row per run
-- key: run_id
-- inputs: integration_runs
select
    r.run_id,
    cast(case
        when translate(lower(r.integration_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(r.integration_id)
        else r.integration_id
    end as varchar) as integration_id,
    r.trace_id,
    r.triggered_by,
    cast(lower(r.trigger_source) as varchar) as trigger_source,
    r.execution_error_code as error_code,
    r.message,
    r.success,
    r.started_at,
    r.ended_at,
    cast(coalesce(r.ended_at, r.started_at, cast(cast('1900-01-01' as date) as timestamptz)) as timestamptz)
        as happened_at
from integration_runs as r
