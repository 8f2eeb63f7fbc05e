"""Find the users beside those of the directory that have another name now, and the days that show the old one.

The name is that of the SCIM service, or the one that events give a user whom no list names.
"""

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

NAMES, USERS, SCIM = "event_user_names", "dim_users", "scim_users"
# Users of the directory with a name, by the id that staging gives them.
_OF_DIRECTORY = """
    select {id} as id
    from users
    group by {id}
    having min(case when coalesce(nullif(trim(concat(first_name, last_name)), ''), email) is null then 0 else 1 end) = 1
"""
# Users of the SCIM service with a name. The name is that of `stg_scim_users`.
_OF_SCIM = """
    select {id} as id, min(coalesce(nullif(trim(display_name), ''), user_name)) as name, min(user_name) as email
    from scim_users
    where coalesce(nullif(trim(display_name), ''), user_name) is not null
    group by {id}
"""
# Users whom only the SCIM service names, and whom the stored dimension shows otherwise.
_CHANGED_IN_SCIM = """
with listed as ({of_directory}),
named as ({of_scim})
select cast(n.id as varchar) as id
from named as n
inner join {users} as u on n.id = u.user_id
left join listed on n.id = listed.id
where listed.id is null
    and (u.user_name_source <> 'directory' or u.user_name <> n.name or coalesce(u.email, '') <> coalesce(n.email, ''))
"""
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
listed as ({listed})
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
    listed = _OF_DIRECTORY.format(id=folded_id("id"))
    if SCIM in datasets.raw.schema.tables:
        listed += f"union select id from ({_OF_SCIM.format(id=folded_id('id'))}) as of_scim"
    named = f"(select * from {{}} where user_id in (select user_id from {fresh_name(summary)}))"
    texts = [named.format(one.sql(DIALECT)) if is_kept else one.sql(DIALECT) for one in (now, before)]
    compared: Any = parse_one(_CHANGED.format(now=texts[0], before=texts[1], listed=listed), dialect=DIALECT)
    for cte in reversed(query.ctes):
        compared.args["with_"].expressions.insert(0, cte)
    return dict(rows_of(datasets.raw, compared, datasets.enriched))


def changed_in_scim(datasets: Datasets, reach: Reach) -> set[str]:
    """Return the users whom only the SCIM service names, and whom the enriched tables show otherwise."""
    columns = datasets.enriched.schema.tables.get(USERS, {}).get("columns", {})
    if "user_name_source" not in columns or SCIM not in datasets.raw.schema.tables:
        return set()
    of_directory, of_scim = (query.format(id=folded_id("id")) for query in (_OF_DIRECTORY, _OF_SCIM))
    query = _CHANGED_IN_SCIM.format(of_directory=of_directory, of_scim=of_scim, users=f"{reach.dataset}.{USERS}")
    return {user for (user,) in rows_of(datasets.raw, query, datasets.enriched)}


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
