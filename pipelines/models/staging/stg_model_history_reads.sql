-- Models whose history was requested, with the result.
-- grain: one row per model
-- key: model_id
-- inputs: model_history_reads
select
    cast(case
        when translate(lower(r.model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(r.model_id)
        else r.model_id
    end as varchar) as model_id,
    r.status,
    r.stored_rows,
    r.read_at
from model_history_reads as r
