"""What other settings would have made of the last attempts, from what is stored of them: distances, confidences, times.

Nothing is recognised again. The decision is the domain's own, on the stored distances, so that it is the one that would have
been made; where the stored numbers cannot say it, the answer is that they cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from attendance.domain.matching import identify, verify
from attendance.domain.model import Candidate, Decision, Mode, Outcome, Reason, RecordFilter, Review

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from attendance.domain.model import Attempt
    from attendance.store.base import Store

ACCEPTED, REFUSED = 200, 40  # how many of the last attempts are looked at
_COMPARED = {Reason.MATCH, Reason.NO_MATCH, Reason.AMBIGUOUS}
_WHATEVER_THE_FACE = {
    Reason.NOBODY_ENROLLED,
    Reason.NOT_ENROLLED,
    Reason.INACTIVE,
    Reason.NO_TEMPLATE,
    Reason.UNREADABLE_PICTURE,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """The settings that are to be tried on stored attempts; None: as each attempt was decided with.

    Attributes:
        threshold: L2 distance, of the model in use.
        min_confidence: 0 to 1.
        cooldown_s: seconds.
    """

    threshold: float | None = None
    min_confidence: float | None = None
    cooldown_s: float | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What would have become of the last attempts.

    Attributes:
        accepted, refused: how many of each were looked at.
        lost: of the accepted, how many would be refused.
        doubted: of those, how many somebody has marked as the wrong person.
        won: of the refused, how many would be accepted.
        untold_accepted, untold_refused: of each, how many the stored numbers cannot tell.
        left_records: how many of the accepted left a new record.
        would_leave_records: how many would have with the other cooldown; None where no other one is tried.
    """

    accepted: int = 0
    refused: int = 0
    lost: int = 0
    doubted: int = 0
    won: int = 0
    untold_accepted: int = 0
    untold_refused: int = 0
    left_records: int = 0
    would_leave_records: int | None = None


def effect_of(store: Store, model_id: str, trial: Trial) -> Effect:
    """What these settings would have made of the last 200 accepted and 40 refused attempts of one model.

    Raises:
        StoreUnavailableError: the store is away.
    """
    accepted = store.attempt_page(RecordFilter(decision=Decision.ACCEPTED, model_id=model_id), limit=ACCEPTED)[::-1]
    refused = store.attempt_page(RecordFilter(decision=Decision.REJECTED, model_id=model_id), limit=REFUSED)
    again = [(one, would_be_accepted(one, trial)) for one in accepted]
    lost = [one for one, answer in again if answer is False]
    anew = [would_be_accepted(one, trial) for one in refused]
    recording = [one for one in accepted if one.records and one.person_id is not None]
    left = None
    if trial.cooldown_s is not None:
        left = records_left(recording, trial.cooldown_s, _before(store, recording, trial.cooldown_s))
    return Effect(
        accepted=len(accepted),
        refused=len(refused),
        lost=len(lost),
        doubted=sum(one.review in {Review.DISPUTED, Review.VOID} for one in lost),
        won=anew.count(True),
        untold_accepted=sum(answer is None for _, answer in again),
        untold_refused=anew.count(None),
        left_records=sum(one.outcome is Outcome.RECORDED for one in recording),
        would_leave_records=left,
    )


def sentences(effect: Effect, trial: Trial) -> list[str]:
    """The effect in words for an operator, the most important first."""
    said: list[str] = []
    if trial.threshold is not None or trial.min_confidence is not None:
        said += _decisions(effect)
        untold = effect.untold_accepted + effect.untold_refused
        if untold == 1:
            said.append("1 attempt can't be told: what is stored of it doesn't say.")
        elif untold:
            said.append(f"{untold} attempts can't be told: what is stored of them doesn't say.")
    if trial.cooldown_s is not None and effect.accepted:
        if effect.would_leave_records == effect.left_records:
            said.append("The last accepted attempts would have left the same number of check-ins.")
        else:
            said.append(
                f"Of the last {effect.accepted} accepted, {effect.would_leave_records} would have left a new check-in; "
                f"{effect.left_records} did."
            )
    if not effect.accepted and not effect.refused:
        return ["There are no attempts with this model yet, so the effect can't be told."]
    return said


