"""People and system processes, each with a weighted choice of events."""

from __future__ import annotations

from random import Random

from . import names
from .company import Company, Page, Person
from .templates import Library, Template, session_part, user_part

TABLE_SIZE = 64
BLOCK_DAYS = 28


class Actor:
    """A person as a source of events: encoded fields and a table to draw the next event from."""

    def __init__(self, person: Person, library: Library, block: int) -> None:
        company = library.company
        rng = Random(f"{company.seed}/actor/{person.id}/{block}")
        self.person = person
        self.user = user_part(person.id, company.tenant_id)
        self.signing = library.signing(person)
        self.table = _draw(_daily_work(person, library, rng), rng)
        if person.is_admin:
            self.table += _draw(_admin_work(library, rng, block), rng, TABLE_SIZE // 4)
        _, _, self.utc_offset, network = names.OFFICES[person.office]
        self.addresses = [f"{network}.{int(person.id[:2], 16)}.{int(person.id[2:4], 16)}"]
        # Home: one address of a documentation network for each person.
        self.addresses.append(f"198.51.{int(person.id[4:6], 16)}.{int(person.id[6:8], 16)}")
        self.odd = library.odd
        self.granted, self.refused = library.granted(person), library.refused(person)
        self.browser = names.BROWSERS[int(person.id[8:10], 16) % len(names.BROWSERS)]

    def session(self, rng: Random, ip: str | None = None) -> bytes:
        agent = names.PROGRAMS[rng.randrange(len(names.PROGRAMS))] if rng.random() < 0.05 else self.browser
        session_id = "" if rng.random() < 0.5 else f"{rng.getrandbits(64):016x}"
        return session_part(ip or self.addresses[rng.random() < 0.25], agent, session_id, self.odd)


def _draw(weighted: list[tuple[Template, float]], rng: Random, size: int = TABLE_SIZE) -> list[Template]:
    return rng.choices([item for item, _ in weighted], [weight for _, weight in weighted], k=size)


def _daily_work(person: Person, library: Library, rng: Random) -> list[tuple[Template, float]]:
    work: list[tuple[Template, float]] = []
    for model in library.company.models_of(person):
        work += library.for_model(model)
    for page in rng.sample(_pages_near(person, library.company), 6):
        work += library.for_page(page)
    return work


def _pages_near(person: Person, company: Company) -> list[Page]:
    """Return the pages of the person's department and of the next one."""
    first = person.department * 8
    return (company.pages * 2)[first : first + 16]


def _admin_work(library: Library, rng: Random, block: int) -> list[tuple[Template, float]]:
    """Return administrative events. Colleagues are those of the block's first day, so that a restart draws the same."""
    company = library.company
    work: list[tuple[Template, float]] = []
    for _ in range(4):
        target = company.person(rng.randrange(company.headcount), block * BLOCK_DAYS)
        model = rng.choice(company.used_models)
        work += library.for_admin(target, model, rng.choice(names.ROLES[1:]), rng.choice(names.MODEL_ROLES))
    return work


class Cast:
    """All actors of a company, created on first use."""

    def __init__(self, company: Company, odd: bool = False) -> None:
        self.company = company
        self.library = Library(company, odd)
        self.system_table = _draw(self.library.for_system(), Random(f"{company.seed}/system"), 4 * TABLE_SIZE)
        self._actors: dict[tuple[str, int], Actor] = {}

    def actor(self, person: Person, day: int) -> Actor:
        key = (person.id, day // BLOCK_DAYS)
        if key not in self._actors:
            self._actors[key] = Actor(person, self.library, key[1])
        return self._actors[key]

    def system_user(self, number: int) -> bytes:
        return user_part(f"INTERNAL_{number}", self.company.tenant_id)
