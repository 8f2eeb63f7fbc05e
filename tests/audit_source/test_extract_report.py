"""The number of events that a run counts as new."""

from audit_source.events.windows import COMPLETE, DAY_MS, Window
from audit_source.extract_report import Changes


def day(number: int, events: int) -> Window:
    return Window(number * DAY_MS, (number + 1) * DAY_MS, COMPLETE, events, events, events, 1)


def test_narrower_event_type_counts_days_missing_from_all() -> None:
    held = [day(1, 10), day(2, 10)]
    fetched = [day(1, 4), day(2, 4), day(3, 4)]
    assert Changes(held, is_first=True, fetched=fetched).new_events() == 4


def test_known_window_counts_its_growth_only() -> None:
    changes = Changes([day(1, 10), day(2, 10)], fetched=[day(2, 13), day(3, 2)])
    assert changes.new_events() == 5
    # An event that moved from one day to another is not new.
    assert Changes([day(1, 10), day(2, 10)], fetched=[day(1, 9), day(2, 11)]).new_events() == 0
