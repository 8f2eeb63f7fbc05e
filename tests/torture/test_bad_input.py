"""Whatever people type into a planning model: through load and enrichment, field for field, on both engines."""

import time
from typing import Any

from tests.conftest import Engine, Tenant, event
from tests.pipeline.test_load import LISTS
from tests.plain_server import PlainServer
from tests.truth import compare, compare_events, compare_list

HOSTILE = [
    "'; drop table anaplan_audit_raw.events; --", "\" or 1=1 --", "robert'); delete from users;--", "{{ 7 * 7 }} ${7*7} %s %(x)s {0}",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt; &amp; &#x27;", "]]>", "javascript:alert(1)",
    "=HYPERLINK(\"http://evil\",\"x\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "|calc",
    "nul \0 in the middle", "\0", "\\u0000 is text", "\\\\u0000", "bell \a back \b escape \x1b[31m", "\x7f\x80\x9f", "tab\tline\nreturn\r\n",
    "🎉👩‍👩‍👧‍👦🇨🇭", "\u202eright to left\u202c", "\ufeffbom", "\u2028\u2029", "Zalgo ̷̢͈̎", "\ud800 half", "half \udfff", "\ud83d\ude00 pair",
    "x" * 20_000, "ü" * 20_000, "\\" * 50, "'" * 50, '"' * 50, "`backtick`", "$$dollar$$", "\\copy x", "\\.", "\\N", "NULL", "null", "None",
    "true", "0", "1e309", "NaN", "-0", "9223372036854775808", "2026-02-30", "../../etc/passwd", "a/b", "null/null", " ", "  lead and trail  ",
]  # fmt: skip
FIELDS = (
    "message",
    "userAgent",
    "objectId",
    "objectTypeId",
    "sessionId",
    "hostName",
    "errorNumber",
    "checksum",
    "ipAddress",
)


def hostile_events() -> list[dict[str, Any]]:
    """Returns an event for each text, which stands in every field that is a text, and in the attributes."""
    now = int(time.time() * 1000) - 600_000
    return [
        event(
            number,
            now - number * 1000,
            **dict.fromkeys(FIELDS, text),
            userId=text if number % 2 else "8a80d86a5565443f01557f053e6719ba",
            eventTypeId=text if number % 7 == 0 else "USR-8",
            additionalAttributes={"name": text, "modelId": text, text: text, "nested": [{"deep": text}]}
            if number % 3
            else text,
        )
        for number, text in enumerate(HOSTILE)
    ]


def test_hostile_texts_arrive_unharmed_and_execute_nothing(tenant: Tenant, engine: Engine, tally: Any) -> None:
    events = hostile_events()
    users = [
        {"id": f"h{number}", "firstName": text, "lastName": text, "email": f"{number}{text}", "active": True}
        for number, text in enumerate(HOSTILE)
        if not any(sign in text for sign in ("\0", "\ud800", "\udfff"))
    ]
    lists = {**LISTS, "users": users, "workspaces": [{**LISTS["workspaces"][0], "name": HOSTILE[0]}]}
    with PlainServer(events, lists) as server:
        outcome = tenant.at(server.url).run("run")
        again = tenant.run("run", "--full-refresh")
    assert outcome.code in (0, 6) and again.code in (0, 6), (outcome, again)

    tally.check(compare_events(events, engine))
    tally.check(compare_list("users", users, engine))
    tally.check(compare_list("workspaces", lists["workspaces"], engine))
    columns = ("message", "user_agent", "host_name", "session_id", "checksum")
    raw = engine.rows(f"select id, {', '.join(columns)} from anaplan_audit_raw.events")
    enriched = engine.rows(f"select event_id, {', '.join(columns)} from anaplan_audit.fct_events")
    tally.check(compare(raw, enriched))
    tally.add("bad inputs", len(events) * (len(FIELDS) + 4) + 3 * len(users) + 1)
