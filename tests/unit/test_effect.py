"""The effect of other settings on stored attempts: the same as deciding them again, or an honest "can't be told"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain.model import Decision, Mode, Outcome, Reason, Review
from attendance.services.checkin import CheckInPolicy, CheckInService
from attendance.services.effect import Effect, Trial, effect_of, sentences, would_be_accepted
from tests.fakes import FakeEngine, House, picture
from tests.store_makers import attempt, person

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.domain.model import Attempt

ADA = person()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    for number in range(4):
        made.add(f"Person {number}", number)
    yield made
    made.real_store.close()


def test_the_effect_is_what_the_other_threshold_would_really_have_decided(house: House) -> None:
    """The same pictures, decided once more with the other threshold, agree in every single attempt."""
    probes = [picture(n % 4, 10 + n, toward=((n + 1) % 4, n / 16), spread=0.3) for n in range(16)]
    claims = [None if n % 3 else f"Person {n % 4}" for n in range(16)]
    first = []
    for probe, claimed in zip(probes, claims, strict=True):
        first.append(house.checkin.attempt(probe, claimed=claimed, records=False).attempt)
        house.clock.forward(100)
    assert {one.decision for one in first} == set(Decision)
    for threshold in (0.3, 0.45, 0.54, 0.62, 0.8, 1.4):
        other = CheckInService(house.real_store, FakeEngine(threshold=threshold), house.roster, CheckInPolicy(), house.clock)
        again = [
            other.attempt(probe, claimed=claimed, records=False, attempt_id=f"again-{threshold}-{n}".replace(".", "_"))
            for n, (probe, claimed) in enumerate(zip(probes, claims, strict=True))
        ]
        told = [would_be_accepted(one, Trial(threshold=threshold)) for one in first]
        assert told == [one.attempt.decision is Decision.ACCEPTED for one in again]


def test_the_counts_are_of_the_last_ones_and_of_this_model_only(house: House) -> None:
    store = house.real_store
    who = house.people.find("Person 0")
    for number in range(230):
        house.clock.forward(1)
        far = number < 40  # older than the last 200
        store.settle(made(who, house, distance_l2=0.5 if far or number == 229 else 0.3), 0)
    store.settle(made(who, house, distance_l2=0.5, model_id="other/box"), 0)
    store.settle(made(None, house, distance_l2=0.56), 0)
    store.settle(made(None, house, distance_l2=0.9), 0)
    model_id = house.engine.model.model_id
    stricter = effect_of(store, model_id, Trial(threshold=0.4))
    assert (stricter.accepted, stricter.lost, stricter.refused, stricter.won) == (200, 11, 2, 0)
    looser = effect_of(store, model_id, Trial(threshold=0.6))
    assert (looser.lost, looser.won) == (0, 1)
    assert sentences(looser, Trial(threshold=0.6)) == [
        "Of the last 200 accepted, 0 would be refused.",
        "Of the last 2 refused, 1 would be accepted.",
    ]


def test_those_that_somebody_doubted_are_counted_among_the_lost(house: House) -> None:
    who = house.people.find("Person 0")
    for review in (Review.NONE, Review.DISPUTED):
        house.clock.forward(100)
        stored = house.real_store.settle(made(who, house, distance_l2=0.5), 0).attempt
        if review is Review.DISPUTED:
            house.real_store.set_review(stored.attempt_id, review, actor="kiosk", at_utc=house.clock(), expected=Review.NONE)
    effect = effect_of(house.real_store, house.engine.model.model_id, Trial(threshold=0.4))
    assert (effect.lost, effect.doubted) == (2, 1)
    assert "Of these, 1 was doubted at the door or by the office." in sentences(effect, Trial(threshold=0.4))


def test_a_higher_confidence_refuses_faces_that_the_detector_was_less_sure_of() -> None:
    sure = {"box": [0, 0, 100, 100], "confidence": 0.99}
    unsure = {"box": [0, 0, 50, 50], "confidence": 0.93}
    assert tried(attempt(ADA, faces=(sure,)), 0.95) is True
    assert tried(attempt(ADA, faces=({**sure, "confidence": 0.93},)), 0.95) is False
    assert tried(attempt(ADA, faces=(sure, unsure)), 0.95) is True
    assert tried(attempt(ADA, faces=(unsure, {**sure, "box": [0, 0, 9, 9]})), 0.95) is None, "another face would be judged"
    assert tried(attempt(ADA, faces=(sure,)), 0.5) is None, "faces below the confidence of that time are not stored"
    alone = attempt(None, reason=Reason.SEVERAL_FACES, faces=(sure, unsure), distance_l2=None)
    assert tried(alone, 0.95) is None, "alone, the face in front was never compared"
    assert tried(attempt(None, reason=Reason.NOT_ENROLLED, distance_l2=None), 0.5) is False, "whatever the picture shows"


@pytest.mark.parametrize("reason", [one for one in Reason if one not in {Reason.MATCH, Reason.NO_MATCH, Reason.AMBIGUOUS}])
def test_no_threshold_accepts_what_was_never_compared(reason: Reason) -> None:
    assert would_be_accepted(attempt(None, reason=reason, distance_l2=None), Trial(threshold=2.0)) is False


def test_two_people_too_close_to_tell_apart_stay_refused_at_any_threshold() -> None:
    alike = attempt(None, reason=Reason.AMBIGUOUS, distance_l2=0.40, runner_up_l2=0.41, parameters={"ambiguity_ratio": 0.05})
    assert would_be_accepted(alike, Trial(threshold=2.0)) is False
    assert would_be_accepted(replace(alike, parameters={}), Trial(threshold=2.0)) is None


@given(
    distance=st.floats(0, 2),
    low=st.floats(0.01, 2),
    high=st.floats(0.01, 2),
    runner_up=st.none() | st.floats(0, 2),
    mode=st.sampled_from(Mode),
)
def test_a_higher_threshold_never_loses_anybody(
    distance: float, low: float, high: float, runner_up: float | None, mode: Mode
) -> None:
    low, high = sorted((low, high))
    one = attempt(ADA, mode=mode, distance_l2=distance, runner_up_l2=runner_up, parameters={"ambiguity_ratio": 0.05})
    if would_be_accepted(one, Trial(threshold=low)):
        assert would_be_accepted(one, Trial(threshold=high))


@pytest.mark.parametrize(("cooldown_s", "left"), [(0, 6), (10, 6), (60, 4), (61, 3), (86_400, 2)])
def test_the_cooldown_is_counted_as_the_store_counts_it(house: House, cooldown_s: float, left: int) -> None:
    """What the effect says is what the store does when the same attempts come with that cooldown."""
    store = house.real_store
    ada, bob = house.people.find("Person 0"), house.people.find("Person 1")
    begin = house.clock()
    for seconds, who in ((0, ada), (30, ada), (60, ada), (70, bob), (121, ada), (140, ada)):
        house.clock.now = begin
        house.clock.forward(seconds)
        store.settle(made(who, house), 20)
    told = effect_of(store, house.engine.model.model_id, Trial(cooldown_s=cooldown_s))
    assert (told.accepted, told.would_leave_records) == (6, left)
    really = 0
    house.clock.now = begin
    house.clock.forward(1_000_000)
    begin = house.clock()
    for seconds, who in ((0, ada), (30, ada), (60, ada), (70, bob), (121, ada), (140, ada)):
        house.clock.now = begin
        house.clock.forward(seconds)
        really += store.settle(made(who, house), cooldown_s).outcome is Outcome.RECORDED
    assert really == left


def test_a_check_in_before_the_last_200_still_counts_for_the_cooldown(house: House) -> None:
    ada, bob = house.people.find("Person 0"), house.people.find("Person 1")
    house.real_store.settle(made(ada, house), 0)
    for number in range(200):
        house.clock.forward(1)
        house.real_store.settle(made(ada if number == 0 else bob, house), 0)
    told = effect_of(house.real_store, house.engine.model.model_id, Trial(cooldown_s=3600))
    assert (told.accepted, told.left_records, told.would_leave_records) == (200, 200, 1)


def test_without_attempts_it_says_so(house: House) -> None:
    trial = Trial(threshold=0.4, cooldown_s=5)
    assert sentences(effect_of(house.real_store, house.engine.model.model_id, trial), trial) == [
        "There are no attempts with this model yet, so the effect can't be told."
    ]


def test_what_cannot_be_told_is_said_and_not_counted_as_unchanged() -> None:
    trial = Trial(min_confidence=0.5)
    assert sentences(Effect(accepted=3, refused=2, untold_accepted=3, untold_refused=1), trial) == [
        "What would become of the last 3 accepted can't be told.",
        "Of the last 2 refused, 0 would be accepted.",
        "4 attempts can't be told: what is stored of them doesn't say.",
    ]


def tried(one: Attempt, min_confidence: float) -> bool | None:
    return would_be_accepted(one, Trial(min_confidence=min_confidence))


def made(who: Any, house: House, **fields: Any) -> Attempt:
    return attempt(who, house.clock(), **{"model_id": house.engine.model.model_id, **fields})
