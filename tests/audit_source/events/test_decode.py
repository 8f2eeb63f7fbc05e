"""A page of the audit API: every value reaches its column, whatever was sent."""

import json
from datetime import date, datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_source.errors import BadAnswerError
from audit_source.events.decode import decode_page, normalise_code
from audit_source.field_types import from_iso
from audit_source.records import MOST_NEW_COLUMNS, NewColumns, without_nul
from audit_source.schema import EVENTS

MOMENT = 1_520_433_163_000
RECORD = {
    "id": 971529164212789248,
    "eventTypeId": "USR-013",
    "userId": "8a80d86a5565443f01557f053e6719ba",
    "tenantId": "8a80",
    "objectTypeId": "",
    "message": "User access to model, success",
    "success": True,
    "errorNumber": None,
    "eventDate": MOMENT,
    "createdDate": MOMENT + 32_415_000,
    "additionalAttributes": {"workspaceId": "W", "modelId": "m", "actionId": -1, "active": True, "new": {"a": [1]}},
}


def decode(*records, total=None, **changes):
    """Return the rows of a page as dictionaries."""
    body = {"response": list(records), "meta": {"paging": {"totalSize": len(records) if total is None else total}}}
    page = decode_page(json.dumps({**body, **changes}).encode(), 0, "GET page", NewColumns())
    return page.events.to_pylist() if page.events is not None else []


def both_ways(record):
    """Return the row from the typed decoder, and from the generic one, which an unknown field makes necessary."""
    typed = decode(record)[0]
    generic = decode(record, {"id": 1, "somethingNew": 1})[0]
    assert generic.pop("something_new") is None
    return typed, generic


def test_every_column_of_an_event_by_both_decoders():
    typed, generic = both_ways(RECORD)

    expected = dict.fromkeys([column.name for column in EVENTS.columns])
    expected.update(
        id=971529164212789248,
        event_type_id="USR-013",
        event_type_code="USR-13",
        user_id="8a80d86a5565443f01557f053e6719ba",
        tenant_id="8a80",
        message="User access to model, success",
        success=True,
        event_date=datetime(2018, 3, 7, 14, 32, 43, tzinfo=timezone.utc),
        created_date=datetime(2018, 3, 7, 23, 32, 58, tzinfo=timezone.utc),
        event_day=date(2018, 3, 7),
        additional_attributes__workspace_id="W",
        additional_attributes__model_id="m",
        additional_attributes__action_id="-1",
        additional_attributes__active="true",
    )
    for row in (typed, generic):
        assert json.loads(row.pop("additional_attributes")) == RECORD["additionalAttributes"]
    del expected["additional_attributes"]
    assert typed == expected
    assert generic == expected


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [(None, None), ("", None), ({}, "{}"), ("a bare string", '"a bare string"'), ([1], "[1]"), (5, "5")],
)
def test_additional_attributes_of_any_shape(attributes, kept):
    for row in both_ways({**RECORD, "additionalAttributes": attributes}):
        assert row["additional_attributes"] == kept
        assert row["raw_record"] is None
    absent = {key: value for key, value in RECORD.items() if key != "additionalAttributes"}
    assert decode(absent)[0]["additional_attributes"] is None


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"eventDate": "yesterday"}, "event_date", None),
        ({"eventDate": 10**17}, "event_date", None),
        ({"message": {"text": "hi"}}, "message", '{"text":"hi"}'),
        ({"success": "perhaps"}, "success", None),
        ({"checksum": 5}, "checksum", "5"),
    ],
)
def test_value_of_another_type_keeps_the_whole_record(change, column, value):
    row = decode({**RECORD, **change})[0]

    assert row[column] == value
    assert json.loads(row["raw_record"]) == {**RECORD, **change}
    assert row["id"] == RECORD["id"]


@pytest.mark.parametrize(("sent", "kept"), [("971529164212789248", 971529164212789248), (5.0, 5)])
def test_number_in_another_notation_is_the_number(sent, kept):
    assert decode({**RECORD, "id": sent})[0]["id"] == kept


@pytest.mark.parametrize("sent", [None, "abc", 2**64, True])
def test_event_without_a_usable_id_gets_one_from_its_content(sent):
    first, again, other = decode({**RECORD, "id": sent}, {**RECORD, "id": sent}, {**RECORD, "id": sent, "message": "x"})

    assert first["id"] == again["id"] < 0
    assert other["id"] not in (first["id"], RECORD["id"])
    assert json.loads(first["raw_record"])["id"] == sent


def test_event_without_a_date_gets_the_day_it_was_stored_or_the_day_of_its_window():
    stored = decode({**RECORD, "eventDate": None})[0]
    undated = decode({**RECORD, "eventDate": None, "createdDate": None})[0]

    assert stored["event_day"] == date(2018, 3, 7)
    assert undated["event_day"] == date(1970, 1, 1)


