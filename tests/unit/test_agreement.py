"""Frames agree, or they do not: never from two faces, never from too few, and each number is a frame's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain.agreement import (
    Conclusion,
    GoodFrame,
    Rule,
    Sighting,
    Visit,
    agreed,
    conclusion,
    followed,
    joined,
    stays,
)
from attendance.domain.model import Box, Decision, Reason, Verdict, distance_l2

THRESHOLD = 0.54
RULE = Rule(needed=3, patience=9, same_face_l2=0.45, max_gap_s=2.0)
HERE = Box(100, 80, 300, 320)


def verdict(person: str | None = "p1", distance: float | None = 0.3, reason: Reason | None = None) -> Verdict:
    if person is None:
        return Verdict(Decision.REJECTED, reason or Reason.NO_MATCH, None, distance, None, THRESHOLD, "nearest")
    return Verdict(Decision.ACCEPTED, Reason.MATCH, person, distance, 0.9, THRESHOLD, person)


def frame(at_s: float = 0.0, face: float = 0.0, said: Verdict | None = None, box: Box = HERE) -> GoodFrame:
    """A frame whose face lies at ``face`` on a line: the distance of two faces is the difference."""
    return GoodFrame(at_s, box, np.array([face, 0.0], np.float32), said or verdict())


def visit_of(*frames: GoodFrame, rule: Rule = RULE) -> Visit[GoodFrame]:
    visit: Visit[GoodFrame] | None = None
    for one in frames:
        visit = joined(visit, one, rule)
    assert visit is not None
    return visit


def row(*said: Verdict) -> Visit[GoodFrame]:
    """Frames of one face, a fifth of a second apart."""
    return visit_of(*(frame(0.2 * index, said=one) for index, one in enumerate(said)))


def decided(visit: Visit[GoodFrame], rule: Rule = RULE) -> Conclusion[GoodFrame]:
    made = conclusion(visit, rule)
    assert made is not None
    return made


def test_as_many_as_are_needed_decide_with_the_weakest_ones_numbers() -> None:
    said = [verdict(distance=0.30), verdict(distance=0.41), verdict(distance=0.35)]
    assert conclusion(row(*said[:2]), RULE) is None
    made = decided(row(*said))
    assert (made.verdict, made.frame.verdict) == (said[1], said[1])
    assert agreed(row(*said), RULE) == 3


def test_one_frame_that_accepts_nobody_begins_the_count_anew() -> None:
    said = [verdict(), verdict(), verdict(None, 0.6), verdict(), verdict()]
    assert [agreed(row(*said[: count + 1]), RULE) for count in range(5)] == [1, 2, 0, 1, 2]
    assert conclusion(row(*said), RULE) is None
    assert decided(row(*said, verdict())).verdict.person_id == "p1"


def test_one_face_that_is_two_people_is_nobody() -> None:
    said = [verdict("p1", 0.40), verdict("p2", 0.42)] * 5
    assert agreed(row(*said[:2]), RULE) == 1
    made = decided(row(*said[:9])).verdict
    assert (made.decision, made.reason, made.person_id) == (Decision.REJECTED, Reason.AMBIGUOUS, None)
    assert made.distance_l2 == 0.42


def test_after_enough_frames_nobody_is_recognised_and_the_best_frames_in_a_row_say_how_near_it_was() -> None:
    far, near = verdict(None, 0.8), verdict(None, 0.6)
    visit = row(far, far, near, near, near, far, far, far)
    assert conclusion(visit, RULE) is None
    made = decided(joined(visit, frame(1.6, said=far), RULE)).verdict
    assert (made.person_id, made.distance_l2) == (None, 0.6)


def test_reasons_without_a_distance_are_kept() -> None:
    unknown = verdict(None, None, Reason.NOT_ENROLLED)
    assert decided(row(*[unknown] * 9)).verdict == unknown


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (frame(0.2, face=0.46), "another face"),
        (frame(2.3), "too late"),
        (frame(-0.1), "before it"),
        (frame(0.2, box=Box(350, 80, 550, 320)), "elsewhere"),
        (frame(0.2, box=Box(170, 164, 230, 236)), "much farther off"),
        (frame(0.2, face=float("nan")), "no numbers"),
    ],
)
def test_what_does_not_belong_begins_a_visit_of_its_own(later: GoodFrame, why: str) -> None:
    visit = visit_of(frame(), later)
    assert visit.good == (later,), why
    assert visit.began_s == later.at_s


def test_a_face_that_turns_into_another_step_by_step_is_two_faces() -> None:
    """Each step is small enough for itself; the frames that decide together must all be near each other."""
    visit = visit_of(*(frame(0.2 * step, face=0.3 * step) for step in range(8)))
    assert len(visit.good) <= 2
    assert conclusion(visit, RULE) is None


def test_a_poor_frame_counts_for_nothing_but_keeps_the_place() -> None:
    visit = visit_of(frame(), frame(0.2))
    moved = Box(250, 80, 450, 320)
    kept = followed(visit, Sighting(0.4, moved), RULE)
    assert kept is not None
    assert (kept.good, kept.last.box, kept.began_s) == (visit.good, moved, 0.0)
    assert decided(joined(kept, frame(0.6, box=moved), RULE)).verdict.person_id == "p1"
    assert followed(visit, Sighting(0.4, Box(500, 80, 700, 320)), RULE) is None
    assert followed(None, Sighting(0.4, HERE), RULE) is None


def test_staying_is_judged_in_face_widths() -> None:
    small, large = Box(0, 0, 60, 80), Box(0, 0, 240, 320)
    for box in (small, large):
        width = box.width_px
        for shift, same in ((0.99, True), (1.01, False)):
            beside = Box(box.x0 + shift * width, box.y0, box.x1 + shift * width, box.y1)
            assert stays(Sighting(0, box), Sighting(0.1, beside), 2.0) is same
    assert not stays(Sighting(0, small), Sighting(0.1, large), 2.0)


# What holds for any row of frames ---------------------------------------------------------------------------------------

verdicts = st.one_of(
    st.builds(verdict, st.sampled_from(["p1", "p2"]), st.floats(0.0, THRESHOLD)),
    st.builds(
        verdict, st.none(), st.one_of(st.none(), st.floats(0.0, 1.5)), st.sampled_from([Reason.NO_MATCH, Reason.AMBIGUOUS])
    ),
)
steps = st.tuples(
    st.sampled_from([0.0, 0.1, 0.2, 1.0, 3.0]),  # seconds since the frame before
    st.sampled_from([0.0, 0.2, 0.4, 0.7, 1.4]),  # the face: some are near each other, some are not
    st.sampled_from([0, 0, 0, 90, 400]),  # where, pixels to the right
    verdicts,
    st.sampled_from(["good", "good", "good", "poor", "gone"]),
)
rules = st.builds(
    lambda needed, more: replace(RULE, needed=needed, patience=needed + more), st.integers(1, 5), st.integers(0, 10)
)


def played(given_steps: list[tuple[float, float, int, Verdict, str]], rule: Rule) -> list[Visit[GoodFrame] | None]:
    """The visit after each frame, as the service goes on with it."""
    visit: Visit[GoodFrame] | None = None
    seen, at_s = [], 0.0
    for wait_s, face, right, said, kind in given_steps:
        at_s += wait_s
        box = Box(100 + right, 80, 300 + right, 320)
        if kind == "gone":
            visit = None
        elif kind == "poor":
            visit = followed(visit, Sighting(at_s, box), rule)
        else:
            visit = joined(visit, frame(at_s, face, said, box), rule)
        seen.append(visit)
    return seen


@given(st.lists(steps, max_size=30), rules)
def test_whoever_is_accepted_was_accepted_by_all_frames_of_one_face(
    given_steps: list[tuple[float, float, int, Verdict, str]], rule: Rule
) -> None:
    for visit in played(given_steps, rule):
        made = None if visit is None else conclusion(visit, rule)
        if visit is None or made is None:
            continue
        assert made.frame in visit.good
        assert made.verdict.distance_l2 == made.frame.verdict.distance_l2
        last = visit.good[-rule.needed :]
        if made.verdict.decision is Decision.ACCEPTED:
            assert len(last) == rule.needed
            assert {one.verdict.person_id for one in last} == {made.verdict.person_id}
            assert made.verdict.distance_l2 == max(one.verdict.distance_l2 or 0.0 for one in last)
            for a, b in combinations(last, 2):
                assert distance_l2(a.embedding, b.embedding) <= rule.same_face_l2
        else:
            assert made.verdict.person_id is None
            assert len(visit.good) == rule.patience
            assert agreed(visit, rule) < rule.needed


@given(st.lists(steps, max_size=30), rules)
def test_a_visit_is_bounded_and_in_order(given_steps: list[tuple[float, float, int, Verdict, str]], rule: Rule) -> None:
    for visit in played(given_steps, rule):
        if visit is None:
            continue
        times = [one.at_s for one in visit.good]
        assert 1 <= len(times) <= rule.patience
        assert times == sorted(times)
        assert visit.began_s <= times[0] <= times[-1] <= visit.last.at_s
        assert 0 <= agreed(visit, rule) <= rule.needed


@given(st.lists(verdicts, min_size=1, max_size=20))
def test_more_frames_needed_never_accept_more(said: list[Verdict]) -> None:
    def accepted(needed: int) -> bool:
        rule = replace(RULE, needed=needed, patience=30)
        visits = [
            visit_of(*(frame(0.1 * i, said=s) for i, s in enumerate(said[:n])), rule=rule) for n in range(1, len(said) + 1)
        ]
        return any(agreed(visit, rule) == needed for visit in visits)

    counts = [accepted(needed) for needed in (1, 3, 5)]
    assert counts == sorted(counts, reverse=True)
