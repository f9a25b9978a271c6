"""What every engine decides alike: which records fit, what an attempt leaves, and how long a cooldown lasts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attendance.domain.model import Attempt, CheckIn, Decision, Outcome, Reason, Review
from attendance.store.codec import attempt_from_dict, attempt_to_dict, plain, to_ms

if TYPE_CHECKING:
    from attendance.domain.model import RecordFilter

NO_COOLDOWN = (Review.DISPUTED, Review.VOID)  # a check-in whose attempt is reviewed so begins no cooldown


def attempt_values(which: RecordFilter) -> dict[str, str]:
    """What the fields of an attempt must be, by name, for it to fit; time and people are not among them."""
    names = ("decision", "reason", "outcome", "review", "model_id")
    return {name: str(plain(value)) for name in names if (value := getattr(which, name)) is not None}


def fits_without_attempt(which: RecordFilter) -> bool:
    """Whether a check-in that no stored attempt left, as in older databases, fits but for its time and its person."""
    taken_as = {"decision": Decision.ACCEPTED, "reason": Reason.MATCH, "outcome": Outcome.RECORDED, "review": Review.NONE}
    return all(taken_as.get(name) == value for name, value in attempt_values(which).items())


def settled(attempt: Attempt, outcome: Outcome, check_in: CheckIn | None) -> Attempt:
    """The attempt as it is stored once its outcome is known. Imported by every engine, so that all store the same."""
    data = attempt_to_dict(attempt)
    data["outcome"] = outcome
    data["check_in_at_utc"] = None if check_in is None else check_in.timestamp
    return attempt_from_dict(data)


def cooldown_window(at_utc: datetime, cooldown_s: float) -> tuple[datetime, datetime]:
    """``(after, until)``: a check-in with ``after < timestamp <= until`` is repeated by an accepted attempt at ``at_utc``.

    So exactly ``cooldown_s`` seconds later a new one is recorded, a cooldown of 0 repeats nothing, and one that lies in the
    future by more than the cooldown, after a clock was set back, does not block.
    """
    at, cooldown = to_ms(at_utc), timedelta(seconds=cooldown_s)
    return at - cooldown, at + cooldown


def check_in_of(attempt: Attempt) -> CheckIn:
    """The attendance record that an accepted attempt leaves."""
    name = attempt.person_name or ""
    return CheckIn(
        timestamp=to_ms(attempt.at_utc),
        entered_name=attempt.entered_name or name,
        matched_identity=name,
        distance=float(attempt.distance_l2 or 0.0),
        person_id=attempt.person_id,
        attempt_id=attempt.attempt_id,
        day=attempt.day,
        source=attempt.source,
        site=attempt.site,
    )
