"""One line of the records, as the office reads it: what happened to whom, why, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from attendance.domain.model import Decision, Mode, Outcome, Reason, Review
from attendance.domain.names import name_key
from attendance.services.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from attendance.domain.model import Attempt, CheckIn, Person

CLAIMED = " (claimed)"
GONE = "no longer registered"


class Result(StrEnum):
    """What records can be asked for, as it is written in addresses and in the names of files."""

    CHECKED_IN = "checked-in"
    ALREADY = "already"
    NOT_RECOGNISED = "not-recognised"
    DISPUTED = "disputed"
    VOID = "void"


RESULT_WORDS = {
    Result.CHECKED_IN: "Checked in",
    Result.ALREADY: "Already in",
    Result.NOT_RECOGNISED: "Not recognised",
    Result.DISPUTED: "Disputed",
    Result.VOID: "Void",
}
_REVIEW_WORDS = {
    Review.NONE: "",
    Review.DISPUTED: ", disputed",
    Review.UPHELD: ", confirmed",
    Review.VOID: ", void",
}

# What happened, short enough for a table; docs/reasons.md says it at length and a test holds the two lists together.
REASON_WORDS = {
    Reason.MATCH: "Within the threshold",
    Reason.NO_MATCH: "Nobody is near enough",
    Reason.AMBIGUOUS: "Two people are about as near",
    Reason.NOBODY_ENROLLED: "Nobody is registered",
    Reason.NOT_ENROLLED: "That name is not registered",
    Reason.INACTIVE: "The claimed person is inactive",
    Reason.NO_TEMPLATE: "The registered pictures are not ready",
    Reason.UNREADABLE_PICTURE: "The picture can't be read",
    Reason.NO_FACE: "No face was found",
    Reason.SEVERAL_FACES: "More than one face",
    Reason.FACE_TOO_SMALL: "The face is too small",
    Reason.TOO_DARK: "The face is too dark",
    Reason.TOO_BRIGHT: "The face is too bright",
    Reason.LOW_CONTRAST: "The face is veiled or evenly grey",
    Reason.BLURRED: "The face is not sharp",
    Reason.TURNED_AWAY: "The face is turned away",
    Reason.TILTED: "The head is tilted",
    Reason.COVERED: "Part of the face is covered",
    Reason.CUT_OFF: "The face is cut off at the edge",
}
_NOT_THE_CLAIMED = "Not near the claimed person"
_MODE_WORDS = {Mode.VERIFICATION: "1:1", Mode.IDENTIFICATION: "1:N"}


@dataclass(frozen=True, slots=True)
class Row:
    """One check-in or attempt.

    Nobody is named who was not accepted or claimed: the person nearest to a rejected face is not a decision, and a name
    in a list is read as one.

    Attributes:
        at: UTC.
        name: as it was written with the record; a claim that was not accepted ends in CLAIMED; empty: nobody is known.
        name_now: the person's name today where it is another one, else empty.
        staff_number, group: the person's today; empty where there are none or the person is gone.
        result, reason, mode: words.
        distance_l2: from the accepted, claimed or nearest person; None where nothing was compared or none is readable.
        threshold: that was in use; None for records of older databases.
        attempt_id: empty for records of older databases.
    """

    at: datetime
    name: str
    name_now: str
    staff_number: str
    group: str
    result: str
    reason: str
    mode: str
    distance_l2: float | None
    threshold: float | None
    source: str
    site: str
    attempt_id: str
    person_id: str | None


class Directory:
    """Everybody who is registered, by id and, for records of older databases that carry only a name, by name."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.people = tuple(people)
        self._by_id = {person.person_id: person for person in self.people}
        self._by_name = {name_key(person.name): person for person in self.people}

    def find(self, person_id: str | None, name: str | None) -> Person | None:
        """Whose record it is; a name counts only where there is no id."""
        if person_id is not None:
            return self._by_id.get(person_id)
        return self._by_name.get(name_key(name)) if name else None

    def groups(self) -> list[str]:
        """Every group that somebody is in, in the order of the alphabet."""
        return sorted({person.group for person in self.people if person.group}, key=str.casefold)

    def matching(self, text: str, group: str) -> frozenset[str] | None:
        """Ids of the people whose name or staff number holds ``text`` and who are in ``group``; None: no such wish."""
        wanted = name_key(text)
        if not wanted and not group:
            return None
        return frozenset(
            person.person_id
            for person in self.people
            if (not group or person.group == group)
            and (wanted in name_key(person.name) or wanted in name_key(person.external_id or ""))
        )


def row_of_check_in(check_in: CheckIn, attempt: Attempt | None, directory: Directory) -> Row:
    """The line of an attendance record; ``attempt`` is the one that left it."""
    review = attempt.review if attempt is not None else Review.NONE
    return _row(
        check_in.timestamp,
        printable(check_in.matched_identity),
        directory.find(check_in.person_id, check_in.matched_identity),
        result=RESULT_WORDS[Result.CHECKED_IN] + _REVIEW_WORDS[review],
        attempt=attempt,
        distance_l2=check_in.distance,
        source=check_in.source or "older record",
        site=check_in.site or "",
        person_id=check_in.person_id,
    )


def row_of_attempt(attempt: Attempt, directory: Directory) -> Row:
    """The line of an attempt, accepted or not."""
    accepted = attempt.decision is Decision.ACCEPTED
    name = printable((attempt.person_name if accepted else attempt.entered_name) or "")
    claimed = name and not accepted
    person = directory.find(attempt.person_id, None) if accepted else None
    return _row(
        attempt.at_utc,
        name + CLAIMED if claimed else name,
        person,
        result=_result(attempt) + _REVIEW_WORDS[attempt.review],
        attempt=attempt,
        distance_l2=attempt.distance_l2,
        source=attempt.source,
        site=attempt.site or "",
        person_id=attempt.person_id,
    )


def _row(
    at: datetime,
    name: str,
    person: Person | None,
    *,
    result: str,
    attempt: Attempt | None,
    distance_l2: float | None,
    source: str,
    site: str,
    person_id: str | None,
) -> Row:
    return Row(
        at=at,
        name=name,
        name_now=person.name if person is not None and name_key(person.name) != name_key(name) else "",
        staff_number=(person.external_id or "") if person else "",
        group=(person.group or "") if person else "",
        result=result,
        reason=reason_words(attempt),
        mode=_MODE_WORDS[attempt.mode] if attempt is not None else "",
        distance_l2=distance_l2,
        threshold=attempt.threshold if attempt is not None else None,
        source=source,
        site=site,
        attempt_id=attempt.attempt_id if attempt is not None else "",
        person_id=person_id,
    )


def reason_words(attempt: Attempt | None) -> str:
    """Why the decision is as it is; empty for records of older databases, which don't say."""
    if attempt is None:
        return ""
    if attempt.reason is Reason.NO_MATCH and attempt.mode is Mode.VERIFICATION:
        return _NOT_THE_CLAIMED
    return REASON_WORDS[attempt.reason]


def _result(attempt: Attempt) -> str:
    if attempt.decision is Decision.REJECTED:
        return RESULT_WORDS[Result.NOT_RECOGNISED]
    if attempt.outcome is Outcome.RECORDED:
        return RESULT_WORDS[Result.CHECKED_IN]
    return RESULT_WORDS[Result.ALREADY] if attempt.outcome is Outcome.ALREADY else "Recognised, not recorded"
