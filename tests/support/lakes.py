"""The settings of a DuckLake in a folder."""

from pathlib import Path

from tests.support.postgres import for_dlt


def lake(catalogue: str, folder: Path, address: str) -> dict[str, str]:
    """Return the environment for a lake whose catalogue is in `duckdb`, `sqlite`, or `postgres` at an address."""
    file = f"{catalogue}:///{folder}/catalogue.file"
    return {
        "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": "ducklake",
        "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG": (
            for_dlt(address).replace("postgresql:", "postgres:") if catalogue == "postgres" else file
        ),
        "DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE__BUCKET_URL": f"file://{folder}/files",
    }
