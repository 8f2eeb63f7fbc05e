import re

import pytest

from sandbox.server import Sandbox
from sandbox.world.clock import DAY, HOUR
from tests.support.sandbox_client import EVENTS, NOW, Client, event

MINUTE = 60_000


def paging(client: Client, **params: object) -> dict[str, object]:
    return client.events(**params)["meta"]["paging"]


def test_pages_in_ascending_order_are_exactly_the_truth(shared: Sandbox, reader: Client) -> None:
    truth = shared.truth()
    assert len(truth) > 2_000
    assert reader.all_ids(700) == [e["id"] for e in truth]
    assert reader.events(limit=10_000)["response"] == truth
    assert [e["eventDate"] for e in truth] == sorted(e["eventDate"] for e in truth)


def test_meta_names_offset_as_offSet_and_next_page(shared: Sandbox, reader: Client) -> None:
    total = len(shared.truth())
    first = paging(reader, limit=100)
    assert (first["currentPageSize"], first["totalSize"], first["offSet"], first["nextOffset"]) == (100, total, 0, 100)
    # For a request without dates, the URL of the next page carries the default 30 days.
    assert first["nextUrl"] == (f"{shared.url}{EVENTS}?limit=100&offset=100&dateFrom={NOW - 30 * DAY}&dateTo={NOW}")
    assert "previousUrl" not in first
    second = paging(reader, limit=100, offset=100, dateFrom=NOW - DAY, dateTo=NOW)
    assert second["previousUrl"] == f"{shared.url}{EVENTS}?limit=100&offset=0&dateFrom={NOW - DAY}&dateTo={NOW}"
    last = paging(reader, limit=100, offset=total - 5)
    assert (last["currentPageSize"], last["nextOffset"], "nextUrl" in last) == (5, total, False)
    beyond = reader.events(limit=100, offset=total + 5)
    assert (beyond["response"], beyond["meta"]["paging"]["totalSize"]) == ([], total)


def test_search_answers_as_get_does(shared: Sandbox, reader: Client) -> None:
    start, end = NOW - 3 * DAY, NOW - DAY
    found = reader.post(f"{EVENTS}/search", params={"limit": 50, "type": "int"}, json={"from": start, "to": end})
    assert found.json()["response"] == reader.events(dateFrom=start, dateTo=end, type="int", limit=50)["response"]
    hours = reader.post(f"{EVENTS}/search", json={"interval": 48}).json()["meta"]["paging"]["totalSize"]
    assert hours == paging(reader, intervalInHours=48)["totalSize"]
    assert reader.post(f"{EVENTS}/search").json()["meta"]["paging"]["totalSize"] == len(shared.truth())
    assert shared.requests[-1].path.endswith("/search")


@pytest.mark.parametrize(
    ("event_type", "prefix"),
    [("user_activity", "USR-"), ("access_control", "AUTHZ-"), ("int", "INT-"), ("plan_iq", "PIQ-"), ("comment", "COM")],
)
def test_type_selects_by_prefix(shared: Sandbox, reader: Client, event_type: str, prefix: str) -> None:
    expected = [e["id"] for e in shared.truth() if e["eventTypeId"].startswith(prefix)]
    assert reader.all_ids(500, type=event_type) == expected


def test_type_byok_selects_the_codes_of_either_cloud(sandbox: Sandbox, client: Client) -> None:
    when = NOW - HOUR
    codes = ("BYOK-229", "DSM-229", "BYOKX-1")
    ids = sandbox.add_events([event(number, when, eventTypeId=code) for number, code in enumerate(codes)])
    found = client.all_ids(500, type="byok", dateFrom=when, dateTo=when + 1)
    assert [number for number in found if number in ids] == ids[:2]


def test_unknown_type_returns_everything(shared: Sandbox, reader: Client) -> None:
    assert paging(reader, type="user-activity")["totalSize"] == paging(reader, type="all")["totalSize"]


