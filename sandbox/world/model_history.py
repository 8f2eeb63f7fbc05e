"""What changed inside models: their own history, saved transaction by transaction on working days.

A transaction is a function of the seed, the model and its number, and the time of day decides how many there are.
So a file of any size is built in pieces, newest first, and at most one chunk is in memory.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random

from ..settings import Settings
from . import names
from .clock import DAY, HOUR, day_name, day_of, weekday_of
from .company import Company, Model, Person, creation_date
from .history_texts import (
    DELETED_ITEM,
    DIMENSIONS,
    FREQUENT,
    HEAD,
    ITEMS,
    LATER,
    LISTS,
    MEMBERS,
    MODULES,
    RARE,
    cell,
    line_format,
)

CHANGES = (*FREQUENT, *RARE, DELETED_ITEM)
# Their places in that list.
DATA_CHANGE, FORMULA_CHANGE, DELETION = 0, 3, len(CHANGES) - 1
# Rows of sixteen transactions that follow each other: one save groups many rows.
ROWS_OF_TRANSACTION = (1, 1, 2, 1, 1, 4, 1, 1, 1, 8, 1, 1, 3, 1, 1, 4)
ROWS_OF_SIXTEEN = sum(ROWS_OF_TRANSACTION)
# Occasionally a user deletes many items of a list at once.
MASS_DELETION_EVERY, MASS_DELETION_AT, MASS_DELETION_ROWS = 997, 500, 200
# The rare kinds of change begin here, and every so many transactions another dimension is used for the first time.
FIRST_RARE, NEW_DIMENSION_EVERY = 40, 400
WORK_BEGINS, WORK_LASTS = 8 * HOUR, 10 * HOUR
BUILDERS = 5
MASK = 0xFFFFFFFF
Row = dict[str, str]


def mixed(number: int, salt: int) -> int:
    """Return 32 bits that look random; far cheaper than a generator for each row."""
    bits = (number * 0x9E3779B1 + salt) & MASK
    bits = ((bits ^ (bits >> 15)) * 0x85EBCA77) & MASK
    return bits ^ (bits >> 13)


@dataclass
class Calendar:
    """When the transactions of one model were saved: evenly over the working hours of working days."""

    number: int
    a_day: int
    salt: int
    most: int | None
    first_day: int = field(init=False)

    def __post_init__(self) -> None:
        made = (creation_date(self.number) - date(1970, 1, 1)).days
        self.first_day = made + (7 - weekday_of(made)) % 7

    def moment(self, transaction: int) -> int:
        worked, place = divmod(transaction, self.a_day)
        share = (place + mixed(transaction, self.salt) / 2**32) / self.a_day
        return self.day(worked) * DAY + WORK_BEGINS + int(share * WORK_LASTS)

    def day(self, worked: int) -> int:
        """Return the day that follows so many working days."""
        return self.first_day + worked // 5 * 7 + worked % 5

    def count(self, now: int) -> int:
        """Return the number of transactions that are saved at a moment."""
        day = day_of(now)
        if day < self.first_day:
            return 0
        weeks, rest = divmod(day - self.first_day, 7)
        done = (weeks * 5 + min(rest, 5)) * self.a_day
        if rest < 5:
            done += bisect_right(range(self.a_day), now, key=lambda place: self.moment(done + place))
        return done if self.most is None else min(done, self.most)


@dataclass
class Layout:
    """What the file of a history looks like: its columns, the format of each kind of change, its texts in quotes."""

    dimensions: int
    columns: list[str]
    separator: str
    members: tuple[str, ...]
    formats: list[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        # By kind of change and by dimension.
        self.formats = [
            [line_format(change, self.columns, DIMENSIONS[at], self.separator) for at in range(self.dimensions)]
            for change in CHANGES
        ]
        self.members = self.cells(self.members)
        self.items = self.cells(ITEMS)
        lists, modules = self.cells(LISTS), self.cells(MODULES)
        self.places = [lists if change.place == "list" else modules for change in CHANGES]

    def cells(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cell(text, self.separator) for text in texts)

    @property
    def header(self) -> str:
        return self.separator.join(self.cells(tuple(self.columns))) + "\n"


class ModelHistory:
    """The histories of all models of a company."""

    def __init__(self, company: Company, made: Settings, settings: Settings) -> None:
        """Take the settings of the start, which shape the history, and those of now, which shape its file."""
        self.company, self.made, self.settings = company, made, settings
        self._calendars = {model.id: self._calendar(i, model) for i, model in enumerate(company.models)}
        self._members = (*MEMBERS, *names.HOSTILE) if made.hostile_percent else MEMBERS
        self._layouts: dict[tuple[int, bool, str], Layout] = {}
        self._builders: dict[tuple[str, int], list[Person]] = {}

    def _calendar(self, number: int, model: Model) -> Calendar:
        share = 1.5 if number % 3 == 0 else 0.75
        a_day = max(1, round(self.made.history_rows_a_day * 7 / 5 / ROWS_OF_SIXTEEN * 16 * share))
        # Nobody works any more in a model that is archived or locked.
        asleep = model.state in ("ARCHIVED", "LOCKED")
        return Calendar(number, a_day, int(model.id[:8], 16), a_day * (100 + number % 60) if asleep else None)

    def count(self, model: Model, now: int) -> int:
        """Return the number of transactions that are saved at a moment (ms)."""
        return self._calendars[model.id].count(now)

    def serial(self, model: Model, count: int) -> int:
        """Return the number of a model's newest transaction, which is also the `ID` of its rows."""
        return 1_000 + 37 * self._calendars[model.id].number + count

    def moment(self, model: Model, transaction: int) -> int:
        return self._calendars[model.id].moment(transaction)

    def author(self, model: Model, transaction: int) -> Person | None:
        """Return who saved a transaction; None in a company without people."""
        calendar = self._calendars[model.id]
        people = self._builders_of(model, calendar.day(transaction // calendar.a_day))
        return people[mixed(transaction, calendar.salt ^ 0x55) % len(people)] if people else None

    def _builders_of(self, model: Model, day: int) -> list[Person]:
        key = (model.id, day)
        if key not in self._builders:
            rng = Random(f"{self.company.seed}/builders/{model.id}")
            posts = [rng.randrange(self.company.headcount) for _ in range(BUILDERS)] if self.company.headcount else []
            self._builders[key] = [self.company.person(post, day) for post in posts]
        return self._builders[key]

    @staticmethod
    def row_count(count: int) -> int:
        """Return how many rows the first `count` transactions have."""
        whole, rest = divmod(count, 16)
        ordinary = whole * ROWS_OF_SIXTEEN + sum(ROWS_OF_TRANSACTION[:rest])
        deletions = range(MASS_DELETION_AT, count, MASS_DELETION_EVERY)
        return ordinary + sum(MASS_DELETION_ROWS - ROWS_OF_TRANSACTION[at % 16] for at in deletions)

    def rows(self, model: Model, count: int) -> Iterator[Row]:
        """Yield the rows of the history, newest first, by the names of the columns that the file has."""
        layout = self._layout(count)
        lines = self._lines(model, count - 1, -1, layout)
        return iter(csv.DictReader(lines, layout.columns, delimiter=layout.separator, strict=True))

    def chunk_count(self, count: int) -> int:
        return max(1, -(-count // self._step))

    def chunk(self, model: Model, count: int, index: int) -> bytes:
        """Return one chunk of the file. Chunks are cut inside a row, and inside a character where one is there."""
        layout = self._layout(count)
        newest = count - 1 - index * self._step
        oldest = max(-1, newest - self._step)
        texts = self._lines(model, newest, oldest, layout)
        body = "".join([layout.header, *texts] if index == 0 else texts).encode()
        head = 0 if index == 0 else len(self._cut(model, newest, layout))
        return body[head:] + self._cut(model, oldest, layout)

    @property
    def _step(self) -> int:
        """Transactions of a chunk."""
        return max(1, self.settings.history_chunk_rows * 16 // ROWS_OF_SIXTEEN)

    def _cut(self, model: Model, transaction: int, layout: Layout) -> bytes:
        """Return the part of a transaction's first line that ends the chunk before."""
        if transaction < 0:
            return b""
        line = next(self._lines(model, transaction, transaction - 1, layout)).encode()
        return line[: next((i + 1 for i, byte in enumerate(line) if byte > 127), len(line) // 2)]

    def _layout(self, count: int) -> Layout:
        separator = "\t" if self.settings.history_tabs else ","
        key = (_dimensions(count - 1), count > FIRST_RARE, separator)
        if key not in self._layouts:
            columns = [*HEAD, *DIMENSIONS[: key[0]], *(LATER if key[1] else ())]
            self._layouts[key] = Layout(key[0], columns, separator, self._members)
        return self._layouts[key]

    def _lines(self, model: Model, newest: int, oldest: int, layout: Layout) -> Iterator[str]:
        """Yield the lines of the transactions from `newest` down to before `oldest`.

        Some lines of one transaction are equal to each other in every column.
        """
        calendar = self._calendars[model.id]
        serial, items, members = self.serial(model, 1), layout.items, layout.members
        today, date_text, people = -1, "", list[Person]()
        for transaction in range(newest, oldest, -1):
            bits = mixed(transaction, calendar.salt)
            day, second = divmod(calendar.moment(transaction) // 1_000, 86_400)
            if day != today:
                today, date_text, people = day, day_name(day), self._builders_of(model, day)
            when = f"{date_text} {second // 3_600:02}:{second // 60 % 60:02}:{second % 60:02}"
            user = self.author(model, transaction)
            count, change = _change_of(transaction, bits)
            form = layout.formats[change][(bits >> 4) % _dimensions(transaction)]
            places = layout.places[change]
            head = (serial + transaction, when, user.email if user else "system")
            tail = people[bits % len(people)].email if people else ""
            place = places[(bits >> 7) % len(places)]
            for row in range(count):
                # The second row of a transaction of four repeats the first.
                own = mixed(max(0, row - 1) if count == 4 else row, bits)
                values = (own % 90 + 2, own % 10_000, (own >> 9) % 10_000)
                yield form % (
                    *head,
                    *values,
                    place,
                    items[(own >> 2) % len(items)],
                    members[(own >> 5) % len(members)],
                    tail,
                )


def _dimensions(transaction: int) -> int:
    """Return how many dimensions have been used until a transaction."""
    return min(len(DIMENSIONS), 1 + max(0, transaction) // NEW_DIMENSION_EVERY)


def _change_of(transaction: int, bits: int) -> tuple[int, int]:
    """Return the number of rows of a transaction, and which kind of change all of them are."""
    if transaction % MASS_DELETION_EVERY == MASS_DELETION_AT:
        return MASS_DELETION_ROWS, DELETION
    rows = ROWS_OF_TRANSACTION[transaction % 16]
    if rows > 1:
        return rows, DATA_CHANGE if bits % 3 else FORMULA_CHANGE
    if transaction >= FIRST_RARE and bits % 8 == 0:
        return rows, len(FREQUENT) + (bits >> 3) % len(RARE)
    return rows, (bits >> 3) % len(FREQUENT)
