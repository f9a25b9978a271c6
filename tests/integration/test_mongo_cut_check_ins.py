"""Check-ins, reviews and kept entries when our own process is cut off between any two commands that it sends to MongoDB."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from attendance.domain.model import Kept, Outcome, RecordFilter, Review
from attendance.errors import ConflictError
from tests.mongo_scissors import TIMEOUT_S, assert_tidy, cut_everywhere, reopened
from tests.mongo_server import opened
from tests.store_makers import MODEL, NOON, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attendance.domain.model import Attempt
    from attendance.store.mongo import MongoStore


@pytest.fixture
def helper(mongo_url: str) -> Iterator[MongoStore]:
    """One that has been there all the time, so has finished nothing at a start."""
    with opened(mongo_url, TIMEOUT_S) as store:
        yield store


@pytest.mark.parametrize("helped", [False, True], ids=["restart", "next person"])
def test_a_check_in_cut_off_anywhere_is_recorded_once(mongo_url: str, helper: MongoStore, helped: bool) -> None:
    with reopened(mongo_url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)
    rounds: list[Any] = []

    def action(store: MongoStore) -> None:
        rounds.append(attempt(ada, after(1000 * len(rounds))))
        store.settle(rounds[-1], 60.0)

    def check(done: bool) -> None:
        mine = rounds[-1]
        if helped:
            other = helper.settle(attempt(ada, mine.at_utc + timedelta(seconds=5)), 60.0)
            stored = [record.attempt_id for record in helper.check_ins(since=mine.at_utc)]
            assert other.check_in is not None
            assert stored == [other.check_in.attempt_id]
            assert other.outcome is Outcome.ALREADY or not done
            assert helper.settle(mine, 60.0).check_in == other.check_in  # sent again after the cut
            return
        with reopened(mongo_url) as store:
            assert_tidy(mongo_url)
            stored = [record.attempt_id for record in store.check_ins(since=mine.at_utc)]
            assert stored in ([[mine.attempt_id]] if done else [[], [mine.attempt_id]])
            assert (store.attempt(mine.attempt_id) is not None) == bool(stored)
            again = store.settle(mine, 60.0)
            assert (again.outcome, again.replayed) == (Outcome.RECORDED, bool(stored))
            assert [record.attempt_id for record in store.check_ins(since=mine.at_utc)] == [mine.attempt_id]

    cut_everywhere(action, check, mongo_url)


def test_a_dispute_after_a_check_in_that_was_cut_off_anywhere(mongo_url: str, helper: MongoStore) -> None:
    """Whoever disputes it finishes it first, and it begins no cooldown; nobody else has to come in between."""
    with reopened(mongo_url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)
    rounds: list[Attempt] = []

    def action(store: MongoStore) -> None:
        rounds.append(attempt(ada, after(1000 * len(rounds))))
        store.settle(rounds[-1], 60.0)

    def check(done: bool) -> None:
        mine = rounds[-1]
        try:
            disputed = helper.set_review(mine.attempt_id, Review.DISPUTED, actor="kiosk", at_utc=NOON, expected=Review.NONE)
        except ConflictError:
            assert not done
            assert list(helper.check_ins(since=mine.at_utc)) == []
            return
        assert helper.attempt(mine.attempt_id) == disputed
        assert [record.attempt_id for record in helper.check_ins(since=mine.at_utc)] == [mine.attempt_id]
        assert helper.settle(mine, 60.0).attempt == disputed
        assert helper.settle(attempt(ada, mine.at_utc + timedelta(seconds=5)), 60.0).outcome is Outcome.RECORDED

    cut_everywhere(action, check, mongo_url)


def test_a_check_in_after_a_disputed_one_cut_off_anywhere_is_recorded_once(mongo_url: str) -> None:
    with reopened(mongo_url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)
    rounds: list[Attempt] = []

    def action(store: MongoStore) -> None:
        store.settle(rounds[-1], 60.0)

    def prepare() -> None:
        with reopened(mongo_url) as store:
            at = after(1000 * len(rounds))
            doubted = store.settle(attempt(ada, at), 60.0).attempt
            store.set_review(doubted.attempt_id, Review.VOID, actor="office", at_utc=at, expected=Review.NONE)
            rounds.append(attempt(ada, at + timedelta(seconds=5)))

    def check(done: bool) -> None:
        mine = rounds[-1]
        with reopened(mongo_url) as store:
            assert_tidy(mongo_url)
            again = store.settle(mine, 60.0)
            assert again.outcome is Outcome.RECORDED
            assert again.replayed or not done
            assert [one.attempt_id for one in store.check_ins(since=mine.at_utc)] == [mine.attempt_id]
            assert store.count_check_ins(RecordFilter(since=mine.at_utc, review=Review.NONE)) == 1
            assert store.last_seen([ada.person_id]) == {ada.person_id: mine.at_utc}
        prepare()

    prepare()
    cut_everywhere(action, check, mongo_url)


@pytest.mark.parametrize("version", [None, 1])
def test_a_kept_entry_cut_off_anywhere_is_the_old_or_the_new(mongo_url: str, version: int | None) -> None:
    old, new = Kept("k", "a", {"n": "old"}, 1), Kept("k", "a", {"n": "new"}, 2)
    with reopened(mongo_url) as store:
        assert store.keep("k", "a", {"n": "old"}) == old

    def check(done: bool) -> None:
        with reopened(mongo_url) as store:
            assert store.kept("k", "a") == (new if done else old)
            assert store.all_kept("k") == [new if done else old]

    cut_everywhere(lambda store: store.keep("k", "a", {"n": "new"}, version=version), check, mongo_url)
