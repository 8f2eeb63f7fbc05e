"""A warning of dlt's that the tests of the models cause themselves."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_json_hints() -> Iterator[None]:
    """Leaves it out: raw tables are loaded as Arrow, where dlt says on each load that text goes into json columns."""

    def keep(record: logging.LogRecord) -> bool:
        return "several column hints were different" not in record.getMessage()

    logging.getLogger("dlt").addFilter(keep)
    yield
    logging.getLogger("dlt").removeFilter(keep)
