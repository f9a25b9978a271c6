"""The outbox: what was made in a session waits until it is marked, has one number for ever, and nothing is lost."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING

from attendance.domain.model import Outcome, Review
from attendance.store.outgoing import OutboxState
from tests.store_children import number_together
from tests.store_makers import MODEL, NOON, PICTURE, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store

COOLDOWN_S = 60.0


def make(store: Store, count: int, session: str | None = "s1", start: float = 0) -> list[str]:
    """Settle so many attempts that knew nobody, a second apart; their ids."""
    ids = []
    for step in range(count):
        stored = store.settle(attempt(None, after(start + step), session=session), COOLDOWN_S).attempt
        assert stored.session == session
        ids.append(stored.attempt_id)
    return ids


def test_an_empty_store_has_nothing_to_send(store: Store) -> None:
    assert store.number_attempts(100) == 0
    assert store.unsent(100) == []
    assert store.outbox() == OutboxState(0, 0, None)
    store.mark_sent([])
    store.mark_sent([1, 2])
    assert store.outbox() == OutboxState(0, 0, None)


def test_the_session_is_stored_with_the_attempt_and_said_again(store: Store) -> None:
    ada = store.add_person(person("Ada"), references(1), MODEL)
    given = attempt(ada, session="s1")
    first = store.settle(given, COOLDOWN_S, PICTURE)
    assert (first.outcome, first.attempt.session) == (Outcome.RECORDED, "s1")
    assert store.settle(given, COOLDOWN_S).attempt == first.attempt
    assert store.attempt(given.attempt_id) == first.attempt
    assert next(iter(store.attempts())) == first.attempt
    repeated = store.settle(attempt(ada, after(1), session="s1"), COOLDOWN_S)
    assert (repeated.outcome, repeated.attempt.session) == (Outcome.ALREADY, "s1")
    assert store.outbox() == OutboxState(0, 2, NOON)


def test_what_was_made_while_tracking_was_off_is_never_sent(store: Store) -> None:
    make(store, 3, None)
    assert store.number_attempts(100) == 0
    assert store.outbox() == OutboxState(0, 0, None)


def test_numbers_go_by_time_and_stay(store: Store, open_store: Callable[[], Store]) -> None:
    later = make(store, 2, start=50)
    earlier = make(store, 3)
    assert store.number_attempts(4) == 4
    assert [one.number for one in store.unsent(100)] == [1, 2, 3, 4]
    assert [one.attempt.attempt_id for one in store.unsent(100)] == [*earlier, later[0]]
    assert store.number_attempts(100) == 1
    early_bird = make(store, 1, start=-9)  # stored late, by a clock that is behind
    assert store.number_attempts(100) == 1
    found = open_store().unsent(100)
    assert [one.number for one in found] == [1, 2, 3, 4, 5, 6]
    assert [one.attempt.attempt_id for one in found] == [*earlier, *later, *early_bird]
    assert [one.number for one in store.unsent(2)] == [1, 2]
    assert (store.unsent(0), store.number_attempts(0)) == ([], 0)


def test_what_is_marked_waits_no_longer(store: Store, open_store: Callable[[], Store]) -> None:
    make(store, 5)
    store.number_attempts(3)
    assert store.outbox() == OutboxState(0, 5, NOON)
    store.mark_sent([1, 3])
    assert [one.number for one in store.unsent(100)] == [2]
    assert store.outbox() == OutboxState(2, 3, after(1))
    store.mark_sent([1, 2, 3, 99])
    assert open_store().outbox() == OutboxState(3, 2, after(3))
    store.number_attempts(100)
    assert [one.number for one in store.unsent(100)] == [4, 5]
    store.mark_sent([4, 5])
    assert store.outbox() == OutboxState(5, 0, None)
    assert [one.number for one in store.numbered("s1", limit=100)] == [1, 2, 3, 4, 5]


def test_a_session_is_read_by_its_numbers(store: Store) -> None:
    make(store, 3, "s1")
    make(store, 3, "s2", start=0.5)
    store.number_attempts(100)
    store.mark_sent([1, 2])
    assert [one.number for one in store.numbered("s1", limit=100)] == [1, 3, 5]
    assert [one.number for one in store.numbered("s2", after=2, limit=1)] == [4]
    assert {one.attempt.session for one in store.numbered("s2", limit=100)} == {"s2"}
    assert store.numbered("nobody", limit=100) == []
    assert store.numbered("half \ud800", limit=100) == []


def test_a_review_changes_nothing_of_it(store: Store) -> None:
    (attempt_id,) = make(store, 1)
    store.number_attempts(1)
    changed = store.set_review(attempt_id, Review.DISPUTED, actor="office", at_utc=NOON, expected=Review.NONE)
    assert changed.session == "s1"
    assert [(one.number, one.attempt) for one in store.unsent(9)] == [(1, changed)]


def test_threads_that_number_at_once(store: Store) -> None:
    ids = make(store, 40)

    def number_all(_: int) -> int:
        total = 0
        while count := store.number_attempts(7):
            total += count
        return total

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(number_all, range(4)))
    assert sum(counts) == 40
    assert [one.attempt.attempt_id for one in store.unsent(100)] == ids
    assert [one.number for one in store.unsent(100)] == list(range(1, 41))


def test_processes_that_number_at_once_while_attempts_come(store: Store, store_url: str) -> None:
    make(store, 60)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(3, mp_context=context) as pool:
        barrier = manager.Barrier(4)
        children = [pool.submit(number_together, store_url, barrier, 90) for _ in range(3)]
        barrier.wait(60)
        make(store, 30, "s2", start=-500)
        counts = [sum(child.result(120)) for child in children]
    assert sum(counts) == 90
    found = store.unsent(200)
    assert [one.number for one in found] == list(range(1, 91))
    assert len({one.attempt.attempt_id for one in found}) == 90
    assert store.outbox() == OutboxState(0, 90, after(-500))
