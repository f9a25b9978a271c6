"""Pages, counts and filters of attempts and check-ins, held to what a walk over all of them finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.domain.model import Decision, Mode, Outcome, Reason, RecordFilter, Review
from tests.store_makers import MODEL, NOON, OTHER_MODEL, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attendance.domain.model import Attempt, CheckIn, Person
    from attendance.store.base import Store

    AddOlder = Callable[[str, datetime], None]

ALL = RecordFilter()
COOLDOWN_S = 60.0


@pytest.fixture
def people(store: Store) -> list[Person]:
    return [store.add_person(person(name), references(1), MODEL) for name in ("Ada Lovelace", "Ben", "Chi")]


@pytest.fixture
def filled(store: Store, people: list[Person], add_older_record: AddOlder) -> Store:
    """Forty attempts of three people and of nobody, some of them reviewed, and some records of an older app."""
    reviews = [Review.DISPUTED, Review.UPHELD, Review.VOID]
    for number in range(40):
        who = [*people, None][number % 4]
        given_ = attempt(who, after(20 * number), model_id=[MODEL, OTHER_MODEL][number % 3 == 0])
        if who is None:
            given_ = replace(given_, reason=[Reason.NO_MATCH, Reason.TOO_DARK][number % 8 == 3])
        elif number % 7 == 0:
            given_ = replace(given_, mode=Mode.VERIFICATION, records=False)
        stored = store.settle(given_, COOLDOWN_S).attempt
        if number % 5 == 0:
            review = reviews[number % 3]
            store.set_review(stored.attempt_id, review, actor="office", at_utc=NOON, expected=Review.NONE)
    for number, name in enumerate(["Ben", "Ada Lovelace", "Somebody Else", "Ben"]):
        add_older_record(name, after(133.5 * number - 100))
    return store


def fits_time(at: datetime, which: RecordFilter) -> bool:
    return (which.since is None or at >= which.since) and (which.until is None or at < which.until)


def fits_values(one: Attempt, which: RecordFilter) -> bool:
    names = ("decision", "reason", "outcome", "review", "model_id")
    return all(getattr(which, name) in {None, getattr(one, name)} for name in names)


def fits_attempt(one: Attempt, which: RecordFilter) -> bool:
    of_them = which.person_ids is None or one.person_id in which.person_ids
    return of_them and fits_time(one.at_utc, which) and fits_values(one, which)


def fits_check_in(one: CheckIn, left_by: Attempt | None, which: RecordFilter) -> bool:
    if not fits_time(one.timestamp, which) or not (which.person_ids is None or one.person_id in which.person_ids):
        return False
    if left_by is not None:
        return fits_values(left_by, which)
    return (
        which.decision in {None, Decision.ACCEPTED}
        and which.reason in {None, Reason.MATCH}
        and which.outcome in {None, Outcome.RECORDED}
        and which.review in {None, Review.NONE}
        and which.model_id is None
    )


def filters(person_ids: list[str]) -> st.SearchStrategy[RecordFilter]:
    some = st.frozensets(st.sampled_from([*person_ids, "nobody", "\udcff"]))
    many = some.map(lambda few: few | {f"unknown {number}" for number in range(200)})
    moments = st.none() | st.integers(-200, 900).map(after)
    return st.builds(
        RecordFilter,
        since=moments,
        until=moments,
        person_ids=st.none() | some | many,
        decision=st.none() | st.sampled_from(Decision),
        reason=st.none() | st.sampled_from([Reason.MATCH, Reason.NO_MATCH, Reason.TOO_DARK]),
        outcome=st.none() | st.sampled_from(Outcome),
        review=st.none() | st.sampled_from(Review),
        model_id=st.none() | st.sampled_from([MODEL, OTHER_MODEL, "none such"]),
    )


def test_pages_and_counts_are_what_a_walk_finds(filled: Store, people: list[Person]) -> None:
    attempts = list(filled.attempts())[::-1]
    left_by = {one.attempt_id: one for one in attempts}
    check_ins = [(one, left_by.get(one.attempt_id or "")) for one in filled.check_ins()][::-1]
    assert sum(one is None for _, one in check_ins) == 4

    @settings(max_examples=100, deadline=None)
    @given(filters([one.person_id for one in people]), st.integers(0, 12), st.integers(0, 30))
    def check(which: RecordFilter, limit: int, offset: int) -> None:
        fitting = [one for one in attempts if fits_attempt(one, which)]
        assert filled.count_attempts(which) == len(fitting)
        assert filled.attempt_page(which, limit=limit, offset=offset) == fitting[offset : offset + limit]
        pairs = [(one, by) for one, by in check_ins if fits_check_in(one, by, which)]
        assert filled.count_check_ins(which) == len(pairs)
        assert filled.check_in_page(which, limit=limit, offset=offset) == pairs[offset : offset + limit]

    check()


def test_an_empty_store(store: Store) -> None:
    assert store.attempt_page(ALL, limit=10) == []
    assert store.check_in_page(ALL, limit=10) == []
    assert (store.count_attempts(ALL), store.count_check_ins(ALL), store.count_check_ins()) == (0, 0, 0)
    assert store.last_seen(["nobody"]) == {}
    assert store.last_seen([]) == {}


def test_newest_first_with_the_attempt_that_left_it(store: Store, people: list[Person]) -> None:
    given_ = [attempt(people[0], after(seconds)) for seconds in (120, 0, 240, 241)]
    stored = [store.settle(one, COOLDOWN_S).attempt for one in given_]
    assert store.attempt_page(ALL, limit=10) == [stored[3], stored[2], stored[0], stored[1]]
    page = store.check_in_page(ALL, limit=2)
    assert [one.timestamp for one, _ in page] == [after(240), after(120)]
    assert [by for _, by in page] == [stored[2], stored[0]]
    assert [(one, by) for one, by in store.check_in_page(ALL, limit=2, offset=2)] == [
        (next(iter(store.check_ins())), stored[1])
    ]
    assert store.check_in_page(ALL, limit=2, offset=3) == []


def test_an_empty_set_of_people_fits_nobody(filled: Store) -> None:
    nobody = RecordFilter(person_ids=frozenset())
    assert filled.attempt_page(nobody, limit=10) == []
    assert filled.check_in_page(nobody, limit=10) == []
    assert filled.count_attempts(nobody) == filled.count_check_ins(nobody) == 0


def test_since_is_included_and_until_is_not(store: Store) -> None:
    for milliseconds in (0, 1, 2):
        store.settle(attempt(None, after(milliseconds / 1000)), COOLDOWN_S)
    which = RecordFilter(since=after(0.001), until=after(0.002))
    assert [one.at_utc for one in store.attempt_page(which, limit=10)] == [after(0.001)]
    assert store.count_attempts(which) == 1
    assert store.count_attempts(RecordFilter(since=after(0.002), until=after(0.001))) == 0


def test_pages_of_one_moment_show_each_record_once(store: Store, people: list[Person]) -> None:
    given_ = {store.settle(attempt(people[0]), 0.0).attempt.attempt_id for _ in range(23)}
    attempts, check_ins = [], []
    for offset in range(0, 30, 5):
        attempts += [one.attempt_id for one in store.attempt_page(ALL, limit=5, offset=offset)]
        check_ins += [one.attempt_id or "" for one, _ in store.check_in_page(ALL, limit=5, offset=offset)]
    assert attempts == sorted(given_, reverse=True)  # as a walk over them, backwards
    assert sorted(check_ins, reverse=True) == attempts


def test_a_name_alone_counts_as_the_person_of_that_name(
    store: Store, people: list[Person], add_older_record: AddOlder
) -> None:
    ada, ben, chi = people
    for seconds, name in ((0, "Ben"), (100, "Somebody Else"), (200, "Ben")):
        add_older_record(name, after(seconds))
    store.settle(attempt(ben, after(50)), COOLDOWN_S)
    which = RecordFilter(person_ids=frozenset({ben.person_id, chi.person_id}))
    page = store.check_in_page(which, limit=10)
    assert [(one.timestamp, one.person_id, by is None) for one, by in page] == [
        (after(200), ben.person_id, True),
        (after(50), ben.person_id, False),
        (after(0), ben.person_id, True),
    ]
    assert store.count_check_ins(which) == 3
    assert store.count_check_ins(RecordFilter(person_ids=frozenset({ada.person_id}))) == 0
    assert [one.timestamp for one in store.check_ins(person_id=ben.person_id)] == [after(0), after(50), after(200)]
    everyone = store.check_in_page(ALL, limit=10)
    assert [one.person_id for one, _ in everyone] == [ben.person_id, None, ben.person_id, ben.person_id]
    assert store.last_seen([one.person_id for one in people]) == {ben.person_id: after(200)}


@pytest.mark.parametrize(
    ("which", "fits"),
    [
        (RecordFilter(decision=Decision.ACCEPTED), True),
        (RecordFilter(reason=Reason.MATCH), True),
        (RecordFilter(outcome=Outcome.RECORDED), True),
        (RecordFilter(review=Review.NONE), True),
        (RecordFilter(decision=Decision.REJECTED), False),
        (RecordFilter(reason=Reason.NO_MATCH), False),
        (RecordFilter(outcome=Outcome.ALREADY), False),
        (RecordFilter(review=Review.DISPUTED), False),
        (RecordFilter(review=Review.UPHELD), False),
        (RecordFilter(model_id=MODEL), False),
    ],
)
def test_a_record_without_an_attempt(
    store: Store, people: list[Person], add_older_record: AddOlder, which: RecordFilter, fits: bool
) -> None:
    """It counts as an accepted one that nobody doubted, decided with no model that is known."""
    add_older_record("Ben", NOON)
    assert store.count_check_ins(which) == fits
    assert [one.timestamp for one, _ in store.check_in_page(which, limit=9)] == [NOON] * fits
    for others in (0, 1000):
        asked = {people[1].person_id, *(f"unknown {number}" for number in range(others))}
        assert store.count_check_ins(replace(which, person_ids=frozenset(asked))) == fits


def test_records_outlive_the_person_in_pages_too(store: Store, people: list[Person]) -> None:
    ada = people[0]
    store.settle(attempt(ada), COOLDOWN_S)
    store.remove_person(ada.person_id)
    which = RecordFilter(person_ids=frozenset({ada.person_id}))
    assert store.count_attempts(which) == store.count_check_ins(which) == 1
    ((check_in, left_by),) = store.check_in_page(which, limit=1)
    assert left_by is not None
    assert (check_in.matched_identity, left_by.person_name) == ("Ada Lovelace", "Ada Lovelace")
    assert store.last_seen([ada.person_id]) == {ada.person_id: NOON}


def test_last_seen(store: Store, people: list[Person], add_older_record: AddOlder) -> None:
    """The latest check-in; not a repetition of it, not an attempt that records nothing, and not a void one."""
    ada, ben, chi = people
    for seconds in (0, 1000, 500, 1030):
        store.settle(attempt(ada, after(seconds)), COOLDOWN_S)
    store.settle(attempt(ben, after(7)), COOLDOWN_S)
    store.settle(attempt(chi, records=False), COOLDOWN_S)
    add_older_record("Ada Lovelace", after(900))
    ids = [one.person_id for one in people]
    assert store.last_seen(ids) == {ada.person_id: after(1000), ben.person_id: after(7)}
    assert store.last_seen([ben.person_id, ben.person_id, "nobody", "\udcff"]) == {ben.person_id: after(7)}

    def review(at: datetime, review: Review, expected: Review) -> None:
        (one,) = store.attempt_page(RecordFilter(since=at, until=at.replace(microsecond=999000)), limit=1)
        store.set_review(one.attempt_id, review, actor="office", at_utc=NOON, expected=expected)

    review(after(1000), Review.DISPUTED, Review.NONE)
    assert store.last_seen(ids)[ada.person_id] == after(1000)
    review(after(1000), Review.VOID, Review.DISPUTED)
    assert store.last_seen(ids)[ada.person_id] == after(900)
    review(after(7), Review.VOID, Review.NONE)
    assert ben.person_id not in store.last_seen(ids)
    assert store.last_seen(frozenset(ids)) == {ada.person_id: after(900)}


def test_last_seen_of_a_thousand_people(store: Store, people: list[Person]) -> None:
    many = [*(f"unknown {number}" for number in range(1000)), *(one.person_id for one in people)]
    for one in people:
        store.settle(attempt(one), COOLDOWN_S)
    assert store.last_seen(many) == {one.person_id: NOON for one in people}


def test_a_page_holds_whole_attempts(store: Store, people: list[Person]) -> None:
    """Every field, as ``attempt`` gives it; the picture is not part of it."""
    values: dict[str, Any] = {"entered_name": "ada", "runner_up_l2": 0.7, "parameters": {"a.$b": [1, None, "é"]}}
    stored = store.settle(attempt(people[0], **values), COOLDOWN_S, b"picture" * 1000).attempt
    assert store.attempt_page(ALL, limit=1) == [stored]
    assert store.check_in_page(ALL, limit=1)[0][1] == stored
