"""Find the users whom no list names and whom events now give another name, and the days that show the old name."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dlt
from sqlglot import exp, parse_one

from pipelines.common.names import DIALECT

from .graph import Enrichment
from .incremental import FACTS, days_where, folded_id, rows_of
from .materialize import Datasets, summary_rows
from .summaries import Reach, fresh_name, stored_table, whole_name

NAMES = "event_user_names"
# The newest name of each user, before this run and now. The order is that of `int_user_names`.
_CHANGED = """
with ranked_now as (
    select user_id, user_name, row_number() over (partition by user_id order by named_at desc, user_name) as name_rank
    from {now}
),
ranked_before as (
    select user_id, user_name, row_number() over (partition by user_id order by named_at desc, user_name) as name_rank
    from {before}
),
compared as (
    select
        coalesce(n.user_id, b.user_id) as id,
        n.user_name as name,
        b.user_name as name_before
    from (select * from ranked_now where name_rank = 1) as n
    full join (select * from ranked_before where name_rank = 1) as b on n.user_id = b.user_id
),
listed as (
    select {listed} as id
    from users
    group by {listed}
    having min(case when coalesce(nullif(trim(concat(first_name, last_name)), ''), email) is null then 0 else 1 end) = 1
)
select cast(c.id as varchar) as id, cast(c.name as varchar) as name
from compared as c
left join listed on c.id = listed.id
where listed.id is null and (c.name is null or c.name_before is null or c.name <> c.name_before)
"""


def changed_names(datasets: Datasets, enrichment: Enrichment, reach: Reach) -> dict[str, str | None]:
    """Return the names that events now give users whom no list names, where they gave another one before, by id.

    None is the name of a user whom no event names any more.
    """
    columns = datasets.enriched.schema.tables.get(FACTS, {}).get("columns", {})
    if NAMES not in enrichment.models or "user_label" not in columns:
        return {}
    summary = enrichment.models[NAMES]
    is_kept = NAMES in reach.kept
    if is_kept and not reach.loaded:
        return {}
    query = summary_rows(enrichment, summary, reach)
    now, before = exp.to_table(whole_name(summary)), stored_table(summary, reach.dataset)
    named = f"(select * from {{}} where user_id in (select user_id from {fresh_name(summary)}))"
    texts = [named.format(one.sql(DIALECT)) if is_kept else one.sql(DIALECT) for one in (now, before)]
    compared: Any = parse_one(_CHANGED.format(now=texts[0], before=texts[1], listed=folded_id("id")), dialect=DIALECT)
    for cte in reversed(query.ctes):
        compared.args["with_"].expressions.insert(0, cte)
    return dict(rows_of(datasets.raw, compared, datasets.enriched))


def days_with_other_names(enriched: dlt.Dataset, names: Mapping[str, str | None], is_bounded: bool) -> set[date]:
    """Return the days whose facts show a user under another name than `names`, by id."""
    if not names:
        return set()
    ids = [exp.Literal.string(one) for one in names]
    known = [exp.Literal.string(f"{one} {name or ''}") for one, name in names.items()]
    conditions = []
    for user in ("user", "target_user"):
        shown = f"concat({user}_id, ' ', coalesce({user}_name, ''))"
        shows_another = exp.condition(shown, dialect=DIALECT).isin(*known).not_()
        conditions.append(exp.column(f"{user}_id").isin(*ids).and_(shows_another))
    return days_where(enriched, names, exp.or_(*conditions), is_bounded)
