"""Creates the tables that an older version of this source did not have."""

from collections.abc import Iterable, Iterator

import dlt
from dlt.sources import DltResource

from ..table_resources import Batch, declare_tables
from .detail_resources import detail_resources, history_resources


@dlt.source(name="audit", section="audit_source")
def new_tables(names: list[str]) -> Iterable[DltResource]:
    """Create tables of `DETAIL_TABLES` and `HISTORY_TABLES` without a row. No request is sent.

    Args:
        names (List[str]): Names of the tables.
    """
    declare_tables()

    @dlt.resource(name="new_tables", selected=False)
    def empty() -> Iterator[Batch]:
        for name in names:
            yield name, None

    return (*detail_resources(empty), *history_resources(empty))
