"""Several frames of one and the same face must agree before anything is decided. Pure functions on immutable values.

A visit is what one face does in front of one camera: its good frames, one after another. A frame belongs to the visit of the
frame before it when it comes soon after it, in about the same place, and looks like the same face; else it begins a visit of
its own, so that no decision is ever made from two faces. docs/decisions/0006-agreement-over-frames.md has the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from attendance.domain.matching import is_within
from attendance.domain.model import Decision, Reason, distance_l2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.model import Box, Verdict

# Two frames show one face at this share of the model's threshold. 200 ms to 1 s apart, the frames of 33 shared people lie
# within 0.46 of each other and those of two people beyond 0.49, at dlib's threshold of 0.53: this is 0.45.
SAME_FACE_RATIO = 0.85
# A face that moved by more than its own width, or changed its size by more than this, between two frames stands elsewhere.
MAX_SHIFT_WIDTHS = 1.0
MAX_GROWTH = 1.6


@dataclass(frozen=True, slots=True)
class Rule:
    """When frames belong together, and how many of them decide.

    Attributes:
        needed: frames in a row that must accept the same person, 1 or more.
        patience: good frames of one visit after which nobody is recognised; at least ``needed``.
        same_face_l2: two frames farther apart than this show two faces.
        max_gap_s: seconds after which a face counts as a new one.
    """

    needed: int
    patience: int
    same_face_l2: float
    max_gap_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The one face of a frame, whether or not it can be compared.

    Attributes:
        at_s: when, in seconds of a clock that never goes back.
        box: where, in pixels.
    """

    at_s: float
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class GoodFrame(Sighting):
    """A sighting that passed the quality gate.

    Attributes:
        embedding: float32 (dimension,).
        verdict: what this frame alone would decide.
    """

    embedding: NDArray[np.float32]
    verdict: Verdict


F = TypeVar("F", bound=GoodFrame)


@dataclass(frozen=True, slots=True, eq=False)
class Visit(Generic[F]):
    """One face in front of the camera.

    Attributes:
        good: the frames that can be compared, oldest first, one or more and at most ``Rule.patience``.
        last: the latest sighting, good or not.
        began_s: when its first good frame was.
    """

    good: tuple[F, ...]
    last: Sighting
    began_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Conclusion(Generic[F]):
    """What a visit comes to.

    Attributes:
        frame: the weakest of the frames that decided: the farthest of those that accepted, or that refused.
        verdict: the decision, with that frame's own distances.
    """

    frame: F
    verdict: Verdict


def joined(visit: Visit[F] | None, frame: F, rule: Rule) -> Visit[F]:
    """The visit with one more good frame, or a new one that begins with it.

    Args:
        visit: None where nobody stood there.
        frame: later than all that the visit has seen.
        rule: what belongs together.
    """
    if visit is None or not stays(visit.last, frame, rule.max_gap_s):
        return Visit((frame,), frame, frame.at_s)
    # Near each of the frames that would decide together with this one, not only the last: so all that decide are near each
    # other, and a face that turns into another one step by step is two faces.
    for other in visit.good[-max(rule.needed - 1, 1) :]:
        if not is_near(frame.embedding, (other.embedding,), rule.same_face_l2):
            return Visit((frame,), frame, frame.at_s)
    return Visit((*visit.good, frame)[-rule.patience :], frame, visit.began_s)


def followed(visit: Visit[F] | None, seen: Sighting, rule: Rule) -> Visit[F] | None:
    """The visit after a frame that cannot be compared: it counts for nothing, but the face must have stayed in its place."""
    if visit is None or not stays(visit.last, seen, rule.max_gap_s):
        return None
    return Visit(visit.good, seen, visit.began_s)


def stays(before: Sighting, after: Sighting, max_gap_s: float) -> bool:
    """Whether a face is soon after about where it was: at most its own width away, and about as large."""
    a, b = before.box, after.box
    width = max(a.width_px, b.width_px, 1.0)
    shift = max(abs(a.x0 + a.x1 - b.x0 - b.x1), abs(a.y0 + a.y1 - b.y0 - b.y1)) / 2 / width
    growth = width / max(min(a.width_px, b.width_px), 1.0)
    return 0 <= after.at_s - before.at_s <= max_gap_s and shift <= MAX_SHIFT_WIDTHS and growth <= MAX_GROWTH


def is_near(embedding: NDArray[np.float32], others: Iterable[NDArray[np.float32]], limit: float) -> bool:
    """Whether an embedding is within ``limit`` of at least one of the others; what is no number is near nothing."""
    return any(is_within(distance_l2(embedding, other), limit) for other in others)


def agreed(visit: Visit[F], rule: Rule) -> int:
    """How many of the latest good frames in a row accept one and the same person; at most ``needed``."""
    count, person_id = 0, None
    for frame in reversed(visit.good[-rule.needed :]):
        verdict = frame.verdict
        if verdict.decision is not Decision.ACCEPTED or person_id not in {None, verdict.person_id}:
            break
        count, person_id = count + 1, verdict.person_id
    return count


def conclusion(visit: Visit[F], rule: Rule) -> Conclusion[F] | None:
    """The decision, or None while more frames are needed.

    Accepted is whom all of the latest ``needed`` frames accept. When ``patience`` frames have not brought that, nobody is,
    with the numbers of the frames in a row that came nearest to it.
    """
    if agreed(visit, rule) >= rule.needed:
        return _judged(visit.good[-rule.needed :])
    if len(visit.good) < rule.patience:
        return None
    rows = [visit.good[start : start + rule.needed] for start in range(len(visit.good) - rule.needed + 1)]
    judged = [_judged(row) for row in reversed(rows)]
    # Earlier frames may have agreed and could not be recorded then; what counts now is that the latest ones do not.
    refused = [one for one in judged if one.verdict.decision is not Decision.ACCEPTED]
    return min(refused, key=lambda one: _distance(one.frame))


def _judged(row: Sequence[F]) -> Conclusion[F]:
    """What these frames decide together: as much as the weakest of them."""
    refused = [frame for frame in row if frame.verdict.decision is not Decision.ACCEPTED]
    weakest = max(refused or row, key=_distance)
    verdict = weakest.verdict
    if not refused and len({frame.verdict.person_id for frame in row}) > 1:
        # One face that is one person in one frame and another in the next: these two cannot be told apart here.
        verdict = replace(verdict, decision=Decision.REJECTED, reason=Reason.AMBIGUOUS, person_id=None)
    return Conclusion(weakest, verdict)


def _distance(frame: GoodFrame) -> float:
    distance = frame.verdict.distance_l2
    return math.inf if distance is None else distance
