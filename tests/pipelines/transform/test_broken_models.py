"""A model that cannot be built is refused with file, line and reason; no database is needed to tell."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.common.exit_codes import ModelError
from pipelines.transform.graph import read_enrichment
from tests.support.small_models import describe, write_model, write_seed

RAW = {"events": {"id": "bigint", "event_day": "date", "user_id": "text"}, "users": {"id": "text"}}
GOOD = "select cast(id as bigint) as id from events"
BY_DAY: dict[str, Any] = {"columns": ["event_day", "n"], "day": "event_day"}
COUNT = "select cast(event_day as date) as event_day, cast(count(*) as bigint) as n from {} group by event_day"


def refused(folder: Path) -> str:
    """The refusal, without the folder of the test."""
    with pytest.raises(ModelError) as error:
        read_enrichment(RAW, folder)
    return str(error.value).replace(f"{folder}/", "").replace("marts/", "").replace("seeds/", "")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select id + 1 as id from events", "mine.sql:1: `id + 1 AS id` has no type: write cast(id + 1 as type) as id"),
        ("select *\nfrom events", "mine.sql: `*` has no type: name each column in the final SELECT"),
        ("select cast(1 as\n  bigint) as id,\n  x as y", "mine.sql:3: `x AS y` has no type"),
        ("select cast(id as integer) as id from events", "mine.sql:1: `id` is cast to INT: use one of varchar, bigint"),
        ("select cast(id as bigint) from events", "mine.sql:1: a cast without `as name`"),
        ("select cast(1 as bigint) as id, cast(2 as bigint) as id", "mine.sql:1: column `id` occurs twice"),
        ("select\n  cast(nobody as bigint) as id\nfrom events", "mine.sql:2: Column 'nobody' could not be resolved."),
        ("select cast(e.nobody as bigint) as id from events as e", "mine.sql:1: Unknown column: nobody"),
        ("select cast(id as bigint) as id\nfrom nowhere", "mine.sql:2: unknown table `nowhere`"),
        (
            "with users as (select id from users) select cast(id as bigint) as id from users",
            "give the CTE another name",
        ),
        ("select cast(id as bigint) as id from anaplan.events", "name the table without its dataset"),
        (f"{GOOD}; {GOOD}", "mine.sql:1: 2 statements: a file holds one SELECT"),
        (f"{GOOD};\n\n{GOOD};", "mine.sql:3: 2 statements: a file holds one SELECT"),
        ("-- nothing", "mine.sql: 0 statements: a file holds one SELECT"),
        ("drop table events", "mine.sql: a drop statement: a file holds one SELECT"),
        (f"{GOOD} union all {GOOD}", "wrap a UNION in a subquery"),
        ("select cast(id as bigint) as id\nfrm events", "mine.sql:2: not valid SQL"),
        ("select cast('x as bigint) as id", "mine.sql: not valid SQL"),
        (
            "select cast(id as bigint) as id from events where event_day < current_date",
            "`CURRENT_DATE`: a model may not",
        ),
    ],
)
def test_broken_sql_is_refused(tmp_path: Path, sql: str, reason: str) -> None:
    write_model(tmp_path, "mine", sql)
    assert reason in refused(tmp_path)


def test_a_model_without_an_entry_and_an_entry_without_a_model_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD)
    (tmp_path / "marts" / "other.sql").write_text(GOOD, encoding="utf-8")
    assert refused(tmp_path) == "other.sql: no .yml file of `marts` has an entry `other`"
    (tmp_path / "marts" / "other.sql").unlink()
    describe(tmp_path, "other")
    assert refused(tmp_path) == "marts.yml: the entry `other` has no other.sql"


def test_columns_have_to_be_those_of_the_yml_file(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD, columns=["id", "more"])
    assert refused(tmp_path) == "mine.sql: columns of the SELECT and of marts.yml differ: more"
    write_model(tmp_path, "mine", f"select cast(1 as bigint) as one,\n{GOOD.removeprefix('select ')}")
    assert refused(tmp_path) == "mine.sql:1: columns of the SELECT and of marts.yml differ: one"


def test_a_key_has_to_be_among_the_columns(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD, key=["nothing"])
    assert refused(tmp_path) == "marts.yml: `mine`: the column `nothing` is not among its columns"


def test_an_incomplete_entry_and_bad_yaml_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD)
    file = tmp_path / "marts" / "marts.yml"
    entry = "models: [{name: mine, description: x, columns: [{name: id, description: x}]}]"
    file.write_text(entry, encoding="utf-8")
    assert refused(tmp_path).startswith("marts.yml: the entry `mine` needs description, grain, unique_key and columns")
    file.write_text("models: [", encoding="utf-8")
    assert refused(tmp_path).startswith("marts.yml:2: not valid YAML")


def test_misspelled_keys_and_tests_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD)
    file = tmp_path / "marts" / "marts.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("unique_key", "unikue_key"), encoding="utf-8")
    assert "unknown key `unikue_key`" in refused(tmp_path)
    file.write_text(text.replace("data_tests: []", "data_tests: [uniqe]"), encoding="utf-8")
    assert "unknown test `uniqe`" in refused(tmp_path)
    file.write_text(text + text.removeprefix("models:\n"), encoding="utf-8")
    assert refused(tmp_path) == "marts.yml: the entry `mine` occurs twice"


def test_a_cycle_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "a", "select cast(id as bigint) as id from b")
    write_model(tmp_path, "b", "select cast(id as bigint) as id from c")
    write_model(tmp_path, "c", "select cast(id as bigint) as id from a")
    assert refused(tmp_path) == "a.sql:1: a cycle: a -> b -> c -> a"
    write_model(tmp_path, "a", "select cast(id as bigint) as id\nfrom a")
    assert refused(tmp_path) == "a.sql:2: a cycle: a -> a"


def test_a_name_may_be_used_once(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD)
    seed = write_seed(tmp_path, "mine", "id\n1\n")
    assert refused(tmp_path) == "mine.csv: the table `mine` is already defined by mine.sql"
    shutil.rmtree(seed.parent)
    write_model(tmp_path, "mine/part", GOOD)
    assert refused(tmp_path) == "mine.sql: the table `mine` is already defined by part.sql"
    shutil.rmtree(tmp_path / "marts" / "mine")
    file = tmp_path / "marts" / "marts.yml"
    entries = file.read_text(encoding="utf-8")
    file.write_text(entries * 2, encoding="utf-8")
    assert refused(tmp_path) == f"marts.yml:{entries.count(chr(10)) + 1}: not valid YAML: `models` occurs twice"
    file.write_text(entries, encoding="utf-8")
    write_model(tmp_path, "users", GOOD)
    assert refused(tmp_path) == "users.sql: `users` is the name of another table"


@pytest.mark.parametrize("name", ["Mine", "my-model", "1st"])
def test_a_name_has_to_be_one_that_every_warehouse_keeps(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, name, GOOD)
    assert refused(tmp_path) == f"{name}.sql: `{name}` is not a table name: use lower-case letters, digits and _"


def test_one_model_reads_one_kind_of_tables(tmp_path: Path) -> None:
    write_model(tmp_path, "a", GOOD)
    write_model(tmp_path, "b", "select cast(a.id as bigint) as id from a inner join events on a.id = events.id")
    assert refused(tmp_path) == "b.sql: reads raw (events) and enriched tables (a): use one kind"


def test_a_model_by_day_reads_only_what_keeps_its_days(tmp_path: Path) -> None:
    write_model(tmp_path, "daily", COUNT.format("events"), **BY_DAY)
    write_model(tmp_path, "whole", "select cast(max(n) as bigint) as id from daily")
    joined = COUNT.format("daily").replace(" group", " cross join whole group")
    write_model(tmp_path, "mine", joined, **BY_DAY)
    assert refused(tmp_path).startswith("mine.sql: is written by day but reads `whole`, which is replaced as a whole")
    write_model(tmp_path, "mine", "select cast(null as date) as event_day, cast(1 as bigint) as n from users", **BY_DAY)
    assert refused(tmp_path) == "mine.sql: has a day, but reads no table that is written by day"
    write_model(tmp_path, "mine", COUNT.format("events").replace("as date", "as varchar"), **BY_DAY)
    assert refused(tmp_path) == "mine.sql: the day column `event_day` has to be cast to date"


def test_the_files_of_a_folder_have_the_same_columns(tmp_path: Path) -> None:
    write_model(tmp_path, "both/one", GOOD)
    write_model(tmp_path, "both/two", GOOD.replace("bigint", "varchar"))
    assert refused(tmp_path) == "both/two.sql: columns or types differ from one.sql: id"


def test_seeds_are_checked(tmp_path: Path) -> None:
    seed = write_seed(tmp_path, "seed", "id,m\n", columns=["id", "n"], types={"n": "bigint"})
    assert refused(tmp_path) == "seed.csv:1: the header has to be id,n"
    seed.write_text("id,n\na,\nb,many\n", encoding="utf-8")
    assert refused(tmp_path) == "seed.csv:3: `many` is not a whole number"
    seed.write_text("id,n\na,1\na,2\n", encoding="utf-8")
    assert refused(tmp_path) == "seed.csv:3: the key ('a',) occurs twice: keep one of the rows"


def test_references_have_to_exist(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", GOOD, tests={"id": [{"relationships": {"to": "ref('nothing')", "field": "id"}}]})
    assert refused(tmp_path) == "mine.sql: marts.yml: the relationship id: nothing.id names no known column"


def test_layers_follow_from_what_is_read(tmp_path: Path) -> None:
    write_seed(tmp_path, "seed", "id\na\n")
    write_model(tmp_path, "from_raw", GOOD)
    write_model(tmp_path, "from_seed", "select cast(id as varchar) as id from seed")
    write_model(tmp_path, "both/one", "select cast(id as bigint) as id from from_raw")
    write_model(tmp_path, "both/two", "with one as (select 1 as id) select cast(id as bigint) as id from one")
    write_model(tmp_path, "last", "select cast(b.id as bigint) as id from both as b")
    layers = [[model.name for model in layer] for layer in read_enrichment(RAW, tmp_path).layers]
    assert layers == [["from_raw"], ["both", "from_seed"], ["last"]]
