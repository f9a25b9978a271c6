"""Who it is: a decision from this attempt's own distances and the threshold alone. Pure functions, no state.

What counts as near enough is the model's threshold (docs/thresholds.md); a distance of exactly the threshold accepts.
A distance that is no finite number, or below zero, never accepts anybody.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attendance.domain.model import Decision, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.model import Candidate


def verify(candidate: Candidate | None, threshold: float) -> Verdict:
    """1:1: is the probe the claimed person?

    Args:
        candidate: the claimed person's nearest reference; None where that person has no template.
        threshold: L2 distance, above 0; at or below it two embeddings show one person.
    """
    if candidate is None:
        return _rejected(Reason.NO_TEMPLATE, threshold)
    if not is_within(candidate.distance_l2, threshold):
        return _rejected(Reason.NO_MATCH, threshold, candidate)
    return _accepted(candidate, threshold)


def identify(candidates: Sequence[Candidate], threshold: float, ambiguity_ratio: float) -> Verdict:
    """1:N: who is the probe, or nobody?

    The nearest person is accepted when within the threshold, unless the runner-up is about as near: at most
    ``(1 + ambiguity_ratio)`` times the nearest distance. The runner-up counts also above the threshold, on purpose:
    two people at 0.53 and 0.55 are as hard to tell apart where the threshold lies between them as where it does not, and a
    stranger's nearest two people look just like that, while somebody who is enrolled is far nearer to himself than to
    anybody else. It also makes acceptance monotone: a higher threshold never turns somebody away.

    Args:
        candidates: the nearest people, nearest first, each once; two are enough.
        threshold: L2 distance, above 0; at or below it two embeddings show one person.
        ambiguity_ratio: 0 or more; at 0 only two equal distances are ambiguous.
    """
    if not candidates:
        return _rejected(Reason.NOBODY_ENROLLED, threshold)
    nearest = candidates[0]
    runner_up = next((other for other in candidates[1:] if other.person_id != nearest.person_id), None)
    if not is_within(nearest.distance_l2, threshold):
        return _rejected(Reason.NO_MATCH, threshold, nearest, runner_up)
    # Written as "not farther", so that a runner-up whose distance is no number rejects too.
    if runner_up is not None and not runner_up.distance_l2 > (1 + ambiguity_ratio) * nearest.distance_l2:
        return _rejected(Reason.AMBIGUOUS, threshold, nearest, runner_up)
    return _accepted(nearest, threshold, runner_up)


def is_within(distance_l2: float, limit: float) -> bool:
    """Whether a distance is a real one and not above the limit; False for NaN, infinity and anything below zero."""
    return math.isfinite(limit) and math.isfinite(distance_l2) and 0 <= distance_l2 <= limit


def _accepted(candidate: Candidate, threshold: float, runner_up: Candidate | None = None) -> Verdict:
    return Verdict(
        decision=Decision.ACCEPTED,
        reason=Reason.MATCH,
        person_id=candidate.person_id,
        distance_l2=candidate.distance_l2,
        runner_up_l2=_finite(runner_up),
        threshold=threshold,
        nearest_person_id=candidate.person_id,
    )


def _rejected(
    reason: Reason, threshold: float, nearest: Candidate | None = None, runner_up: Candidate | None = None
) -> Verdict:
    return Verdict(
        decision=Decision.REJECTED,
        reason=reason,
        person_id=None,
        distance_l2=_finite(nearest),
        runner_up_l2=_finite(runner_up),
        threshold=threshold,
        nearest_person_id=nearest.person_id if nearest else None,
    )


def _finite(candidate: Candidate | None) -> float | None:
    """The distance as it may be stored: databases and JSON have no NaN."""
    return candidate.distance_l2 if candidate is not None and math.isfinite(candidate.distance_l2) else None
