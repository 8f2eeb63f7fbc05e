-- The history of integrations without overlaps and with one version for each moment.
-- grain: one row per version of an integration
-- key: integration_id, version
-- inputs: stg_integrations
with

-- Two versions that begin at the same moment would double the events that they name. The one that still holds is kept.
ranked as (
    select
        i.*,
        cast(row_number() over (
            partition by i.integration_id, i.valid_from
            order by case when i.valid_to is null then 0 else 1 end, i.valid_to desc, i.row_version
        ) as bigint) as rank_at_start
    from stg_integrations as i
)

select
    r.*,
    cast(row_number() over (partition by r.integration_id order by r.valid_from) as bigint) as version,
    cast(row_number() over (partition by r.integration_id order by r.valid_from desc) as bigint) as version_rank,
    -- A version holds until the next one begins. The first one holds for all the time before it too.
    cast(case
        when row_number() over (partition by r.integration_id order by r.valid_from) = 1
            then cast(cast('1900-01-01' as date) as timestamptz)
        else r.valid_from
    end as timestamptz) as starts_at,
    cast(coalesce(
        lead(r.valid_from) over (partition by r.integration_id order by r.valid_from),
        cast(cast('2100-01-01' as date) as timestamptz)
    ) as timestamptz) as ends_at
from ranked as r
where r.rank_at_start = 1
