"""Races between threads and processes: one winner, and no half of anything."""

from __future__ import annotations

import contextlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attendance.domain.model import Review
from attendance.errors import DuplicatePictureError, PersonExistsError, PersonNotFoundError
from tests.store_children import settle_together
from tests.store_makers import MODEL, after, attempt, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.domain.model import Attempt, Person
    from attendance.store.base import Store

THREADS, PROCESSES, ROUNDS = 4, 2, 10
COOLDOWN_S = 60.0


def race(url: str, rounds: list[list[Attempt]]) -> list[list[tuple[str, str, Any, bool]]]:
    """Settle each round's eight attempts at once, four in each of two processes; the answers of each round."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(THREADS * PROCESSES)
    queues = [context.Queue() for _ in range(PROCESSES)]
    children = [
        context.Process(
            target=settle_together,
            args=(url, [one[THREADS * n : THREADS * (n + 1)] for one in rounds], COOLDOWN_S, barrier, queue),
        )
        for n, queue in enumerate(queues)
    ]
    for child in children:
        child.start()
    answers = [[answer for queue in queues for answer in queue.get(timeout=120)] for _ in rounds]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * PROCESSES
    return answers


def test_eight_threads_in_two_processes_one_winner(store: Store, store_url: str) -> None:
    ada = store.add_person(person("Ada"), references(1), MODEL)
    moments = [after(1000 * number) for number in range(ROUNDS)]
    rounds = [[attempt(ada, moment) for _ in range(THREADS * PROCESSES)] for moment in moments]
    for answers, moment in zip(race(store_url, rounds), moments, strict=True):
        assert sorted(outcome for _, outcome, _, _ in answers) == ["already"] * 7 + ["recorded"]
        assert {check_in_at for _, _, check_in_at, _ in answers} == {moment}
    assert [one.timestamp for one in store.check_ins()] == moments
    assert len(list(store.attempts())) == ROUNDS * THREADS * PROCESSES


def test_eight_threads_after_a_dispute_one_winner(store: Store, store_url: str) -> None:
    ada = store.add_person(person("Ada"), references(1), MODEL)
    moments = [after(1000 * number) for number in range(ROUNDS)]
    for moment in moments:
        first = store.settle(attempt(ada, moment), COOLDOWN_S).attempt
        store.set_review(first.attempt_id, Review.DISPUTED, actor="kiosk", at_utc=moment, expected=Review.NONE)
    later = [moment + timedelta(seconds=5) for moment in moments]
    rounds = [[attempt(ada, moment) for _ in range(THREADS * PROCESSES)] for moment in later]
    for answers, moment in zip(race(store_url, rounds), later, strict=True):
        assert sorted(outcome for _, outcome, _, _ in answers) == ["already"] * 7 + ["recorded"]
        assert {check_in_at for _, _, check_in_at, _ in answers} == {moment}
    assert [one.timestamp for one in store.check_ins()] == sorted(moments + later)


def test_the_same_attempt_sent_at_the_same_time(store: Store, store_url: str) -> None:
    people = [store.add_person(person(f"Person {number}"), references(1), MODEL) for number in range(ROUNDS)]
    rounds = [[attempt(one)] * (THREADS * PROCESSES) for one in people]
    for answers in race(store_url, rounds):
        assert {outcome for _, outcome, _, _ in answers} == {"recorded"}
        assert sum(not replayed for _, _, _, replayed in answers) == 1
    assert store.count_check_ins() == ROUNDS
    assert len(list(store.attempts())) == ROUNDS


def test_one_name_one_person(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]

    def add(number: int) -> Person | None:
        with contextlib.suppress(PersonExistsError):
            return stores[number % 2].add_person(person("Ada", external_id=str(number)), references(2), MODEL)
        return None

    with ThreadPoolExecutor(8) as pool:
        added = [one for one in pool.map(add, range(8)) if one is not None]
    assert stores[0].people() == added
    assert len(added) == 1
    assert stores[1].count_references() == 2


def test_one_picture_one_person(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]

    def add(number: int) -> bool:
        with contextlib.suppress(DuplicatePictureError):
            stores[number % 2].add_person(person(f"P{number}"), [reference("one"), reference(f"{number}")], MODEL)
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1
    assert stores[0].count_people() == 1
    assert stores[0].count_references() == 2


def test_nobody_is_recorded_after_the_removal(open_store: Callable[[], Store]) -> None:
    """A check-in beside a removal is either recorded before it or refused."""
    stores = [open_store(), open_store()]
    for number in range(8):
        who = stores[0].add_person(person(f"Person {number}"), references(1), MODEL)
        with ThreadPoolExecutor(2) as pool:
            settling = pool.submit(stores[0].settle, attempt(who), COOLDOWN_S)
            removing = pool.submit(stores[1].remove_person, who.person_id)
            assert removing.result().person_id == who.person_id
            refused = isinstance(settling.exception(), PersonNotFoundError)
        assert refused or settling.result().check_in is not None
        assert len(list(stores[1].check_ins(person_id=who.person_id))) == (0 if refused else 1)
