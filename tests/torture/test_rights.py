"""Rights revoked between runs, on PostgreSQL: reported in one line; once granted again, the next run repairs everything."""

from typing import Any

import pytest

from tests.support.crash_world import World, error_lines
from tests.support.obstacles import execute
from tests.support.places import ENRICHED, RAW
from tests.support.postgres import Postgres, for_dlt

PASSWORD = "p@ss/w:rd%é-0815"
# The revoked right, and how to grant it again.
RIGHTS = {
    "the raw dataset": (f"revoke all on schema {RAW} from USER", f"grant all on schema {RAW} to USER"),
    "writing events": (f"revoke insert, delete on {RAW}.events from USER", f"grant insert, delete on {RAW}.events to USER"),
    "the state": (f"revoke all on {RAW}._dlt_pipeline_state from USER", f"grant all on {RAW}._dlt_pipeline_state to USER"),
    "the enriched dataset": (f"revoke all on schema {ENRICHED} from USER", f"grant all on schema {ENRICHED} to USER"),
    "reading facts": (f"revoke select on {ENRICHED}.fct_events from USER", f"grant select on {ENRICHED}.fct_events to USER"),
    "signing in": ("alter role USER nologin", "alter role USER login"),
    "the password": ("alter role USER password 'another'", f"alter role USER password '{PASSWORD}'"),
}  # fmt: skip


REFUSALS = ("permission denied", "not permitted to log in", "password authentication failed")
# The user owns everything that exists.
OWNED = f"""
do $$ declare made record; begin
    for made in select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname in ('{RAW}', '{ENRICHED}', '{ENRICHED}_staging', '{RAW}_staging')
    loop execute 'alter table ' || made.name || ' owner to USER'; end loop;
    for made in select nspname as name from pg_namespace where nspname like 'anaplan%'
    loop execute 'alter schema ' || made.name || ' owner to USER'; end loop;
end $$
"""


@pytest.mark.parametrize("world", ["postgres"], indirect=True)
@pytest.mark.parametrize("right", RIGHTS)
def test_revoked_right_is_reported_and_loses_nothing(world: World, postgres: Postgres, tally: Any, right: str) -> None:
    where = world.place("later")
    address = postgres.new_user(where.engine.address, PASSWORD)
    where.set("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(address))
    user = address.partition("://")[2].partition(":")[0]
    taken, given_back = (statement.replace("USER", user) for statement in RIGHTS[right])
    execute(where.engine, OWNED.replace("USER", user), taken)
    try:
        ended = world.run(where)
    finally:
        execute(where.engine, given_back)
    (line,) = error_lines(ended)
    assert ended.code == 1 and line.startswith("audit: ") and "Traceback" not in line, ended
    assert any(sign in line for sign in REFUSALS), line
    assert PASSWORD not in ended.err + ended.out
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("obstacles")