def test_window_selects_by_event_date_not_created_date(sandbox: Sandbox, client: Client) -> None:
    moment = NOW - 10 * DAY
    sandbox.add_events([event(1, moment, createdDate=moment + 9 * HOUR)])
    assert 2**60 + 1 in client.ids(dateFrom=moment, dateTo=moment + 1)
    assert 2**60 + 1 not in client.ids(dateFrom=moment + 9 * HOUR, dateTo=moment + 10 * HOUR)


def test_end_of_window_is_exclusive_unless_set(sandbox: Sandbox, client: Client) -> None:
    moment = NOW - 10 * DAY
    sandbox.add_events([event(1, moment)])
    assert 2**60 + 1 not in client.ids(dateFrom=moment - MINUTE, dateTo=moment)
    assert 2**60 + 1 in client.ids(dateFrom=moment, dateTo=moment + MINUTE)
    sandbox.settings.date_to_inclusive = True
    assert 2**60 + 1 in client.ids(dateFrom=moment - MINUTE, dateTo=moment)


@pytest.mark.parametrize(
    "params",
    [
        {"dateFrom": NOW - 31 * DAY, "dateTo": NOW - 1},
        {"dateFrom": NOW - 30 * DAY - 1},
        {"intervalInHours": 721},
    ],
)
def test_more_than_30_days_is_400(reader: Client, params: dict[str, int]) -> None:
    answer = reader.get(EVENTS, params=params)
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "FAILURE_BAD_REQUEST",
        "statusMessage": "Date range cannot exceed 30 days",
    }
    assert reader.get(EVENTS, params={"dateFrom": NOW - 30 * DAY, "dateTo": NOW}).status_code == 200


@pytest.mark.parametrize(
    "params",
    [{"limit": 0}, {"limit": "x"}, {"offset": -1}, {"dateFrom": "yesterday"}, {"dateFrom": NOW, "dateTo": NOW - 1}],
)
def test_invalid_parameters_are_400(reader: Client, params: dict[str, object]) -> None:
    assert reader.get(EVENTS, params=params).json()["status"] == "FAILURE_BAD_REQUEST"


def test_malformed_search_body_is_400(reader: Client) -> None:
    assert reader.post(f"{EVENTS}/search", data="{").status_code == 400


