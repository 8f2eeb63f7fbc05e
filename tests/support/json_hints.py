"""A dlt warning that the model tests themselves cause."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_json_hints() -> Iterator[None]:
    """Suppress the warning: for Arrow tables, dlt reports on each load that text goes into json columns."""

    def keep(record: logging.LogRecord) -> bool:
        return "several column hints were different" not in record.getMessage()

    logging.getLogger("dlt").addFilter(keep)
    yield
    logging.getLogger("dlt").removeFilter(keep)
