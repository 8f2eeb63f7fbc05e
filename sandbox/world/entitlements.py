"""SCIM: who may enter which workspace; a function of the person and the day."""

from __future__ import annotations

from random import Random
from typing import Any

from .clock import DAY, HOUR, Clock, day_of
from .company import Company, Named, Person
from .integrations import utc
from .people import Directory

Row = dict[str, Any]
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
# For so many days a project gives some people a workspace besides their own.
PROJECT_DAYS = 45


class Entitlements:
    """The users of the tenant with the workspaces that they may enter."""

    def __init__(self, company: Company, directory: Directory, clock: Clock) -> None:
        self.company, self.directory, self.clock = company, directory, clock
        # Users who are no people of the company: they exist since they were first listed.
        self._first_listed: dict[str, int] = {}
        self._replaced: dict[str, list[str]] = {}

    def resources(self, base: str) -> list[Row]:
        """Return the users as SCIM shows them; `base` is the address of the service."""
        day = day_of(self.clock.now())
        people = {person.id: person for person in self.company.people(day)}
        return [self._resource(row, people.get(row["id"]), day, base) for row in self.directory.rows("users")]

    def replace(self, user_id: str, workspace_ids: list[str] | None) -> None:
        """Entitle a user to exactly these workspaces; None goes back to the company's own."""
        unknown = set(workspace_ids or ()) - {workspace.id for workspace in self.company.workspaces}
        if unknown:
            raise ValueError(f"no workspace {', '.join(sorted(unknown))}")
        if workspace_ids is None:
            self._replaced.pop(user_id, None)
        else:
            self._replaced[user_id] = workspace_ids

    def workspaces_of(self, user_id: str, person: Person | None, day: int) -> list[Named]:
        """Return the workspaces that a user may enter on a day."""
        if user_id in self._replaced:
            return [one for one in self.company.workspaces if one.id in self._replaced[user_id]]
        if person is None or person.is_admin:
            return list(self.company.workspaces)
        # A few people are users of the tenant without further rights.
        if int(person.id[-1], 16) == 5:
            return []
        # Whoever changes data of a model may enter its workspace.
        found = {model.workspace.id: model.workspace for model in self.company.models_of(person)}
        rng = Random(f"{self.company.seed}/project/{person.id}/{day // PROJECT_DAYS}")
        if rng.random() < 0.3:
            project = rng.choice(self.company.workspaces)
            found.setdefault(project.id, project)
        return list(found.values())

    def _resource(self, row: Row, person: Person | None, day: int, base: str) -> Row:
        first, last, email = (str(row.get(key, "")) for key in ("firstName", "lastName", "email"))
        name = f"{first} {last}".strip()
        created, modified = self._dates(row["id"], person, day)
        return {
            "schemas": [SCHEMA],
            "id": row["id"],
            "userName": email,
            "displayName": name,
            "name": {"familyName": last, "givenName": first, "formatted": name},
            "active": row.get("active", True),
            "emails": [{"value": email, "type": "work", "primary": True}],
            "entitlements": [
                {"value": one.id, "display": one.name, "type": "WORKSPACE"}
                for one in self.workspaces_of(row["id"], person, day)
            ],
            "meta": {
                "resourceType": "User",
                "created": utc(created),
                "lastModified": utc(modified),
                "location": f"{base}/Users/{row['id']}",
            },
        }

    def _dates(self, user_id: str, person: Person | None, day: int) -> tuple[int, int]:
        """Return when a user was created and last changed: people on the morning of their first day."""
        if person is None:
            first = self._first_listed.setdefault(user_id, self.clock.now())
            return first, first
        created = person.first_day * DAY + 6 * HOUR
        return created, max(created, day // PROJECT_DAYS * PROJECT_DAYS * DAY)