def test_page_cap_cuts_pages_silently(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings.page_cap = 70
    page = paging(client, limit=10_000)
    assert (page["currentPageSize"], page["nextOffset"]) == (70, 70)
    assert client.all_ids(10_000) == [e["id"] for e in sandbox.truth()]


def test_limit_over_10000_is_accepted_or_refused(sandbox: Sandbox, client: Client) -> None:
    assert client.get(EVENTS, params={"limit": 15_000}).status_code == 200
    sandbox.settings.refuse_over_limit = True
    answer = client.get(EVENTS, params={"limit": 10_001})
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(EVENTS, params={"limit": 10_000}).status_code == 200


def test_meta_can_be_missing_and_next_url_can_point_at_search(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings.set(no_meta_single_page=True, search_next_url=True, next_offset_on_last=False)
    assert set(client.events()) == {"response"}
    first = paging(client, limit=10)
    assert str(first["nextUrl"]).startswith(f"{sandbox.url}{EVENTS}/search?")
    assert "nextOffset" not in paging(client, limit=10, offset=first["totalSize"])


@pytest.mark.parametrize("order", ["desc", "random"])
def test_other_orders_page_completely_and_stably(sandbox: Sandbox, client: Client, order: str) -> None:
    truth = [e["id"] for e in sandbox.truth()]
    sandbox.settings.order = order
    found = client.all_ids(100)
    assert found != truth
    assert sorted(found) == truth
    assert client.all_ids(130) == found
    if order == "desc":
        assert found == truth[::-1]


def test_unstable_order_shuffles_at_every_request(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings.unstable_order = True
    first, second = client.ids(), client.ids()
    assert first != second
    assert sorted(first) == sorted(second)
    assert len(set(client.all_ids(100))) < len(first)


def test_plain_text_gives_cef_unpaged(shared: Sandbox, reader: Client) -> None:
    answer = reader.get(EVENTS, params={"limit": 5}, headers={"Accept": "text/plain"})
    lines = answer.text.split("\n")[:-1]
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert len(lines) == len(shared.truth())
    form = re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  CEF:0\|Anaplan, Inc\.\|\|null\|[A-Z]+-\w+\|.*\|id=\d+ userId=\S+ .*"
    )
    assert all(form.fullmatch(line) for line in lines)
    assert any('additionalAttributes={"' in line for line in lines)


def test_events_appear_with_the_clock_and_age_out(sandbox: Sandbox, client: Client) -> None:
    before = set(client.all_ids(1_000))
    sandbox.advance(days=2)
    sandbox.expire_tokens()
    with Client(sandbox) as later:
        after = set(later.all_ids(1_000))
    assert after - before
    assert before - after
    assert min(e["eventDate"] for e in sandbox.truth()) >= NOW - 28 * DAY


def test_late_event_is_invisible_until_it_is_stored(sandbox: Sandbox, client: Client) -> None:
    moment = NOW - 2 * DAY
    sandbox.add_events([event(1, moment, createdDate=NOW + 20 * MINUTE)])
    window = {"dateFrom": moment, "dateTo": moment + 1}
    assert paging(client, limit=1, **window)["totalSize"] == 0
    sandbox.advance(ms=20 * MINUTE)
    assert client.ids(**window) == [2**60 + 1]


def test_held_back_events_appear_on_release(sandbox: Sandbox, client: Client) -> None:
    sandbox.hold_back([event(1, NOW - DAY), event(2, NOW - 3 * DAY)])
    assert not {2**60 + 1, 2**60 + 2} & set(client.ids())
    assert sandbox.release() == 2
    assert {2**60 + 1, 2**60 + 2} <= set(client.ids())
    assert sandbox.release() == 0


def test_added_events_are_served_as_given(sandbox: Sandbox, client: Client) -> None:
    hostile = {"eventTypeId": None, "newField": {"deep": [1, "é\u0000\U0001f600"]}, "message": "<b>\"'\n"}
    given = [event(1, NOW - DAY, **hostile), event(1, NOW - DAY), {"eventTypeId": "NEW-1", "success": "maybe"}]
    ids = sandbox.add_events(given)
    served = {repr(e) for e in client.events()["response"]}
    given[2] = {"id": ids[2], **given[2]}
    assert all(repr(e) in served for e in given)
    assert sum(e["id"] == 2**60 + 1 for e in client.events()["response"]) == 2


def test_rate_limit_answers_429(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings.rate_limit = 5
    sandbox.state.rate_limit.level = 2.0
    answers = [client.get(EVENTS, params={"limit": 1}) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["Retry-After"] == "10"
    sandbox.settings.retry_after = 0
    assert "Retry-After" not in client.get(EVENTS).headers


def test_requests_are_recorded_without_secrets(sandbox: Sandbox, client: Client) -> None:
    client.post("/token/authenticate", auth=("auditor@example.com", "sandbox"))
    client.post(f"{EVENTS}/search", params={"limit": 3}, json={"interval": 24 * 7})
    signed, search = sandbox.requests
    assert (signed.method, signed.path, signed.status, signed.body) == ("POST", "/token/authenticate", 201, None)
    assert (search.query, search.body, search.status, search.rows) == ({"limit": "3"}, {"interval": 168}, 200, 3)
    assert (search.auth_scheme, search.at_ms) == ("AnaplanAuthToken", NOW)


def test_unknown_path_is_404_and_recorded(sandbox: Sandbox, client: Client) -> None:
    assert client.get("/audit/api/2/events").status_code == 404
    assert sandbox.requests[-1].status == 404
