"""The first load of a destination, as far as it goes without the destination: all but the files and statements sent.

Run as a program, which begins like `python -m pipelines.audit`: `first_load.py KIND...`. For each kind, it prints how many tables it would create.
"""

import logging
import sys
from typing import Any

from pipelines.common.start_up import leave_out_what_is_for_others, prepare

leave_out_what_is_for_others()

import dlt  # noqa: E402

from audit_source import schema  # noqa: E402
from audit_source.dlt_internals import EXPECTED  # noqa: E402
from pipelines.warehouse.dlt_internals import REPEATED  # noqa: E402
from pipelines.warehouse.engine import engine_named  # noqa: E402
from tests.support.drivers import pretended_drivers  # noqa: E402
from tests.support.json_hints import no_json_hints  # noqa: E402
from tests.support.raw_rows import Row, at, event, raw_resource, version  # noqa: E402

ROWS: dict[str, Row] = {
    "events": event(1, "USR-4", "2026-03-01 10:00", additional_attributes='{"a": 1}', success=True),
    "models": version("M1", "2026-03-01", name="Plan", category_values="[]", last_modified=at("2026-03-01 10:00")),
}


def first_load(kind: str) -> str:
    """Normalize rows, check their schema and files, and return the statements that create the tables."""
    engine = engine_named(kind)
    with pretended_drivers():
        destination = engine.destination()
        pipeline = dlt.pipeline(f"first_load_{kind}", destination=destination, dataset_name="raw").drop()
        rows = [
            raw_resource(table, [ROWS[table.name]]).apply_hints(
                file_format=engine.load_format(destination) or "preferred"
            )
            for table in schema.TABLES
            if table.name in ROWS
        ]
        with no_json_hints():
            pipeline.extract(rows)
        pipeline.normalize()
        [load_id] = pipeline.list_normalized_load_packages()
        jobs = [one.job_file_info for one in pipeline.get_load_package_info(load_id).jobs["new_jobs"]]
        client = client_of(destination, pipeline.default_schema)
        client.verify_schema(new_jobs=jobs)
        return "\n".join(
            line
            for name in ROWS
            for line in client._get_table_update_sql(name, list(client.schema.get_table_columns(name).values()), False)
        )


def client_of(destination: Any, described: dlt.Schema) -> Any:
    """Return dlt's client, which has not opened a connection."""
    settings = destination.configuration(destination.spec(), accept_partial=True)
    settings._bind_dataset_name("raw", described.name)
    return destination.client_class(described, settings, destination.capabilities(settings, described.naming))


if __name__ == "__main__":
    prepare(logging.StreamHandler(), (EXPECTED, REPEATED), debug=False)
    for one in sys.argv[1:]:
        print(one, first_load(one).lower().count("create table"), flush=True)
