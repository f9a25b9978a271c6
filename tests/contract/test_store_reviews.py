"""What is thought of an attempt: set by one alone, and what it means for the cooldown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.domain.model import Outcome, RecordFilter, Review
from attendance.errors import ConflictError
from tests.store_makers import MODEL, NOON, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.domain.model import Attempt, Person
    from attendance.store.base import Settlement, Store

COOLDOWN_S = 60.0
DOUBTED = [Review.DISPUTED, Review.VOID]


@pytest.fixture
def ada(store: Store) -> Person:
    return store.add_person(person("Ada Lovelace"), references(1), MODEL)


def check_in(store: Store, who: Person, seconds: float = 0) -> Settlement:
    return store.settle(attempt(who, after(seconds)), COOLDOWN_S)


def set_review(store: Store, one: Attempt, review: Review, expected: Review = Review.NONE) -> Attempt:
    return store.set_review(one.attempt_id, review, actor="ada's office", at_utc=after(500), expected=expected)


def test_nobody_doubts_a_new_attempt(store: Store, ada: Person) -> None:
    stored = check_in(store, ada).attempt
    assert (stored.review, stored.reviewed_by, stored.reviewed_at_utc) == (Review.NONE, None, None)


def test_a_review_is_stored_with_who_and_when(store: Store, ada: Person) -> None:
    stored = check_in(store, ada).attempt
    disputed = set_review(store, stored, Review.DISPUTED)
    assert disputed == replace(stored, review=Review.DISPUTED, reviewed_by="ada's office", reviewed_at_utc=after(500))
    assert store.attempt(stored.attempt_id) == disputed
    assert list(store.attempts()) == store.attempt_page(RecordFilter(review=Review.DISPUTED), limit=9) == [disputed]
    void = store.set_review(stored.attempt_id, Review.VOID, actor="office", at_utc=after(900), expected=Review.DISPUTED)
    assert (void.review, void.reviewed_by, void.reviewed_at_utc) == (Review.VOID, "office", after(900))
    assert store.attempt(stored.attempt_id) == void


def test_nothing_is_erased_by_a_review(store: Store, ada: Person) -> None:
    given_ = attempt(ada)
    settled = store.settle(given_, COOLDOWN_S, b"picture")
    void = set_review(store, settled.attempt, Review.VOID)
    assert list(store.check_ins()) == [settled.check_in]
    assert store.check_in_page(RecordFilter(), limit=9) == [(settled.check_in, void)]
    assert store.count_check_ins(RecordFilter(review=Review.VOID)) == 1
    assert store.count_check_ins(RecordFilter(review=Review.NONE)) == 0
    assert store.attempt_picture(given_.attempt_id) == b"picture"


@pytest.mark.parametrize("expected", [Review.DISPUTED, Review.UPHELD, Review.VOID])
def test_another_review_than_expected(store: Store, ada: Person, expected: Review) -> None:
    stored = check_in(store, ada).attempt
    with pytest.raises(ConflictError):
        set_review(store, stored, Review.VOID, expected)
    assert store.attempt(stored.attempt_id) == stored


@pytest.mark.parametrize("attempt_id", ["never arrived", "", "\udcff"])
def test_no_such_attempt(store: Store, attempt_id: str) -> None:
    with pytest.raises(ConflictError):
        store.set_review(attempt_id, Review.VOID, actor="office", at_utc=NOON, expected=Review.NONE)


def test_the_same_review_again(store: Store, ada: Person) -> None:
    """Allowed where it is expected; who and when are the last ones."""
    stored = check_in(store, ada).attempt
    set_review(store, stored, Review.DISPUTED)
    again = store.set_review(stored.attempt_id, Review.DISPUTED, actor="kiosk", at_utc=after(600), expected=Review.DISPUTED)
    assert (again.reviewed_by, again.reviewed_at_utc) == ("kiosk", after(600))


def test_times_and_names_are_stored_as_everywhere(store: Store, ada: Person) -> None:
    stored = check_in(store, ada).attempt
    moment = datetime(2026, 3, 2, 14, 0, 0, 999999, tzinfo=timezone(timedelta(hours=2)))
    reviewed = store.set_review(stored.attempt_id, Review.UPHELD, actor="a\udcff", at_utc=moment, expected=Review.NONE)
    assert reviewed.reviewed_at_utc == moment.replace(microsecond=999000)
    assert reviewed.reviewed_at_utc.utcoffset() == timedelta(0)
    assert reviewed.reviewed_by == "a?"
    assert store.attempt(stored.attempt_id) == reviewed


@pytest.mark.parametrize("review", DOUBTED)
def test_a_doubted_check_in_begins_no_cooldown(store: Store, ada: Person, review: Review) -> None:
    first = check_in(store, ada)
    set_review(store, first.attempt, review)
    second = check_in(store, ada, 5)
    assert second.outcome is Outcome.RECORDED
    assert second.check_in is not None
    assert second.check_in.timestamp == after(5)
    third = check_in(store, ada, 10)
    assert (third.outcome, third.check_in) == (Outcome.ALREADY, second.check_in)
    assert [one.timestamp for one in store.check_ins()] == [NOON, after(5)]


def test_an_upheld_check_in_begins_a_cooldown_again(store: Store, ada: Person) -> None:
    first = check_in(store, ada)
    set_review(store, first.attempt, Review.DISPUTED)
    set_review(store, first.attempt, Review.UPHELD, Review.DISPUTED)
    again = check_in(store, ada, 5)
    assert (again.outcome, again.check_in) == (Outcome.ALREADY, first.check_in)


def test_an_earlier_check_in_counts_where_the_latest_is_doubted(store: Store, ada: Person) -> None:
    first = check_in(store, ada)
    late = store.settle(attempt(ada, after(30)), 10.0)
    assert late.outcome is Outcome.RECORDED
    set_review(store, late.attempt, Review.DISPUTED)
    again = check_in(store, ada, 40)
    assert (again.outcome, again.check_in) == (Outcome.ALREADY, first.check_in)


def test_doubting_a_repetition_leaves_the_record_as_it_is(store: Store, ada: Person) -> None:
    first, repeated = check_in(store, ada), check_in(store, ada, 5)
    set_review(store, repeated.attempt, Review.DISPUTED)
    assert check_in(store, ada, 10).check_in == first.check_in
    assert store.count_check_ins(RecordFilter(review=Review.DISPUTED)) == 0


def test_doubts_about_one_person_are_not_about_another(store: Store, ada: Person) -> None:
    ben = store.add_person(person("Ben"), references(1), MODEL)
    first = check_in(store, ada)
    check_in(store, ben)
    set_review(store, first.attempt, Review.DISPUTED)
    assert check_in(store, ben, 5).outcome is Outcome.ALREADY
    assert check_in(store, ada, 5).outcome is Outcome.RECORDED


def test_the_same_attempt_again_gives_the_first_answer_with_its_review(store: Store, ada: Person) -> None:
    given_, repeated = attempt(ada), attempt(ada, after(1))
    first, second = store.settle(given_, COOLDOWN_S), store.settle(repeated, COOLDOWN_S)
    disputed = set_review(store, first.attempt, Review.DISPUTED)
    third = check_in(store, ada)  # of the same moment as the first
    assert third.outcome is Outcome.RECORDED
    assert store.settle(given_, COOLDOWN_S) == replace(first, attempt=disputed, replayed=True)
    assert store.settle(repeated, COOLDOWN_S) == replace(second, replayed=True)
    assert store.count_check_ins() == 2


def test_reviews_hold_after_reopening(open_store: Callable[[], Store]) -> None:
    store = open_store()
    ada = store.add_person(person("Ada"), references(1), MODEL)
    disputed = set_review(store, check_in(store, ada).attempt, Review.DISPUTED)
    store.close()
    again = open_store()
    assert again.attempt(disputed.attempt_id) == disputed
    assert check_in(again, ada, 5).outcome is Outcome.RECORDED


steps = st.lists(
    st.tuples(st.just("settle"), st.integers(0, 300)) | st.tuples(st.sampled_from(Review), st.integers(0, 9)),
    min_size=2,
    max_size=12,
    unique_by=lambda step: step if step[0] == "settle" else object(),
)


def test_the_cooldown_with_reviews_is_what_a_simple_model_says(store: Store) -> None:
    """Any order of attempts and reviews of one person, clocks that go back included."""

    @settings(max_examples=30, deadline=None)
    @given(steps)
    def check(plan: list[tuple[str, int]]) -> None:
        fresh = person()
        who = store.add_person(replace(fresh, name=fresh.person_id), references(1), MODEL)
        recorded: dict[int, Attempt] = {}
        for what, number in plan:
            if isinstance(what, Review):
                if number < len(recorded):
                    at, one = list(recorded.items())[number]
                    recorded[at] = set_review(store, one, what, one.review)
                continue
            counted = [at for at, one in recorded.items() if one.review not in DOUBTED]
            blocking = [at for at in counted if number - COOLDOWN_S < at <= number + COOLDOWN_S]
            done = check_in(store, who, number)
            assert done.check_in is not None
            if blocking:
                assert done.outcome is Outcome.ALREADY
                assert done.check_in.timestamp == after(max(blocking))
            else:
                assert done.outcome is Outcome.RECORDED
                recorded[number] = done.attempt
        kept = [one.timestamp for one in store.check_ins(person_id=who.person_id)]
        assert kept == [after(at) for at in sorted(recorded)]

    check()


def test_one_review_wins(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]
    ada = stores[0].add_person(person("Ada"), references(1), MODEL)
    reviews = [*DOUBTED, Review.UPHELD]

    for seconds in (0, 1000, 2000):
        stored = check_in(stores[0], ada, seconds).attempt

        def review(number: int, one: Attempt = stored) -> Attempt | None:
            try:
                return set_review(stores[number % 2], one, reviews[number % 3])
            except ConflictError:
                return None

        with ThreadPoolExecutor(8) as pool:
            (won,) = [one for one in pool.map(review, range(8)) if one is not None]
        assert stores[1].attempt(stored.attempt_id) == won


def test_a_dispute_beside_an_attempt(open_store: Callable[[], Store]) -> None:
    """The attempt came before the dispute and repeats, or after it and records; and the next one fits what became of it."""
    stores = [open_store(), open_store()]
    for number in range(8):
        who = stores[0].add_person(person(f"Person {number}"), references(1), MODEL)
        first = check_in(stores[0], who)
        with ThreadPoolExecutor(2) as pool:
            disputing = pool.submit(set_review, stores[0], first.attempt, Review.DISPUTED)
            settling = pool.submit(check_in, stores[1], who, 5)
            assert disputing.result().review is Review.DISPUTED
            beside = settling.result()
        then = check_in(stores[0], who, 10)
        if beside.outcome is Outcome.RECORDED:
            assert (then.outcome, then.check_in) == (Outcome.ALREADY, beside.check_in)
        else:
            assert (beside.outcome, beside.check_in) == (Outcome.ALREADY, first.check_in)
            assert then.outcome is Outcome.RECORDED
        assert len(list(stores[1].check_ins(person_id=who.person_id))) == 2
