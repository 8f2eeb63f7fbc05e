"""The lists of the Integration API: the company's own, plus changes by a test."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ..api.tokens import AUDITOR, NO_ROLE
from .clock import Clock, day_of
from .company import Company, hex_id
from .model_contents import ModelContents
from .model_history import ModelHistory
from .store import Store

COLLECTIONS = ("users", "workspaces", "models")


def zoned(ms: int) -> str:
    """Return a time as the Integration API writes it: milliseconds, and `+0000` without a colon."""
    moment = datetime.fromtimestamp(ms // 1000, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}+0000"


class Directory:
    """The current users, workspaces and models."""

    def __init__(
        self, company: Company, store: Store, clock: Clock, contents: ModelContents, history: ModelHistory
    ) -> None:
        self.company, self.store, self.clock = company, store, clock
        self.contents, self.history = contents, history
        self._changed: dict[str, dict[str, Any]] = {}
        self._added: dict[str, dict[str, Any]] = {}
        self._removed: set[str] = set()
        self._replaced: dict[str, list[dict[str, Any]]] = {}

    def rows(self, collection: str) -> list[dict[str, Any]]:
        if collection in self._replaced:
            return self._replaced[collection]
        if collection == "users":
            return self.users()
        return self.company.workspace_rows() if collection == "workspaces" else self._models()

    def _models(self) -> list[dict[str, Any]]:
        """Return the models with their newest change: of their data, or of an action inside them."""
        now, rows = self.clock.now(), self.company.model_rows(day_of(self.clock.now()))
        for row, model in zip(rows, self.company.models, strict=True):
            count = self.history.count(model, now)
            row["lastSavedSerialNumber"] = self.history.serial(model, count) + self.contents.changes(model)
            if count:
                author, saved = self.history.author(model, count - 1), self.history.moment(model, count - 1)
                row["lastModified"] = zoned(max(saved, self.contents.last_change(model)))
                row["lastModifiedByUserGuid"] = author.id if author else ""
        return rows

    def users(self) -> list[dict[str, Any]]:
        """Return the current users; people who left are not listed."""
        rows = [self._person_row(person) for person in self.company.people(day_of(self.clock.now()))]
        for number, email in enumerate((AUDITOR, NO_ROLE)):
            user_id = hex_id(self.company.seed, "account", number)
            rows.append(self._row(user_id, "Sandbox", email.split("@")[0].title(), email, self.clock.now()))
        rows += self._added.values()
        return [{**row, **self._changed.get(row["id"], {})} for row in rows if row["id"] not in self._removed]

    def _person_row(self, person: Any) -> dict[str, Any]:
        last = None if person.never_signs_in else self.store.last_sign_in(person.id)
        return self._row(person.id, person.first_name, person.last_name, person.email, last)

    def _row(self, user_id: str, first: str, last: str, email: str, signed_in: int | None) -> dict[str, Any]:
        row = {
            "id": user_id,
            "active": int(user_id[-2:], 16) > 4,
            "email": email,
            "emailOptIn": int(user_id[-1], 16) % 2 == 0,
            "firstName": first,
            "lastName": last,
            "customerId": self.company.tenant_id,
        }
        # Absent, not null, for users who never signed in.
        return row if signed_in is None else {**row, "lastLoginDate": zoned(signed_in)}

    def rename_user(self, user_id: str, **fields: Any) -> None:
        """Change fields of a user by their API names: firstName, lastName, email, active."""
        if user_id not in {row["id"] for row in self.users()}:
            raise ValueError(f"no user {user_id}")
        self._changed.setdefault(user_id, {}).update(fields)

    def remove_user(self, user_id: str) -> None:
        self._removed.add(user_id)

    def add_user(self, **fields: Any) -> str:
        """Add a user with default values for missing fields. Returns the id."""
        number = len(self._added)
        user_id = fields.get("id") or hex_id(self.company.seed, "added", number)
        row = self._row(user_id, "New", f"User {number}", f"new{number}@example.com", None)
        self._added[user_id] = {**row, **fields, "id": user_id}
        self._removed.discard(user_id)
        return str(user_id)

    def replace(self, collection: str, rows: list[dict[str, Any]] | None) -> None:
        """Serve exactly these rows as that collection; None restores the company's own."""
        if collection not in COLLECTIONS:
            raise ValueError(f"collection must be one of {', '.join(COLLECTIONS)}")
        if rows is None:
            self._replaced.pop(collection, None)
        else:
            self._replaced[collection] = rows
