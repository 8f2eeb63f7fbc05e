"""Which lists and histories of models are loaded, for `status`. Reads only."""

from typing import Any

from audit_source.directory.content_plan import ARCHIVED, FAILED, FORBIDDEN, READ
from pipelines.warehouse.reader import ENRICHED, RAW, Reader

Json = dict[str, Any]

_CONTENTS = """
select r.status, count(*) as models
from models as m left join content_reads as r on lower(r.model_id) = lower(m.id)
where m._dlt_valid_to is null
group by r.status
"""
# A model counts even before its history is loaded, if it lists such an export.
_EXPORTING = """
select count(*) as models
from models as m
where m._dlt_valid_to is null and (
    lower(m.id) in (
        select lower(a.model_id) from model_actions as a where a.export_type = 'AUDIT_LOG' and a._dlt_valid_to is null
    )
    or lower(m.id) in (
        select lower(r.model_id) from model_history_reads as r
        where r.export_name is not null and r.status not in ('no_export', 'forbidden')
    )
)
"""
_READS = """
select r.model_id, m.name as model_name, r.status, r.read_at, r.error
from model_history_reads as r
inner join models as m on lower(m.id) = lower(r.model_id) and m._dlt_valid_to is null
where r.status not in ('no_export', 'forbidden')
"""
_ROWS = "select count(*) as number, max(changed_at) as newest from model_history"
_UNKNOWN = """
select count(*) as number, count(distinct description) as descriptions
from fct_model_history where change_kind = 'unknown'
"""


def contents(reader: Reader | None) -> Json:
    """Return how many of the listed models have their lists read, by the status of the last reading."""
    counts: Json = {"models": 0, READ: 0, FORBIDDEN: 0, ARCHIVED: 0, FAILED: 0, "waiting": 0}
    for row in _rows(reader, RAW, _CONTENTS):
        counts["models"] += row["models"]
        counts[row["status"] or "waiting"] += row["models"]
    return counts


def model_history(reader: Reader | None) -> Json:
    """Return how much of the models' history is loaded, and the newest failure of the last attempts."""
    reads = _rows(reader, RAW, _READS)
    failed = sorted((one for one in reads if one["status"] != "complete"), key=lambda one: one["read_at"])
    [exporting] = _rows(reader, RAW, _EXPORTING) or [{"models": 0}]
    [stored] = _rows(reader, RAW, _ROWS) or [{"number": 0, "newest": None}]
    return {
        "models_with_export": exporting["models"],
        "models_loaded": len(reads) - len(failed),
        "models_failed": len(failed),
        "rows": stored["number"],
        "newest_change": stored["newest"],
        "last_failure": failed[-1] if failed else None,
    }


def unknown_changes(reader: Reader | None) -> Json:
    """Return how many changes, and how many descriptions of changes, match no rule."""
    [found] = _rows(reader, ENRICHED, _UNKNOWN) or [{"number": 0, "descriptions": 0}]
    return {"rows": found["number"], "descriptions": found["descriptions"]}


def _rows(reader: Reader | None, dataset: str, query: str) -> list[Json]:
    return reader.rows(dataset, query) if reader else []
