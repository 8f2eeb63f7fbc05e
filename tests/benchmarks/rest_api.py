"""dlt's declarative `rest_api` source into DuckDB.

python -m tests.benchmarks.rest_api URL FOLDER
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import dlt
import requests
from dlt.sources.rest_api import rest_api_source

from tests.benchmarks.tenant import EMAIL, PASSWORD


def main(url: str, folder: Path) -> None:
    signed_in = requests.post(f"{url}/token/authenticate", auth=(EMAIL, PASSWORD)).json()
    token = f"AnaplanAuthToken {signed_in['tokenInfo']['tokenValue']}"
    now = int(time.time() * 1000)
    config: Any = {
        "client": {
            "base_url": f"{url}/audit/api/1/",
            "headers": {"Authorization": token},
            "paginator": {"type": "offset", "limit": 10_000, "total_path": "meta.paging.totalSize"},
        },
        "resources": [
            {
                "name": "events",
                "primary_key": "id",
                "write_disposition": "merge",
                "max_table_nesting": 1,
                "endpoint": {
                    "path": "events",
                    "data_selector": "response",
                    "params": {"dateFrom": now - 30 * 86_400_000 + 60_000, "dateTo": now},
                },
            }
        ],
    }
    pipeline = dlt.pipeline(
        "rest_api_bench",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.duckdb(str(folder / "rest.duckdb")),
        dataset_name="raw",
    )
    pipeline.run(rest_api_source(config))
    [(number,)] = pipeline.dataset()("select count(distinct id) from events").fetchall()
    print(json.dumps({"events": number}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