def _decisions(effect: Effect) -> list[str]:
    said = []
    if effect.accepted:
        if effect.untold_accepted == effect.accepted:
            said.append(f"What would become of the last {effect.accepted} accepted can't be told.")
        else:
            said.append(f"Of the last {effect.accepted} accepted, {effect.lost} would be refused.")
        if effect.doubted:
            were = "was" if effect.doubted == 1 else "were"
            said.append(f"Of these, {effect.doubted} {were} doubted at the door or by the office.")
    if effect.refused:
        if effect.untold_refused == effect.refused:
            said.append(f"What would become of the last {effect.refused} refused can't be told.")
        else:
            said.append(f"Of the last {effect.refused} refused, {effect.won} would be accepted.")
    return said


def would_be_accepted(attempt: Attempt, trial: Trial) -> bool | None:
    """Whether this attempt would be accepted; None where what is stored of it cannot say."""
    if attempt.reason in _WHATEVER_THE_FACE:
        return False
    found = _face_is_found(attempt, trial.min_confidence)
    if not found:
        return found
    if attempt.reason not in _COMPARED:
        return False  # the picture was refused before anything was compared, and would be again
    return _would_match(attempt, attempt.threshold if trial.threshold is None else trial.threshold)


def records_left(attempts: Sequence[Attempt], cooldown_s: float, before: Mapping[str, datetime]) -> int:
    """How many of these accepted attempts, oldest first, would have left a record of their own with this cooldown.

    Args:
        attempts: with a person each.
        cooldown_s: seconds.
        before: each person's latest check-in before the first attempt, where there was one within the cooldown.
    """
    began = dict(before)
    left = 0
    for one in attempts:
        person_id = one.person_id or ""
        start = began.get(person_id)
        if start is not None and start <= one.at_utc < start + timedelta(seconds=cooldown_s):
            continue
        left += 1
        if one.review not in {Review.DISPUTED, Review.VOID}:  # these begin no cooldown
            began[person_id] = one.at_utc
    return left


def _before(store: Store, attempts: Sequence[Attempt], cooldown_s: float) -> dict[str, datetime]:
    if not attempts or not cooldown_s:
        return {}
    first = attempts[0].at_utc
    earlier = store.check_ins(since=first - timedelta(seconds=cooldown_s), until=first)
    return {one.person_id: one.timestamp for one in earlier if one.person_id is not None}


def _would_match(attempt: Attempt, threshold: float) -> bool | None:
    """The domain's decision on the stored distances."""
    if attempt.distance_l2 is None:
        return None
    nearest = Candidate(attempt.nearest_person_id or attempt.person_id or "nearest", attempt.distance_l2, "")
    if attempt.mode is Mode.VERIFICATION:
        return verify(nearest, threshold).decision is Decision.ACCEPTED
    others = [] if attempt.runner_up_l2 is None else [Candidate(f"not {nearest.person_id}", attempt.runner_up_l2, "")]
    ambiguity = attempt.parameters.get("ambiguity_ratio")
    if others and not isinstance(ambiguity, int | float):
        return None
    return identify([nearest, *others], threshold, ambiguity or 0.0).decision is Decision.ACCEPTED


def _face_is_found(attempt: Attempt, min_confidence: float | None) -> bool | None:
    """Whether the face that was judged would be judged again.

    Only faces at or above the confidence of that time are stored, largest first, and the largest is the one in front.
    """
    if min_confidence is None:
        return True
    then = attempt.parameters.get("min_confidence")
    if not isinstance(then, int | float) or min_confidence < then:
        return None  # other faces may have been there that are not stored
    sure = [face["confidence"] >= min_confidence for face in attempt.faces]
    if all(sure):
        return True
    if not any(sure):
        return False
    if not sure[0] or attempt.reason is Reason.SEVERAL_FACES:
        return None  # another face would be judged, or one alone that was never compared
    return True
