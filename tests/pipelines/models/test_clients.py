"""The client of a user agent: the first pattern of `clients.csv` that matches."""

from collections.abc import Iterator

import duckdb
import pytest

from audit_source import schema
from tests.support.raw_rows import arrow_table, event
from tests.support.translation import ENRICHMENT

SAFARI = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0 Safari/537.36"
CLIENTS = {
    "Anaplan Connect 4.3 (Java/17)": "Anaplan Connect",
    "anaplan-connect/2": "Anaplan Connect",
    "Anaplan Excel Add-in": "Anaplan add-in or service",
    f"{CHROME} Edg/120.0": "Edge",
    f"{CHROME} Edge/18": "Edge",
    f"{CHROME} OPR/100": "Opera",
    "Mozilla/5.0 (X11; rv:121.0) Gecko/20100101 Firefox/121.0": "Firefox",
    CHROME: "Chrome",
    f"{SAFARI} CriOS/121.0 Safari/604.1": "Chrome",
    f"{SAFARI} Version/17.0 Safari/605.1.15": "Safari",
    "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0)": "Internet Explorer",
    "Mozilla/4.0 (compatible; MSIE 8.0)": "Internet Explorer",
    "Microsoft Office Excel 2016": "Microsoft Office",
    "Microsoft Office/16.0": "Microsoft Office",
    "python-requests/2.31": "Python",
    "PYTHON-urllib": "Python",
    "Java/17.0.2": "Java",
    "Apache-HttpClient/4.5": "Java",
    "okhttp/4.9": "Java",
    "curl/8.0": "curl",
    "PostmanRuntime/7.36": "Postman",
    "something else": "other",
    "": "other",
    "msie": "other",
    "chrome": "other",
    # No user agent: the program that the event names.
    "na": "sent",
    "NA": "sent",
}


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str | None, str | None]]:
    """The client of each user agent, from the whole query of `fct_events`."""
    rows = [
        event(number, "USR-8", "2026-03-01 10:00", user_agent=agent, attr_client_name="sent")
        for number, agent in enumerate([*CLIENTS, None])
    ]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in schema.TABLES:
            connection.register("rows", arrow_table(table, rows if table.name == "events" else []))
            connection.execute(f"create table {table.name} as select * from rows")
        query = ENRICHMENT.models["fct_events"].query.sql("duckdb")
        yield dict(connection.execute(f"select user_agent, client from ({query})").fetchall())


@pytest.mark.parametrize("agent", [*CLIENTS, None])
def test_first_matching_pattern_names_the_client(clients: dict[str | None, str | None], agent: str | None) -> None:
    assert clients[agent] == ("sent" if agent is None else CLIENTS[agent])
