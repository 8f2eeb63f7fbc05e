"""Planted incidents that security rules should find. Each happens on fixed days, so any fortnight has all of them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from . import names
from .actors import Actor, Cast
from .clock import DAY, HOUR, SECOND
from .company import Person, hex_id
from .templates import Template, session_part, template, user_part

if TYPE_CHECKING:
    from .events import Row

# On quieter days an incident would outnumber the ordinary events.
SMALLEST_VOLUME = 40
ABROAD = "203.0.113"


def rows_of(day: int, volume: int, cast: Cast, rng: Random, level: int = 1) -> list[Row]:
    """Return the incidents of a day up to a level, and its joiners and leavers."""
    if volume < SMALLEST_VOLUME:
        return []
    people = [person for person in cast.company.people(day) if not person.never_signs_in]
    if len(people) < 2:
        return []
    rows = _joiners_and_leavers(day, cast)
    turn = day + cast.company.seed
    if turn % 5 == 0:
        rows += _burst_of_failures(day, cast, people, rng)
    if turn % 7 == 1:
        rows += _admin_role_grant(day, cast, people, rng)
    if turn % 6 == 2:
        rows += _export_spike(day, min(60, volume // 4), cast, people, rng)
    if turn % 9 == 3:
        rows += _admin_from_new_address(day, cast, people, rng)
    if turn % 8 == 4:
        rows += _unknown_user(day, cast, rng)
    if turn % 6 == 5:
        rows += _refused_again_and_again(day, cast, people, rng)
    if level > 1 and turn % 10 == 6:
        rows += _role_for_the_own_account(day, cast, people, rng)
    if level > 1 and turn % 3 == 0:
        rows += _failed_changes(day, cast, people, rng)
    if level > 1 and turn % 14 == 9:
        rows += _mass_deletion(day, cast, people, rng)
    return rows


def _steps(start: int, pause: int, actor: Actor, part: bytes, kinds: list[Template]) -> list[Row]:
    return [(start + i * pause, 0, actor.user, kind, part) for i, kind in enumerate(kinds)]


def _burst_of_failures(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return failed sign-ins from abroad, then a successful one."""
    actor = cast.actor(rng.choice(people), day)
    part = session_part(f"{ABROAD}.{rng.randrange(1, 255)}", names.PROGRAMS[1], "")
    kinds = [actor.signing["failed"]] * rng.randint(8, 20) + [actor.signing["in"]]
    return _steps(day * DAY + 2 * HOUR, 7 * SECOND, actor, part, kinds)


