"""The events of one UTC day, as a function of seed, day and volume alone.

A sandbox that is restarted an hour or a week later therefore serves the same past events with the same ids.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from math import log
from random import Random

from ..settings import Settings
from . import names, stories
from .actors import Actor, Cast
from .catalogue import PADDED
from .clock import DAY, HOUR, SECOND, weekday_of
from .company import Company
from .templates import (
    EVENT,
    EVENT_WITH_LONG_CHECKSUM,
    LONG_CHECKSUM_FACTOR,
    Template,
    encoded,
    session_part,
    template,
)

WEEKDAYS = (1.05, 1.1, 1.05, 1.0, 0.8)
# Weights of the local hours 0..23 for the start of a session.
HOURS = (0.1,) * 6 + (0.6, 2, 6, 9, 9, 7, 4, 6, 8, 8, 7, 4, 2, 1, 0.8, 0.6, 0.3, 0.2)
HOUR_LIMITS = list(accumulate(HOURS))
# On live tenants, about one in a thousand events has no attributes.
NO_ATTRIBUTES_EVERY, NO_ATTRIBUTES = 997, b',"additionalAttributes":null'
# Events that are not late are stored within this time.
PROMPT = 4 * SECOND
SYSTEM_SHARE = 0.14
# Share of a session's events that are access checks: mostly granted, rarely refused.
GRANTED_SHARE, REFUSED_SHARE = 0.2, 0.002
SIGN_IN_CODES = (encoded(eventTypeId="USR-8"), encoded(eventTypeId=PADDED["USR-8"]))

# eventDate, createdDate, user part, template, session part
Row = tuple[int, int, bytes, Template, bytes]


@dataclass
class DayEvents:
    """One day ordered by eventDate: dates, times from which events are visible, JSON with a trailing comma each."""

    dates: array[int] = field(default_factory=lambda: array("q"))
    visible: array[int] = field(default_factory=lambda: array("q"))
    prefixes: list[str] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    sign_ins: dict[str, list[int]] = field(default_factory=dict)


def volume_of(day: int, settings: Settings) -> int:
    """Return the number of events on a day. Every week has the same shape."""
    shape = (*WEEKDAYS, settings.weekend, settings.weekend) if settings.weekend < 1 else (1.0,) * 7
    return round(settings.events / settings.days * shape[weekday_of(day)] * 7 / sum(shape))


class DayMaker:
    """Generates days; one object generates any number of them."""

    def __init__(self, company: Company, settings: Settings) -> None:
        self.company = company
        self.cast = Cast(company, settings.odd_shapes)
        self.settings = settings

    def make(self, day: int) -> DayEvents:
        volume = volume_of(day, self.settings)
        rng = Random(f"{self.company.seed}/day/{day}/{volume}")
        made = DayEvents()
        if not volume:
            return made
        rows = stories.rows_of(day, volume, self.cast, rng, self.settings.incident_level)
        self._add_sessions(rows, day, volume, rng)
        del rows[volume:]
        self._make_late(rows, rng)
        rows = self._with_actions_of(day, rows)
        rows.sort()
        _render(rows, day, rng.getrandbits(20), made, self.settings)
        return made

    def _with_actions_of(self, day: int, rows: list[Row]) -> list[Row]:
        """Let events name the actions that their models have on that day."""
        changed = self.cast.library.changed_on(day)
        return [(*row[:3], changed.get(row[3], row[3]), row[4]) for row in rows]

    def _add_sessions(self, rows: list[Row], day: int, volume: int, rng: Random) -> None:
        present = [p for p in self.company.people(day) if not p.never_signs_in]
        limits = list(accumulate(person.activity for person in present))
        while len(rows) < volume:
            if not present or rng.random() < SYSTEM_SHARE:
                rows.extend(self._system_session(day, rng))
                continue
            person = present[bisect(limits, rng.random() * limits[-1], 0, len(limits) - 1)]
            rows.extend(self._session(self.cast.actor(person, day), day, rng))

    def _session(self, actor: Actor, day: int, rng: Random) -> list[Row]:
        """Return sign-in, work, and sign-out or time-out. Events past midnight are dropped."""
        random = rng.random
        hour = bisect(HOUR_LIMITS, random() * HOUR_LIMITS[-1], 0, 23) - actor.utc_offset
        when = day * DAY + hour % 24 * HOUR + int(random() * HOUR)
        end = (day + 1) * DAY
        user, part, signing = actor.user, actor.session(rng), actor.signing
        rows: list[Row] = []
        while random() < 0.06:
            rows.append((when, 0, user, signing["failed"], part))
            when = min(when + 3 * SECOND + int(random() * 20 * SECOND), end - 1)
        first = signing["in"] if random() < 0.97 else signing["in padded"]
        rows.append((when, 0, user, first, part))
        table, size, pace = actor.table, len(actor.table), 30 * SECOND + random() * 240 * SECOND
        for _ in range(3 + int(random() * 26)):
            when += int(-log(1 - random()) * pace) + 1
            if when >= end:
                return rows
            draw = random()
            if draw < REFUSED_SHARE:
                rows.append((when, 0, user, actor.refused, part))
            elif draw < GRANTED_SHARE:
                rows.append((when, 0, user, actor.granted, part))
            else:
                rows.append((when, 0, user, table[int(random() * size)], part))
        if random() < 0.8:
            last = signing["out"] if random() < 0.55 else signing["time-out"]
            rows.append((min(when + 60 * SECOND, end - 1), 0, user, last, part))
        return self._with_hostile_texts(rows, actor, rng)

    def _with_hostile_texts(self, rows: list[Row], actor: Actor, rng: Random) -> list[Row]:
        """Replace, rarely, one event of the session with one that has a hostile text in each free field."""
        if rng.random() > self.settings.hostile_percent / 100 * len(rows):
            return rows
        text = rng.choice(names.HOSTILE)
        at = rng.randrange(1, len(rows)) if len(rows) > 1 else 0
        page = self.company.pages[rng.randrange(len(self.company.pages))]
        more = {"appId": page.app.id, "appName": text, "pageId": page.id, "pageName": text, "name": text, text: text}
        shown = template(page.code, f"{page.app.id}/{page.id}", more, message=text if rng.random() < 0.3 else None)
        odd = self.settings.odd_shapes
        # Few browsers send more than one line; some send kilobytes.
        length = rng.randrange(2_000, 20_000) if rng.random() < 0.05 else 300
        agent = (f"{text} {actor.browser} " * (length // 100))[:length]
        when, _, user, _, _ = rows[at]
        rows[at] = (when, 0, user, shown, session_part(actor.addresses[0], agent, text[:20], odd))
        return rows

    def _system_session(self, day: int, rng: Random) -> list[Row]:
        """Return a few events of integrations and other processes, which run around the clock."""
        number = rng.randrange(1, 6)
        user = self.cast.system_user(number)
        odd = self.settings.odd_shapes
        part = session_part(f"10.0.0.{number}", names.PROGRAMS[number % len(names.PROGRAMS)], "", odd)
        when = day * DAY + int(rng.random() * (DAY - 10 * 60 * SECOND))
        table = self.cast.system_table
        count = rng.randrange(1, 9)
        return [(when + i * 45 * SECOND, 0, user, table[int(rng.random() * len(table))], part) for i in range(count)]

    def _make_late(self, rows: list[Row], rng: Random) -> None:
        """Set createdDate: seconds after the event, hours for late events, days for a few of them."""
        random, share = rng.random, self.settings.late_percent / 100
        for i, (when, _, user, kind, part) in enumerate(rows):
            delay = int(random() * PROMPT)
            if random() < share:
                hours = 1 + 11 * random() if random() < 0.8 else 24 + 120 * random()
                delay = int(hours * HOUR)
            rows[i] = (when, when + delay, user, kind, part)


# Anaplan's event ids have ten digits today. Older ones exceed 2^53, where a float makes neighbours equal.
FIRST_DAY_OF_SHORT_IDS = 20_700
IDS_A_DAY = 4_000_000


def first_id(day: int, odd: bool = False) -> int:
    """Return the first id of a day."""
    if odd or day < FIRST_DAY_OF_SHORT_IDS:
        return day << 45
    return 1_000_000_000 + (day - FIRST_DAY_OF_SHORT_IDS) * IDS_A_DAY


def _render(rows: list[Row], day: int, noise: int, made: DayEvents, settings: Settings) -> None:
    odd = settings.odd_shapes
    form, factor = (EVENT_WITH_LONG_CHECKSUM, LONG_CHECKSUM_FACTOR) if settings.long_checksums else (EVENT, 1)
    number = first_id(day, odd)
    pieces = made.pieces
    for when, created, user, (code, target, more, _), part in rows:
        number += 1 + (noise + when) % 3
        checksum = ((number * 2_654_435_761 + when) & 0xFFFFFFFF) * factor
        if not odd and number % NO_ATTRIBUTES_EVERY == 0:
            more = NO_ATTRIBUTES
        pieces.append(form % (number, code, user, target, part, when, created, checksum, more))
        if code in SIGN_IN_CODES:
            made.sign_ins.setdefault(user[10:42].decode(), []).append(when)
    made.dates = array("q", [row[0] for row in rows])
    made.visible = array("q", [row[1] for row in rows])
    made.prefixes = [row[3].prefix for row in rows]
