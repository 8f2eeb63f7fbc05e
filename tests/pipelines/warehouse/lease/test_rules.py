"""Every order in which the statements of runs can take effect: never do two of them hold the lease."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from pipelines.warehouse.lease.rules import Row, Verdict, claims_of, expired, holder, is_kept, verdict

START = datetime(2026, 3, 1, tzinfo=timezone.utc)


def row(claim_id: str, at: float, renewal: int = 0, seconds: int = 100) -> Row:
    return Row(claim_id, renewal, START + timedelta(seconds=at), seconds, f"host-{claim_id}", 7)


@dataclass(frozen=True)
class Run:
    """A run: the next of its steps, and what it knows."""

    name: str
    step: str = "stamp"
    made: Row | None = None
    again: int = 0


Database = tuple[Row, ...]
State = tuple[tuple[Run, ...], Database]


def after(state: State, index: int, now: int) -> State:
    """Take the next step of one run. A row gets its time some steps before others can see it."""
    runs, rows = state
    run = runs[index]
    if run.step == "stamp":
        run = replace(run, step="commit", made=row(run.name, now))
    elif run.step == "commit":
        assert run.made is not None
        rows, run = (*rows, run.made), replace(run, step="read")
    elif run.step == "read":
        decision, _ = verdict(claims_of(rows), run.name)
        if decision is Verdict.HELD:
            run = replace(run, step="release")
        elif decision is Verdict.WAIT and run.again < 2:
            run = replace(run, again=run.again + 1)
        else:
            run = replace(run, step="withdraw")
    else:
        rows = tuple(one for one in rows if one.claim_id != run.name)
        run = replace(run, step="done" if run.step == "release" else "refused")
    return (*runs[:index], run, *runs[index + 1 :]), rows


def histories(state: State, now: int = 0) -> Iterator[list[State]]:
    """All orders of steps, as lists of states."""
    runs, _ = state
    ended = True
    for index, run in enumerate(runs):
        if run.step not in ("done", "refused"):
            ended = False
            for rest in histories(after(state, index, now), now + 1):
                yield [state, *rest]
    if ended:
        yield [state]


def test_two_runs_never_hold_the_lease_and_one_always_gets_it() -> None:
    together, outcomes = 0, set()
    for history in histories(((Run("a"), Run("b")), ())):
        for runs, _ in history:
            together = max(together, sum(run.step == "release" for run in runs))
        runs, rows = history[-1]
        assert rows == ()
        outcomes.add(tuple(run.step for run in runs))
    assert together == 1
    assert outcomes == {("done", "done"), ("done", "refused"), ("refused", "done"), ("refused", "refused")}


def test_three_runs_never_hold_the_lease() -> None:
    """Three have too many orders to try all: one of them is already in the middle, at each of its steps."""
    seen: set[State] = set()
    waiting: list[tuple[State, int]] = [((tuple(map(Run, "abc")), ()), 0)]
    while waiting:
        state, now = waiting.pop()
        if state in seen:
            continue
        seen.add(state)
        assert sum(run.step == "release" for run in state[0]) <= 1, state
        waiting += [
            (after(state, index, now), now + 1)
            for index, run in enumerate(state[0])
            if run.step not in ("done", "refused")
        ]
    assert any(run.step == "release" for runs, _ in seen for run in runs)


def test_run_that_slept_and_the_one_that_takes_over_never_both_go_on() -> None:
    """A renewal and a claim meet in every order, before and after the lease expires."""
    outcomes = set()
    for end in range(-1, 8):
        old = row("a", end - 100)
        for history in _meetings(("stamp a", "commit a", "read a"), ("stamp b", "commit b", "read b")):
            rows, made, keeps, holds = [old], {}, None, None
            for now, step in enumerate(history):
                action, name = step.split()
                if action == "stamp":
                    made[name] = row(name, now, renewal=int(name == "a"))
                elif action == "commit":
                    rows.append(made[name])
                elif name == "a":
                    keeps = is_kept(rows, "a", 0)
                else:
                    holds = verdict(claims_of(rows), "b")[0] is Verdict.HELD
            assert not (keeps and holds), (end, history)
            outcomes.add((keeps, holds))
    assert outcomes == {(True, False), (False, True), (False, False)}


def _meetings(first: tuple[str, ...], second: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not first or not second:
        yield first + second
        return
    yield from ((first[0], *rest) for rest in _meetings(first[1:], second))
    yield from ((second[0], *rest) for rest in _meetings(first, second[1:]))


def test_lease_is_lost_once_another_run_took_over_and_ended() -> None:
    """It deletes the rows of the claim that it replaced; if it was killed, its own rows are still there."""
    mine, renewal = row("a", 0), row("a", 500, renewal=1)
    assert is_kept([mine, renewal], "a", 0)
    assert not is_kept([renewal], "a", 0)
    assert not is_kept([mine, row("b", 200, seconds=1), renewal], "a", 0)


def test_claim_that_was_refused_does_not_end_the_run_that_holds_the_lease() -> None:
    assert is_kept([row("a", 0), row("b", 50), row("a", 60, renewal=1)], "a", 0)
    assert is_kept([row("a", 0), row("a", 60, renewal=1), row("b", 150), row("a", 155, renewal=2)], "a", 1)


def test_renewals_keep_others_away_and_expired_claims_do_not() -> None:
    rows = [row("a", 0), row("a", 60, renewal=1), row("b", 150), row("c", 20, seconds=10)]
    claims = claims_of(rows)
    assert verdict(claims, "b") == (Verdict.REFUSED, claims[0])
    assert expired(claims, "b") == [claims[1]]
    assert holder(claims, START + timedelta(seconds=155)) == claims[0]
    assert holder(claims, START + timedelta(seconds=1000)) is None


def test_statement_that_was_sent_twice_counts_once() -> None:
    claims = claims_of([row("a", 5), row("a", 0)])
    assert [(claim.since, claim.until) for claim in claims] == [(START, START + timedelta(seconds=105))]
