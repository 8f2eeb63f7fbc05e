"""Texts that break parsers, in everything that lists of models, CloudWorks, SCIM and model history send."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.conftest import Engine, Tenant
from tests.support.hostile_values import HOSTILE
from tests.support.live_tenant import Company, LiveTenant
from tests.support.live_tenant.details_api import DetailsApi
from tests.support.live_tenant.directory import FINANCE, OPERATIONS, PLAN, SUPPLY
from tests.support.live_tenant.history_exports import Model
from tests.support.places import ENRICHED, RAW

KNOWN = (
    "User", "Description", "Previous Value", "New Value", "Module/List", "Line Item/Property", "Customer", "Export",
    "Import", "Data Types", "Table Name", "Object", "Target User",
)  # fmt: skip
COLUMNS = (
    "user_name", "description", "previous_value", "new_value", "module_or_list", "line_item_or_property", "customer",
    "export", "import", "data_types", "table_name", "object", "target_user",
)  # fmt: skip
START, END = "2026-11-20T01:00:00.000Z", "2026-11-20T01:02:00.000Z"
Rows = Counter[tuple[Any, ...]]


def clean(text: str) -> str:
    """Return a text as databases keep it."""
    return text.replace("\0", "\ufffd")


def number(kind: int, place: int) -> str:
    return f"{kind}{place:09}"


def key(place: int) -> str:
    return f"{place:032x}"


def fill(details: DetailsApi) -> None:
    """Put each text into every field of a record of each list."""
    texts = list(enumerate(HOSTILE))
    details.models[PLAN] = {
        "actions": [{"id": number(117, n), "name": text, "code": text, "actionType": text} for n, text in texts],
        "imports": [
            {"id": number(112, n), "name": text, "importType": text, "importDataSourceId": number(113, n)}
            for n, text in texts
        ],
        "files": [{"id": number(113, n), "name": text} for n, text in texts],
        "exports": [
            {
                "id": number(116, n),
                "name": text,
                **dict.fromkeys(("exportType", "exportFormat", "encoding", "layout"), text),
            }
            for n, text in texts
        ],
        "processes": [{"id": number(118, n), "name": text} for n, text in texts],
    }
    details.steps = {
        (PLAN, number(118, n)): [{"id": number(117, n), "name": text, "actionType": text}] for n, text in texts
    }
    ran = ("message", "executionErrorCode", "triggeredBy", "triggerSource")
    details.runs = {
        key(n): [{"id": f"run{n}", "startDate": START, "endDate": END, "success": False, "traceId": text}
                 | dict.fromkeys(ran, text)]
        for n, text in texts
    }  # fmt: skip
    details.integrations = [
        {
            "integrationId": key(n),
            "modelId": PLAN,
            "workspaceId": FINANCE,
            "schedule": {"status": text, "type": text, text: text},
        }
        | dict.fromkeys(("name", "integrationType", "createdBy", "modifiedBy", "processId", "notificationId"), text)
        | {"latestRun": {"startDate": START, "endDate": END, "success": False}}
        for n, text in texts
    ]
    for n, text in texts:
        entitlement = {"value": f"w{n}", "display": text, "type": text}
        details.entitlements.append(
            {"id": f"s{n}", "userName": text, "displayName": text, "active": True, "entitlements": [entitlement]}
        )


def history() -> Model:
    """Return a history with each text in every column, and under a header of its own."""
    rows = [
        {"ID": str(n), "Date/Time (UTC)": f"2026-11-20 10:{n:02}:00", **dict.fromkeys([*KNOWN, *HOSTILE], text)}
        for n, text in reversed(list(enumerate(HOSTILE)))
    ]
    return Model(OPERATIONS, rows, ["ID", "Date/Time (UTC)", *KNOWN, *HOSTILE], bytes_of_chunk=50_021)


def expected() -> dict[str, Rows]:
    texts = [(n, clean(text)) for n, text in enumerate(HOSTILE)]
    actions = [(number(117, n), text, text, text, None, None, None, None) for n, text in texts]
    actions += [(number(112, n), text, None, None, text, text, None, None) for n, text in texts]
    actions += [(number(116, n), text, None, None, None, None, text, text) for n, text in texts]
    actions += [(number(118, n), text, None, None, None, None, None, None) for n, text in texts]
    return {
        "model_actions": Counter(actions),
        "process_steps": Counter((number(118, n), 1, number(117, n), text, text) for n, text in texts),
        "integrations": Counter((key(n), *[text] * 8) for n, text in texts),
        "integration_runs": Counter((f"run{n}", key(n), *[text] * 5) for n, text in texts),
        "user_entitlements": Counter((f"s{n}", f"w{n}", text, text) for n, text in texts),
        "scim_users": Counter((f"s{n}", text, text) for n, text in texts),
        "model_history": Counter((str(n), *[text] * len(COLUMNS)) for n, text in texts),
    }


SELECTED = {
    "model_actions": "action_id, name, code, action_type, import_type, import_source_name, export_type, export_layout",
    "process_steps": "process_id, step_number, action_id, action_name, action_type",
    "integrations": "integration_id, name, integration_type, created_by, modified_by, process_id, notification_id,"
    " schedule_status, schedule_type",
    "integration_runs": "run_id, integration_id, message, execution_error_code, triggered_by, trigger_source, trace_id",
    "user_entitlements": "user_id, workspace_id, workspace_name, entitlement_type",
    "scim_users": "id, user_name, display_name",
    "model_history": "transaction_id, " + ", ".join(f'"{name}"' for name in COLUMNS),
}
OURS = {
    "model_actions": f"model_id = '{PLAN}'",
    "process_steps": "step_number > 0",
    "user_entitlements": "workspace_id like 'w%'",
    "scim_users": "id like 's%'",
}
# Enriched table: its key, its columns that hold a text as it was sent, and the keys of the rows of a text.
SHOWN = {
    "dim_actions": ("action_id", ("action_name",), lambda n: [number(kind, n) for kind in (112, 116, 117, 118)]),
    "dim_process_steps": ("process_id", ("process_name", "action_name"), lambda n: [number(118, n)]),
    "dim_integrations": ("integration_id", ("integration_name",), lambda n: [key(n)]),
    "fct_integration_runs": ("run_id", ("message",), lambda n: [f"run{n}"]),
    "fct_model_history": ("transaction_id", ("description", "previous_value", "new_value"), lambda n: [str(n)]),
}


def test_hostile_texts_of_lists_and_history_arrive_and_leave_unharmed(
    tenant: Tenant, engine: Engine, tally: Any, tmp_path: Path
) -> None:
    company = Company().live_through(1)
    with LiveTenant(company) as live:
        live.point(tenant.set)
        tenant.set("CREDENTIALS__EMAIL", "auditor@example.com")
        tenant.set("CREDENTIALS__PASSWORD", "Pässword: 100% right")
        fill(live.details)
        live.history.models[SUPPLY] = history()
        for command in ("run", "model-history", "run", "check", "report"):
            outcome = tenant.run(command)
            assert outcome.code == 0, (command, outcome)
    for table, rows in expected().items():
        stored = engine.rows(f"select {SELECTED[table]} from {RAW}.{table} where {OURS.get(table, '1 = 1')}")
        tally.rows(rows.elements(), stored, table)
    others = [
        json.loads(text) for (text,) in engine.rows(f"select cast(other_columns as text) from {RAW}.model_history")
    ]
    sent = [dict.fromkeys(map(clean, HOSTILE), clean(text)) for text in HOSTILE]
    tally.rows(map(as_json, sent), map(as_json, others), "other columns")
    for table, (key_column, columns, keys) in SHOWN.items():
        names = (key_column, *columns)
        rows = [(one, *[clean(text)] * len(columns)) for n, text in enumerate(HOSTILE) for one in keys(n)]
        wanted = {row[0] for row in rows}
        query = f"select {', '.join(names)} from {ENRICHED}.{table}"
        condition = f" where lower(model_id) = '{PLAN.lower()}'" if table == "dim_actions" else ""
        tally.rows(rows, engine.rows(query + condition), table)
        file = tmp_path / f"{table}.jsonl"
        assert tenant.run("export", table, "--to", str(file)).code == 0
        exported = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        found = [tuple(row.get(name) for name in names) for row in exported]
        # Another model has actions with the same ids.
        tally.rows(rows, (row for row in found if row[0] in wanted and row[1] in cleaned_texts()), (table, "exported"))
    tally.add("bad inputs", len(HOSTILE) * (sum(map(len, map(str.split, SELECTED.values()))) + len(HOSTILE)))


def cleaned_texts() -> set[str]:
    return set(map(clean, HOSTILE))


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
