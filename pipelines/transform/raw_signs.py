"""What one statement reads of the raw tables when an enrichment begins: what changed since the last one shows in it."""

from typing import Any, NamedTuple

import dlt

from .incremental import Watermark, single_rows, watermark_of, watermark_queries
from .list_days import lists_queries
from .version_history import count_query


class RawSigns(NamedTuple):
    """The watermark, the rows of `lists_queries`, and the number of directory versions in a wrong order."""

    watermark: Watermark
    lists: list[tuple[Any, ...]]
    wrong_versions: int


def read_signs(raw: dlt.Dataset) -> RawSigns:
    """Return the signs of the raw dataset."""
    watermark, lists = watermark_queries(raw), lists_queries()
    rows = single_rows(raw, [*watermark, *lists, count_query()])
    ((wrong,),) = rows[-1:]
    return RawSigns(watermark_of(rows[: len(watermark)]), rows[len(watermark) : -1], int(wrong))