def _refused_again_and_again(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return refusals of a user who tries one forbidden function after another."""
    actor = cast.actor(rng.choice(people), day)
    return _steps(day * DAY + 13 * HOUR, 11 * SECOND, actor, actor.session(rng), [actor.refused] * rng.randint(11, 18))


def _admins(people: list[Person]) -> list[Person]:
    return [person for person in people if person.is_admin] or people[:1]


def _admin_role_grant(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return the grant of the tenant administrator role, and what its new holder then opens."""
    admin = cast.actor(rng.choice(_admins(people)), day)
    friend = rng.choice(people)
    grant = cast.library.role_change("AUTHZ-3", names.ROLES[0], friend)
    start = day * DAY + 15 * HOUR
    other = cast.actor(friend, day)
    later = _steps(start + 20 * 60 * SECOND, 90 * SECOND, other, other.session(rng), other.table[:6])
    return _steps(start, SECOND, admin, admin.session(rng), [grant]) + later


def _export_spike(day: int, count: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return dozens of exports by one person within minutes."""
    person = rng.choice(people)
    actor = cast.actor(person, day)
    model = cast.company.models_of(person)[0]
    exports = [kind for kind, _ in cast.library.for_model(model) if b"USR-36" in kind.code]
    kinds = [exports[i % len(exports)] for i in range(count)]
    return _steps(day * DAY + 17 * HOUR, 19 * SECOND, actor, actor.session(rng), kinds)


def _admin_from_new_address(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return a session of an administrator, whose role was granted again at night, from an unknown address."""
    person = rng.choice(_admins(people))
    admin, other = cast.actor(person, day), cast.actor(cast.company.person(0, day), day)
    renewed = cast.library.role_change("AUTHZ-3", names.ROLES[0], person)
    rows = _steps(day * DAY + 1 * HOUR, SECOND, other, other.session(rng), [renewed])
    part = admin.session(rng, ip=f"{ABROAD}.{day % 254 + 1}")
    return rows + _steps(day * DAY + 3 * HOUR, 40 * SECOND, admin, part, [admin.signing["in"], *admin.table[-5:]])


def _role_for_the_own_account(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return a role that an administrator gives to the own account, uses, and takes again after 20 minutes."""
    person = rng.choice(_admins(people))
    actor = cast.actor(person, day)
    given, taken = (cast.library.role_change(code, names.ROLES[0], person) for code in ("AUTHZ-3", "AUTHZ-6"))
    return _steps(day * DAY + 19 * HOUR, 240 * SECOND, actor, actor.session(rng), [given, *actor.table[:4], taken])


def _failed_changes(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return changes of a model that fail, and a role that an administrator could not give."""
    person = rng.choice(people)
    actor, admin = cast.actor(person, day), cast.actor(rng.choice(_admins(people)), day)
    model = cast.company.models_of(person)[0].id
    failed = [template(code, model, {}, success=False, error="500") for code in ("USR-51", "USR-52", "USR-36")]
    on = {"roleId": "1", "roleName": names.ROLES[0], "targetUserId": person.id, "targetUserName": person.email}
    denied = template("AUTHZ-4", person.id, on, success=False, message="Role assignment denied")
    start = day * DAY + 14 * HOUR
    rows = _steps(start, 95 * SECOND, actor, actor.session(rng), failed)
    return rows + _steps(start + HOUR, SECOND, admin, admin.session(rng), [denied])


def _mass_deletion(day: int, cast: Cast, people: list[Person], rng: Random) -> list[Row]:
    """Return the deletion of a dozen integrations that were made before the log begins."""
    company, admin = cast.company, cast.actor(rng.choice(_admins(people)), day)
    flows = [hex_id(company.seed, "old flow", day, number) for number in range(12)]
    kinds = [template("INT-07", flow, {}, message="Data Integration deletion") for flow in flows]
    return _steps(day * DAY + 16 * HOUR, 9 * SECOND, admin, admin.session(rng), kinds)


def _unknown_user(day: int, cast: Cast, rng: Random) -> list[Row]:
    """Return actions of a user who is in no list."""
    company = cast.company
    ghost = user_part(hex_id(company.seed, "ghost", day // 40), company.tenant_id)
    part = session_part(f"10.20.99.{rng.randrange(1, 255)}", names.BROWSERS[0], "")
    kinds = [kind for kind, _ in cast.library.for_page(rng.choice(company.pages))[:4]]
    return [(day * DAY + 10 * HOUR + i * 50 * SECOND, 0, ghost, kind, part) for i, kind in enumerate(kinds)]


def _joiners_and_leavers(day: int, cast: Cast) -> list[Row]:
    """Return the morning's changes: new users are created and assigned, leavers of the day before removed."""
    company = cast.company
    admin = cast.actor(company.person(0, day), day)
    part = session_part(admin.addresses[0], admin.browser, "")
    kinds: list[Template] = []
    for post in range(company.headcount):
        person = company.person(post, day)
        if person.first_day == day:
            gone = company.person(post, day - 1)
            for code, who in (("USR-17", gone), ("USR-29", gone), ("USR-1", person), ("USR-15", person)):
                on = {"targetUserId": who.id, "targetUserName": who.email}
                kinds.append(template(code, who.id, on, kind="USER", tenant=company.tenant_id))
    return _steps(day * DAY + 6 * HOUR, 5 * SECOND, admin, part, kinds)
