"""Model history of a tenant that was written after observations of live ones, not after the product's own simulation."""

import json
from collections import Counter
from typing import Any

from tests.conftest import Engine, Tenant
from tests.support.live_tenant import LiveTenant, whole_company
from tests.support.live_tenant.directory import FINANCE, OPERATIONS, PLAN, SUPPLY
from tests.support.live_tenant.history_exports import Model

HEADERS = ["ID", "Date/Time (UTC)", "User", "Description", "Previous Value", "New Value", "Module/List"]
HISTORY = "anaplan_audit_raw.model_history"
Row = dict[str, str]


def change(number: int, description: str, **more: str) -> Row:
    moment = f"2026-11-{1 + number // 1440 % 28:02d} {number // 60 % 24:02d}:{number % 60:02d}:00"
    return {
        "ID": str(number),
        "Date/Time (UTC)": moment,
        "User": "anna@example.com",
        "Description": description,
        **more,
    }


def changes(first: int, last: int) -> list[Row]:
    """Return rows, newest first. Every third transaction has equal rows."""
    rows = []
    for number in range(last, first - 1, -1):
        one = change(
            number, "Change Line Item", **{"New Value": f'IF "{number}" THEN\nÜber, 日本', "Module/List": "REV"}
        )
        rows += [one] * (3 if number % 3 == 0 else 1)
    return rows


def stored(engine: Engine, model: str) -> Counter[tuple[Any, ...]]:
    names = "transaction_id, description, previous_value, new_value, module_or_list, cast(other_columns as text)"
    rows = engine.rows(f"select {names} from {HISTORY} where model_id = '{model}'")
    return Counter((*row, json.dumps(json.loads(others)) if others else None) for *row, others in rows)


def sent(rows: list[Row]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            *(one.get(name) or None for name in ("ID", *HEADERS[3:])),
            json.dumps({"Employees#": one["Employees#"]}) if one.get("Employees#") else None,
        )
        for one in rows
    )


def test_history_of_a_live_like_tenant_is_exact(tenant: Tenant, duck: Engine) -> None:
    with LiveTenant(whole_company(1)) as live:
        live.point(tenant.set)
        tenant.set("CREDENTIALS__EMAIL", "auditor@example.com")
        tenant.set("CREDENTIALS__PASSWORD", "Pässword: 100% right")
        plan = live.history.models[PLAN] = Model(FINANCE, changes(1, 300), HEADERS)
        live.history.hidden.add(SUPPLY)
        first = tenant.run("model-history")
        assert (first.code, first.err) == (0, "audit: model history: the account has no access to 1 model.\n")
        assert f"history   {len(plan.rows)} new rows from 1 model\n" in first.out
        assert stored(duck, PLAN) == sent(plan.rows)
        # A dimension is used for the first time: a new column, empty in all older rows.
        new = [change(302, "Data Change", **{"Employees#": "0044"}), *changes(301, 301)]
        plan.rows, plan.headers = new + plan.rows, [*HEADERS[:3], "Employees#", *HEADERS[3:]]
        second = tenant.run("model-history")
        assert (second.code, second.err) == (0, "") and f"history   {len(new)} new rows" in second.out
        assert "as a whole" not in second.out and stored(duck, PLAN) == sent(plan.rows)
        # Somebody went back to an older state of the model: other transactions have the same numbers.
        before = sent(plan.rows)
        plan.rows = [change(290, "<model successfully restored>"), *changes(1, 280)]
        third = tenant.run("model-history")
        assert third.code == 0 and "read as a whole, because the known rows were not its end: Plan 2026" in third.out
        assert stored(duck, PLAN) == before | sent(plan.rows)
        assert "history   0 new rows" in tenant.run("model-history").out
        assert live.history.started == [PLAN] * 4
        live.history.hidden.clear()
        live.history.models[SUPPLY] = Model(OPERATIONS, changes(7, 9), HEADERS, bytes_of_chunk=1)
        tenant.set("MODEL_HISTORY_EXPORT", "who changed WHAT")
        outcome = tenant.run("model-history", "--dry-run")
        assert f"Supply  (model {SUPPLY}, export 116000000017 `Who changed what`)" in outcome.out
    assert live.sign_in.violations == []


def test_a_damaged_or_empty_file_loses_nothing_and_costs_one_model(tenant: Tenant, duck: Engine) -> None:
    with LiveTenant(whole_company(1)) as live:
        live.point(tenant.set)
        tenant.set("CREDENTIALS__EMAIL", "auditor@example.com")
        tenant.set("CREDENTIALS__PASSWORD", "Pässword: 100% right")
        plan = live.history.models[PLAN] = Model(FINANCE, changes(1, 4), HEADERS)
        supply = live.history.models[SUPPLY] = Model(OPERATIONS, changes(1, 1), HEADERS)
        assert tenant.run("model-history")[::2] == (0, "")
        known = sent(plan.rows)
        # A row lacks its last cell. The other model goes on.
        header = ",".join(HEADERS)
        plan.rows, supply.rows = changes(1, 5), changes(1, 2)
        plan.body = f"{header}\r\n5,2026-11-01 00:05:00,anna@example.com,Secret,1,2\r\n".encode()
        damaged = tenant.run("model-history")
        assert damaged.code == 5 and "Secret" not in damaged.err
        assert "history file of model `Plan 2026`: a row has 6 cells instead of 7." in damaged.err
        assert stored(duck, PLAN) == known and stored(duck, SUPPLY) == sent(supply.rows)
        for plan.body in (f"{header}\r\n".encode(), b""):
            assert tenant.run("model-history")[::2] == (0, "") and stored(duck, PLAN) == known
        plan.body = None
        assert "history   1 new row " in tenant.run("model-history").out
        assert stored(duck, PLAN) == sent(plan.rows)
