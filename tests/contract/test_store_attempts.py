"""Attempts and attendance: what is recorded, repeated, refused, replayed and listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from attendance.domain.model import Decision, Mode, Outcome, Person, PersonStatus, Reason
from attendance.errors import PersonNotFoundError
from tests.store_makers import MODEL, NOON, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store

COOLDOWN_S = 60.0


@pytest.fixture
def ada(store: Store) -> Person:
    return store.add_person(person("Ada Lovelace"), references(1), MODEL)


def test_an_accepted_attempt_leaves_a_check_in(store: Store, ada: Person) -> None:
    given = attempt(ada, entered_name="ada")
    settlement = store.settle(given, COOLDOWN_S)
    assert settlement.outcome is Outcome.RECORDED
    assert not settlement.replayed
    assert settlement.attempt == replace(given, outcome=Outcome.RECORDED, check_in_at_utc=given.at_utc)
    check_in = settlement.check_in
    assert check_in is not None
    assert check_in.timestamp == given.at_utc
    assert (check_in.entered_name, check_in.matched_identity, check_in.distance) == ("ada", "Ada Lovelace", 0.31)
    assert (check_in.person_id, check_in.attempt_id) == (ada.person_id, given.attempt_id)
    assert (check_in.day, check_in.source, check_in.site, check_in.kind) == ("2026-03-02", "kiosk", "main", "check-in")
    assert store.attempt(given.attempt_id) == settlement.attempt
    assert list(store.check_ins()) == [check_in]
    assert store.count_check_ins() == 1


def test_without_an_entered_name_the_record_says_who_it_was(store: Store, ada: Person) -> None:
    check_in = store.settle(attempt(ada, entered_name=None), COOLDOWN_S).check_in
    assert check_in is not None
    assert check_in.entered_name == "Ada Lovelace"


def test_a_rejected_attempt_is_stored_and_leaves_nothing(store: Store, ada: Person) -> None:
    given = attempt(
        None,
        mode=Mode.VERIFICATION,
        reason=Reason.TOO_DARK,
        entered_name="$where ../\u0627",
        nearest_person_id=ada.person_id,
        distance_l2=None,
        quality=None,
        faces=(),
        device=None,
        day=None,
    )
    settlement = store.settle(given, COOLDOWN_S)
    assert (settlement.outcome, settlement.check_in) == (Outcome.NONE, None)
    assert settlement.attempt == given == store.attempt(given.attempt_id)
    assert store.count_check_ins() == 0


def test_an_attempt_that_is_not_meant_to_record(store: Store, ada: Person) -> None:
    settlement = store.settle(attempt(ada, records=False), COOLDOWN_S)
    assert (settlement.outcome, settlement.check_in) == (Outcome.NONE, None)
    assert settlement.attempt.decision is Decision.ACCEPTED
    assert store.count_check_ins() == 0
    assert store.settle(attempt(ada, after(1)), COOLDOWN_S).outcome is Outcome.RECORDED


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        (0.0, Outcome.ALREADY),
        (0.001, Outcome.ALREADY),
        (59.999, Outcome.ALREADY),
        (60.0, Outcome.RECORDED),
        (86_400.0, Outcome.RECORDED),
        (-30.0, Outcome.ALREADY),  # the other door's clock is a little behind
        (-60.0, Outcome.ALREADY),
        (-60.001, Outcome.RECORDED),  # a clock was set back: a check-in of the future does not block
        (-86_400.0, Outcome.RECORDED),
    ],
)
def test_the_cooldown(store: Store, ada: Person, seconds: float, outcome: Outcome) -> None:
    first = store.settle(attempt(ada), COOLDOWN_S)
    second = store.settle(attempt(ada, after(seconds)), COOLDOWN_S)
    assert second.outcome is outcome
    if outcome is Outcome.ALREADY:
        assert second.check_in == first.check_in
        assert second.attempt.check_in_at_utc == NOON
        assert store.count_check_ins() == 1
    else:
        assert store.count_check_ins() == 2


def test_the_cooldown_counts_from_the_record_not_from_its_repetitions(store: Store, ada: Person) -> None:
    outcomes = [store.settle(attempt(ada, after(seconds)), COOLDOWN_S).outcome for seconds in (0, 40, 80, 120, 140)]
    assert outcomes == [Outcome.RECORDED, Outcome.ALREADY, Outcome.RECORDED, Outcome.ALREADY, Outcome.RECORDED]


def test_no_cooldown_records_every_time(store: Store, ada: Person) -> None:
    assert {store.settle(attempt(ada), 0.0).outcome for _ in range(3)} == {Outcome.RECORDED}
    assert store.count_check_ins() == 3


def test_each_person_has_a_cooldown_of_their_own(store: Store, ada: Person) -> None:
    ben = store.add_person(person("Ben"), references(1), MODEL)
    assert store.settle(attempt(ada), COOLDOWN_S).outcome is Outcome.RECORDED
    assert store.settle(attempt(ben), COOLDOWN_S).outcome is Outcome.RECORDED


def test_a_rejected_attempt_does_not_start_a_cooldown(store: Store, ada: Person) -> None:
    store.settle(attempt(None, nearest_person_id=ada.person_id), COOLDOWN_S)
    assert store.settle(attempt(ada, after(1)), COOLDOWN_S).outcome is Outcome.RECORDED


def test_the_same_attempt_again_gives_the_same_answer(store: Store, ada: Person) -> None:
    recorded, repeated, rejected = attempt(ada), attempt(ada, after(5)), attempt(None)
    answers = [store.settle(one, COOLDOWN_S) for one in (recorded, repeated, rejected)]
    assert [one.outcome for one in answers] == [Outcome.RECORDED, Outcome.ALREADY, Outcome.NONE]
    store.settle(attempt(ada, after(600)), COOLDOWN_S)
    store.remove_person(ada.person_id)
    for one, first in zip((recorded, repeated, rejected), answers, strict=True):
        again = store.settle(replace(one, at_utc=after(9999), distance_l2=0.0), COOLDOWN_S)
        assert again == replace(first, replayed=True)
    assert store.count_check_ins() == 2
    assert len(list(store.attempts())) == 4


@pytest.mark.parametrize("records", [True, False])
def test_somebody_removed_or_inactive_is_not_recorded(store: Store, ada: Person, records: bool) -> None:
    given = attempt(ada, records=records)
    store.update_person(ada.person_id, status=PersonStatus.INACTIVE)
    with pytest.raises(PersonNotFoundError):
        store.settle(given, COOLDOWN_S, b"picture")
    store.remove_person(ada.person_id)
    with pytest.raises(PersonNotFoundError):
        store.settle(given, COOLDOWN_S)
    assert store.attempt(given.attempt_id) is None
    assert store.attempt_picture(given.attempt_id) is None
    assert (list(store.attempts()), store.count_check_ins()) == ([], 0)


def test_an_attempt_refused_once_can_be_settled_later(store: Store, ada: Person) -> None:
    given = attempt(ada)
    store.update_person(ada.person_id, status=PersonStatus.INACTIVE)
    with pytest.raises(PersonNotFoundError):
        store.settle(given, COOLDOWN_S)
    store.update_person(ada.person_id, status=PersonStatus.ACTIVE)
    assert store.settle(given, COOLDOWN_S).outcome is Outcome.RECORDED


def test_records_outlive_the_person_and_keep_the_name(store: Store, ada: Person) -> None:
    store.settle(attempt(ada), COOLDOWN_S)
    store.update_person(ada.person_id, name="Ada King")
    assert [one.matched_identity for one in store.check_ins(person_id=ada.person_id)] == ["Ada Lovelace"]
    store.remove_person(ada.person_id)
    assert [one.matched_identity for one in store.check_ins(person_id=ada.person_id)] == ["Ada Lovelace"]
    assert len(list(store.attempts())) == 1


def test_the_picture_is_kept_where_it_is_given(store: Store, ada: Person) -> None:
    kept, bare = attempt(ada), attempt(None)
    store.settle(kept, COOLDOWN_S, b"\xff\xd8 a picture")
    store.settle(bare, COOLDOWN_S)
    assert store.attempt_picture(kept.attempt_id) == b"\xff\xd8 a picture"
    assert store.attempt_picture(bare.attempt_id) is None
    assert store.attempt_picture("never arrived") is None
    assert store.attempt("never arrived") is None


def test_numbers_of_any_library_can_be_stored(store: Store, ada: Person) -> None:
    given = attempt(
        ada,
        distance_l2=np.float32(0.25),
        parameters={"margin_ratio": np.float64(0.2), "n": np.int64(3), "on": np.bool_(True), "a.$b": [1, None]},
        timings_ms={"embed": np.float32(1.5)},
        faces=({"box": np.array([1.0, 2.0], np.float32), "confidence": float("nan")},),
    )
    stored = store.settle(given, COOLDOWN_S).attempt
    assert stored == store.attempt(given.attempt_id)
    assert stored.distance_l2 == 0.25
    assert stored.parameters == {"margin_ratio": 0.2, "n": 3, "on": True, "a.$b": [1, None]}
    assert stored.faces == ({"box": [1.0, 2.0], "confidence": None},)


def test_half_characters_are_replaced(store: Store, ada: Person) -> None:
    given = attempt(ada, entered_name="ada\udcff", device="\ud800 door", parameters={"a\udfff": ["\ud801"]})
    stored = store.settle(given, COOLDOWN_S).attempt
    assert (stored.entered_name, stored.device, stored.parameters) == ("ada?", "? door", {"a?": ["?"]})
    assert store.attempt(given.attempt_id) == stored
    assert [one.entered_name for one in store.check_ins()] == ["ada?"]


def test_attempts_are_listed_oldest_first(store: Store) -> None:
    moments = [after(seconds) for seconds in (50, 10, 30, 20, 40)]
    for moment in moments:
        store.settle(attempt(None, moment), COOLDOWN_S)
    ordered = sorted(moments)

    def listed(**between: Any) -> list[datetime]:
        return [one.at_utc for one in store.attempts(**between)]

    assert listed() == ordered
    assert listed(since=ordered[1]) == ordered[1:]
    assert listed(until=ordered[3]) == ordered[:3]
    assert listed(since=ordered[1], until=ordered[3]) == ordered[1:3]
    assert listed(limit=2) == ordered[-2:]
    assert listed(until=ordered[3], limit=2) == ordered[1:3]
    assert listed(limit=0) == []
    assert listed(since=after(1000)) == []


def test_check_ins_are_listed_oldest_first_and_by_person(store: Store, ada: Person) -> None:
    ben = store.add_person(person("Ben"), references(1), MODEL)
    for seconds, who in ((300, ada), (100, ben), (200, ada), (400, ben)):
        store.settle(attempt(who, after(seconds)), COOLDOWN_S)

    def seconds_of(**wanted: Any) -> list[float]:
        found = store.check_ins(**wanted)
        return [(one.timestamp - NOON).total_seconds() for one in found]

    assert seconds_of() == [100, 200, 300, 400]
    assert seconds_of(since=after(200)) == [200, 300, 400]
    assert seconds_of(until=after(300)) == [100, 200]
    assert seconds_of(limit=3) == [200, 300, 400]
    assert seconds_of(person_id=ada.person_id) == [200, 300]
    assert seconds_of(person_id=ada.person_id, limit=1) == [300]
    assert seconds_of(person_id=ben.person_id, since=after(150)) == [400]
    assert seconds_of(person_id="nobody") == []


def test_long_lists_are_complete(store: Store, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than any page that an engine reads at a time (MongoDB's first has 101), many of one and the same moment."""
    monkeypatch.setattr("attendance.store.sql_records._PAGE", 40)
    given = [attempt(ada, after(index // 50)) for index in range(130)]
    for one in given:
        store.settle(one, 0.0)
    expected = [one.attempt_id for one in sorted(given, key=lambda one: (one.at_utc, one.attempt_id))]
    assert [one.attempt_id for one in store.attempts()] == expected
    assert [one.attempt_id for one in store.attempts(limit=110)] == expected[-110:]
    listed = [one.attempt_id for one in store.check_ins()]
    assert len(listed) == store.count_check_ins() == 130
    assert set(listed) == set(expected)


def test_a_list_may_be_left_half_read(store: Store, ada: Person) -> None:
    for _ in range(3):
        store.settle(attempt(ada), 0.0)
    started = store.attempts()
    next(started)
    assert store.settle(attempt(ada), 0.0).outcome is Outcome.RECORDED


def test_times_of_any_zone_are_kept_to_the_millisecond_in_utc(store: Store, ada: Person) -> None:
    moment = datetime(2026, 3, 2, 13, 0, 0, 999999, tzinfo=UTC)
    settlement = store.settle(attempt(ada, moment), COOLDOWN_S)
    cut = moment.replace(microsecond=999000)
    assert settlement.attempt.at_utc == cut
    assert settlement.check_in is not None
    assert settlement.check_in.timestamp == cut == settlement.attempt.check_in_at_utc
    (stored,) = store.attempts()
    assert stored.at_utc == cut
    assert stored.at_utc.utcoffset() == timedelta(0)


def test_the_cooldown_holds_after_reopening(open_store: Callable[[], Store]) -> None:
    store = open_store()
    ada = store.add_person(person("Ada"), references(1), MODEL)
    given = attempt(ada)
    first = store.settle(given, COOLDOWN_S)
    store.close()
    again = open_store()
    assert again.settle(given, COOLDOWN_S) == replace(first, replayed=True)
    assert again.settle(attempt(ada, after(1)), COOLDOWN_S).outcome is Outcome.ALREADY
