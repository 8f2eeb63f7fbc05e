"""The company: people, workspaces, models, apps and other objects of events, as a function of the seed alone.

People join and leave on absolute dates. Each post has one holder after another, so the headcount is constant,
and the date alone decides who is there, whenever the sandbox was started.
"""

from __future__ import annotations

import hashlib
import string
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from . import names

LETTERS = string.ascii_letters + string.digits


def connection_id(*parts: Any) -> str:
    """Return a connection id: `con_` and 16 letters and digits in mixed case."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return "con_" + "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:16])


def hex_id(*parts: object) -> str:
    """Return 32 lower-case hex digits, like Anaplan's object ids."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def guid(*parts: object) -> str:
    text = hex_id("guid", *parts)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def mail_name(name: str) -> str:
    """Return a name in the characters that an email address allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(filter(str.isalnum, plain)).lower()


def creation_date(number: int) -> date:
    """Return the day on which the n-th model was made."""
    return date(2024, 1 + number % 9, 15)


@dataclass(frozen=True)
class Named:
    id: str
    name: str


@dataclass
class Model:
    id: str
    name: str
    state: str
    workspace: Named
    actions: list[Named]
    imports: list[Named]
    exports: list[Named]
    processes: list[Named]


@dataclass(frozen=True)
class Page:
    id: str
    name: str
    code: str  # USR-43 board, USR-44 worksheet, USR-45 report
    app: Named


@dataclass(frozen=True)
class Person:
    """One holder of a post, from the first UTC day up to, not including, the last."""

    id: str
    first_name: str
    last_name: str
    email: str
    department: int
    office: int
    is_admin: bool
    never_signs_in: bool
    activity: float
    first_day: int
    last_day: int

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass
class Company:
    seed: int
    headcount: int
    model_count: int = 0
    tenant_id: str = ""
    workspaces: list[Named] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    used_models: list[Model] = field(default_factory=list, repr=False)
    pages: list[Page] = field(default_factory=list)
    integrations: list[Named] = field(default_factory=list)
    connections: list[Named] = field(default_factory=list)
    _people: dict[tuple[int, int], Person] = field(default_factory=dict, repr=False)
    _posts: dict[int, tuple[int, int]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.tenant_id = hex_id(self.seed, "tenant")
        rng = Random(f"{self.seed}/company")
        for number in range(max(2, min(24, self.headcount // 25))):
            self._build_workspace(number, rng)
        # Models beyond these are listed, and no user works in them.
        self.used_models = list(self.models)
        for number in range(len(self.models), self.model_count):
            workspace = self.workspaces[number % len(self.workspaces)]
            self.models.append(self._build_model(workspace, number, Random(f"{self.seed}/model/{number}")))
        flows = ("Orders to Data Hub", "HR to Workforce", "Plan to Warehouse", "FX daily", "CRM sync")
        self.integrations = [Named(hex_id(self.seed, "integration", name), name) for name in flows]
        targets = ("Google BigQuery", "Amazon S3", "Azure Blob", "Snowflake")
        self.connections = [Named(connection_id(self.seed, name), name) for name in targets]
        # Connection ids are case-sensitive: the last two differ in case only.
        self.connections[-1] = Named(f"con_{self.connections[-2].id[4:].swapcase()}", targets[-1])

    def _build_workspace(self, number: int, rng: Random) -> None:
        department = names.DEPARTMENTS[number % len(names.DEPARTMENTS)]
        suffix = "" if number < len(names.DEPARTMENTS) else f" {number // len(names.DEPARTMENTS) + 1}"
        workspace = Named(hex_id(self.seed, "workspace", number), department + suffix)
        self.workspaces.append(workspace)
        for index in range(rng.randint(3, 6)):
            self.models.append(self._build_model(workspace, index, rng))
        app = Named(guid(self.seed, "app", number), f"{department}{suffix} Planning")
        for name in rng.sample(names.PAGE_NAMES, 8):
            code = rng.choice(("USR-43", "USR-43", "USR-44", "USR-45"))
            self.pages.append(Page(guid(self.seed, "page", number, name), name, code, app))

    def _build_model(self, workspace: Named, index: int, rng: Random) -> Model:
        subject = rng.choice(names.MODEL_NAMES)
        states = ("UNLOCKED", "UNLOCKED", "PRODUCTION", "LOCKED", "ARCHIVED", "MAINTENANCE", "PRODUCTION_MAINTENANCE")
        # The first two models of a workspace are in use; the others can be in any state.
        state = "UNLOCKED" if index == 0 else "PRODUCTION" if index == 1 else rng.choice(states)

        def numbered(start: int, texts: tuple[str, ...], count: int) -> list[Named]:
            return [Named(str(start + i), text) for i, text in enumerate(rng.sample(texts, count))]

        return Model(
            id=hex_id(self.seed, "model", workspace.id, index),
            name=f"{workspace.name} {subject}" + ("" if index < 2 else f" (copy {index - 1})"),
            state=state,
            workspace=workspace,
            actions=numbered(117_000_000_001, names.ACTION_NAMES, 4),
            imports=numbered(112_000_000_001, names.IMPORT_NAMES, 3),
            exports=numbered(116_000_000_001, names.EXPORT_NAMES, 3),
            processes=numbered(118_000_000_001, ("Nightly Load", "Month End", "Publish Plan"), 2),
        )

    def person(self, post: int, day: int) -> Person:
        """Return the holder of the post on that UTC day."""
        if post not in self._posts:
            rng = Random(f"{self.seed}/post/{post}")
            # Every tenth position is for contractors, so that even in a small company a person leaves in any 30 days.
            length = rng.randint(22, 29) if post % 10 == 7 else rng.randint(200, 1_500)
            self._posts[post] = (length, rng.randrange(length))
        tenure, shift = self._posts[post]
        holder = (day + shift) // tenure
        key = (post, holder)
        if key not in self._people:
            self._people[key] = self._build_person(post, holder, holder * tenure - shift, tenure)
        return self._people[key]

    def _build_person(self, post: int, holder: int, first_day: int, tenure: int) -> Person:
        rng = Random(f"{self.seed}/person/{post}/{holder}")
        first, last = rng.choice(names.FIRST_NAMES), rng.choice(names.LAST_NAMES)
        return Person(
            id=hex_id(self.seed, "user", post, holder),
            first_name=first,
            last_name=last,
            email=f"{mail_name(first)}.{mail_name(last)}{post}@example.com",
            department=post % len(self.workspaces),
            office=rng.randrange(len(names.OFFICES)),
            is_admin=post % 25 == 0,
            never_signs_in=post % 20 == 13,
            activity=0.2 + rng.paretovariate(1.6),
            first_day=first_day,
            last_day=first_day + tenure,
        )

    def people(self, day: int) -> list[Person]:
        """Return everybody in the company on that UTC day, post by post."""
        return [self.person(post, day) for post in range(self.headcount)]

    def models_of(self, person: Person) -> list[Model]:
        """Return the models a person works in: the used models of the department, and one other."""
        department = self.workspaces[person.department]
        own = [m for m in self.used_models if m.workspace is department and m.state != "ARCHIVED"]
        return [*own, self.used_models[int(person.id[:6], 16) % len(self.used_models)]]

    def workspace_rows(self) -> list[dict[str, Any]]:
        """Return the workspaces as the Integration API lists them."""
        size = 10 * 1024**3
        return [
            {"id": w.id, "name": w.name, "active": True, "sizeAllowance": size, "currentSize": size // (3 + i)}
            for i, w in enumerate(self.workspaces)
        ]

    def model_rows(self, day: int) -> list[dict[str, Any]]:
        """Return the models as the Integration API lists them: ids in upper case, but in lower case in events."""
        people = self.people(day)
        rows = []
        for i, model in enumerate(self.models):
            row = {
                "id": model.id.upper(),
                "name": model.name,
                "activeState": model.state,
                "currentWorkspaceId": model.workspace.id,
                "currentWorkspaceName": model.workspace.name,
                "modelUrl": f"https://us1a.app.anaplan.com/core3/?guid={model.id.upper()}",
                "lastModified": "2026-10-01T09:30:00.000+0000",
                "lastModifiedByUserGuid": people[i % len(people)].id if people else "",
                "isoCreationDate": f"{creation_date(i)}T08:00:00.000+0000",
                "memoryUsage": 50_000_000 + 7_919_000 * (i % 97),
                "lastSavedSerialNumber": 1_000 + 37 * i,
                "categoryValues": [
                    {
                        "id": hex_id("tier", i % 3),
                        "name": f"Tier {i % 3}",
                        "categoryId": hex_id("category", 0),
                        "categoryName": "Tier",
                        "customerId": self.tenant_id,
                    }
                ],
            }
            if i % 7 == 3:
                row["modelTransactionRunning"] = False
            rows.append(row)
        return rows