def test_unknown_fields_become_text_columns_and_known_names_are_not_taken():
    row = decode({**RECORD, "newField": {"a": 1}, "risk": 0.5, "empty": "", "event_date": "spoof", "_dlt_load_id": 1})[
        0
    ]

    assert (row["new_field"], row["risk"], row["empty"]) == ('{"a":1}', "0.5", None)
    assert row["event_date"] == datetime(2018, 3, 7, 14, 32, 43, tzinfo=timezone.utc)
    assert json.loads(row["raw_record"])["event_date"] == "spoof"
    assert "_dlt_load_id" not in row


def test_new_columns_are_limited_in_number():
    rows = decode(*({**RECORD, "id": i, f"field{i}": i} for i in range(1, 200)))

    assert len(rows[0]) == len(EVENTS.columns) + MOST_NEW_COLUMNS
    assert json.loads(rows[-1]["raw_record"])["field199"] == 199


def test_nul_becomes_the_replacement_character_and_an_escaped_backslash_stays():
    record = {**RECORD, "message": "a\0b", "userAgent": "c\\u0000d", "additionalAttributes": {"name": "x\0"}}
    for row in both_ways(record):
        assert row["message"] == "a\ufffdb"
        assert row["user_agent"] == "c\\u0000d"
        assert row["additional_attributes__name"] == "x\ufffd"
        assert "\\u0000" not in row["additional_attributes"]


def test_half_a_surrogate_pair_invalid_utf8_and_raw_control_characters_pass():
    body = json.dumps({"response": [{**RECORD, "message": "\ud800!"}]}).encode()
    body = body.replace(b"USR-013", b"USR\xff").replace(b'"8a80"', b'"8a\n80"')
    row = decode_page(body, 0, "GET page", NewColumns()).events.to_pylist()[0]

    assert (row["message"], row["event_type_id"], row["tenant_id"]) == ("\ufffd!", "USR\ufffd", "8a\n80")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"status": "FAILURE"}', b'{"response": 5}', b'{"response": [1]}', b'{"resp'],
)
def test_invalid_page_is_rejected_not_read_as_empty(body):
    with pytest.raises(BadAnswerError, match="GET page"):
        decode_page(body, 0, "GET page", NewColumns())


@pytest.mark.parametrize("text", ["plain", "half a pair: \\ud83d"])
@pytest.mark.parametrize("depth", [900, 3_000, 50_000])
def test_a_value_nested_too_deep_fails_no_page(depth: int, text: str) -> None:
    """Python 3.12 and newer parse deeper values than functions can walk through."""
    deep = '{"a":' * depth + "1" + "}" * depth
    body = f'{{"response": [{{"id": 1, "message": "{text}", "additionalAttributes": {deep}}}]}}'
    row = decode_page(body.encode(), 0, "GET page", NewColumns()).events.to_pylist()[0]
    assert row["id"] == 1 and row["message"].startswith(text[:11])


def test_empty_pages_have_no_rows():
    assert decode_page(b'{"response": []}', 0, "", NewColumns()) == (None, 0, None)
    assert decode_page(b'{"meta": {"paging": {"totalSize": 0}}}', 0, "", NewColumns()) == (None, 0, 0)


@pytest.mark.parametrize(
    ("code", "normalised"),
    [("USR-04", "USR-4"), ("USR-4", "USR-4"), ("DSM-DAO0071I", "DSM-DAO0071I"), ("WF-1000", "WF-1000"),
     ("INT-00", "INT-0"), ("odd", "odd"), ("", None), (None, None), ("A-", "A-"), ("A-B-007", "A-B-7")],
)  # fmt: skip
def test_codes_lose_their_leading_zeros(code, normalised):
    assert normalise_code(code) == normalised


def test_zone_without_a_colon_is_read():
    assert from_iso("2026-11-01T08:00:00.000+0000") == 1_793_520_000_000
    assert from_iso("2026-11-01T10:00:00.000+0200") == from_iso("2026-11-01T08:00:00Z") == 1_793_520_000_000
    assert from_iso("soon") is None


@given(st.text(st.sampled_from(["\\", "u", "0", '"', "\0", "a"]), max_size=30))
def test_without_nul_changes_nothing_but_nul(text):
    body = json.dumps([text]).encode()
    assert json.loads(without_nul(body)) == [text.replace("\0", "\ufffd")]


texts = st.none() | st.text(max_size=20)


@given(
    st.fixed_dictionaries(
        {"id": st.integers(-(2**63), 2**63 - 1)},
        optional={
            "message": texts,
            "userAgent": texts,
            "success": st.none() | st.booleans(),
            "eventDate": st.none() | st.integers(0, 4_000_000_000_000),
            "additionalAttributes": st.none()
            | st.text(max_size=9)
            | st.dictionaries(st.text(max_size=5), st.integers() | texts, max_size=4),
        },
    )
)
@settings(max_examples=200, deadline=None)
def test_both_decoders_agree_on_any_record(record):
    typed, generic = both_ways(record)
    for row in (typed, generic):
        row["additional_attributes"] = row["additional_attributes"] and json.loads(row["additional_attributes"])
    assert typed == generic
    assert typed["id"] == record["id"]
    assert typed["message"] == ((record.get("message") or "").replace("\0", "\ufffd") or None)
