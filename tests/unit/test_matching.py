"""The decision, from distances and the threshold alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain.matching import identify, is_within, verify
from attendance.domain.model import Candidate, Decision, Reason

distances = st.floats(0, 2)
wild = st.floats(allow_nan=True, allow_infinity=True)
thresholds = st.floats(0.01, 2)
ratios = st.floats(0, 1)


def near(distance: float, person: str = "a") -> Candidate:
    return Candidate(person, distance, f"{person}-1")


def test_exactly_the_threshold_accepts_and_the_next_number_does_not() -> None:
    assert verify(near(0.54), 0.54).decision is Decision.ACCEPTED
    assert verify(near(math.nextafter(0.54, 1)), 0.54).reason is Reason.NO_MATCH
    assert identify([near(0.54)], 0.54, 0.05).decision is Decision.ACCEPTED
    assert identify([near(math.nextafter(0.54, 1))], 0.54, 0.05).reason is Reason.NO_MATCH


def test_nothing_to_compare_with() -> None:
    assert verify(None, 0.54).reason is Reason.NO_TEMPLATE
    nobody = identify([], 0.54, 0.05)
    assert (nobody.reason, nobody.person_id, nobody.distance_l2) == (Reason.NOBODY_ENROLLED, None, None)


def test_a_rejection_names_nobody_but_keeps_the_nearest_for_the_office() -> None:
    verdict = identify([near(0.7, "a"), near(0.9, "b")], 0.54, 0.05)
    assert (verdict.person_id, verdict.nearest_person_id) == (None, "a")
    assert (verdict.distance_l2, verdict.runner_up_l2) == (0.7, 0.9)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (0.30, 0.50, Reason.MATCH),  # both within the threshold, but clearly apart
        (0.50, 0.52, Reason.AMBIGUOUS),
        (0.53, 0.55, Reason.AMBIGUOUS),  # the runner-up is above the threshold, and as near all the same
        (0.53, 0.57, Reason.MATCH),
        (0.00, 0.00, Reason.AMBIGUOUS),  # one picture stored for two people
        (0.55, 0.55, Reason.NO_MATCH),
    ],
)
def test_two_people_who_are_about_as_near(first: float, second: float, reason: Reason) -> None:
    assert identify([near(first, "a"), near(second, "b")], 0.54, 0.05).reason is reason


def test_the_same_person_twice_is_no_runner_up() -> None:
    verdict = identify([near(0.3, "a"), near(0.3, "a"), near(0.9, "b")], 0.54, 0.05)
    assert (verdict.decision, verdict.runner_up_l2) == (Decision.ACCEPTED, 0.9)


@given(wild, st.one_of(thresholds, wild))
def test_only_a_real_distance_within_a_real_threshold_is_ever_accepted(distance: float, threshold: float) -> None:
    expected = math.isfinite(distance) and math.isfinite(threshold) and 0 <= distance <= threshold
    assert is_within(distance, threshold) is expected
    assert (verify(near(distance), threshold).decision is Decision.ACCEPTED) is expected
    assert (identify([near(distance)], threshold, 0.05).decision is Decision.ACCEPTED) is expected


@given(distances, ratios, thresholds)
def test_a_runner_up_without_a_number_rejects_and_no_nan_is_stored(first: float, ratio: float, threshold: float) -> None:
    verdict = identify([near(first, "a"), near(math.nan, "b")], threshold, ratio)
    assert verdict.decision is Decision.REJECTED
    assert verdict.runner_up_l2 is None


@given(distances, distances, ratios, thresholds, thresholds)
def test_a_higher_threshold_never_turns_somebody_away(a: float, b: float, ratio: float, t: float, u: float) -> None:
    low, high = sorted((t, u))
    candidates = [near(min(a, b), "a"), near(max(a, b), "b")]
    if identify(candidates, low, ratio).decision is Decision.ACCEPTED:
        assert identify(candidates, high, ratio).decision is Decision.ACCEPTED
    if verify(near(a), low).decision is Decision.ACCEPTED:
        assert verify(near(a), high).decision is Decision.ACCEPTED


@given(distances, distances, ratios, ratios, thresholds)
def test_a_wider_ambiguity_never_lets_somebody_in(a: float, b: float, r: float, s: float, threshold: float) -> None:
    narrow, wide = sorted((r, s))
    candidates = [near(min(a, b), "a"), near(max(a, b), "b")]
    if identify(candidates, threshold, wide).decision is Decision.ACCEPTED:
        assert identify(candidates, threshold, narrow).decision is Decision.ACCEPTED


@given(st.lists(wild, max_size=3), st.one_of(thresholds, wild), ratios)
def test_somebody_is_named_when_and_only_when_accepted(many: list[float], threshold: float, ratio: float) -> None:
    verdict = identify([near(d, str(i)) for i, d in enumerate(many)], threshold, ratio)
    assert (verdict.person_id is not None) is (verdict.decision is Decision.ACCEPTED)
    assert (verdict.reason is Reason.MATCH) is (verdict.decision is Decision.ACCEPTED)
    if verdict.person_id is not None:
        assert verdict.person_id == "0" == verdict.nearest_person_id
