"""What the person in front of the camera is told: one headline, one line of help.

Short, kind, specific: what to do, not what went wrong inside. Only a stored record is called a check-in, and after a
failure no name is shown, not even the nearest person's.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.domain.model import Decision, Mode, Outcome, Reason
from attendance.domain.names import MAX_LENGTH

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from attendance.domain.model import Attempt

_JOINERS = "\u200c\u200d"  # belong inside words of several scripts, as in domain.names


@dataclass(frozen=True, slots=True)
class Words:
    """Plain text, never markup."""

    headline: str
    help: str


_LIGHT = "Find better light"
_LOOK = "Look at the camera"
_DESK = "Please ask at the desk"

# One for each reason to refuse; what depends on more than the reason is in ``words_for``.
REFUSALS: dict[Reason, Words] = {
    Reason.NO_MATCH: Words("Not recognised this time", "Face the light, take off hat or dark glasses, or ask at the desk."),
    Reason.AMBIGUOUS: Words(
        "Not recognised this time", "Two people look too much alike here. Check in by name, or ask at the desk."
    ),
    Reason.NOBODY_ENROLLED: Words("Nobody is registered yet", "Please ask at the desk."),
    Reason.NOT_ENROLLED: Words("This name is not registered", "Check how it is written, or ask at the desk."),
    Reason.INACTIVE: Words(_DESK, "This registration is not in use at the moment."),
    Reason.NO_TEMPLATE: Words(_DESK, "The registered pictures are not ready yet."),
    Reason.UNREADABLE_PICTURE: Words(
        "This picture can't be read", "Take another one, or choose a JPEG, PNG, WebP or HEIC file."
    ),
    Reason.NO_FACE: Words("No face in that picture", "Look at the camera and take another."),
    Reason.SEVERAL_FACES: Words("One person at a time", "Please let one person step forward."),
    Reason.FACE_TOO_SMALL: Words("Come closer", "Your face should fill the outline."),
    Reason.TOO_DARK: Words(_LIGHT, "Face a window or a lamp."),
    Reason.TOO_BRIGHT: Words(_LIGHT, "Turn away from the bright light."),
    Reason.LOW_CONTRAST: Words(_LIGHT, "Face a window or a lamp."),
    Reason.BLURRED: Words("Hold still", "Keep still for a moment, a little nearer to the light."),
    Reason.TURNED_AWAY: Words(_LOOK, "Face the screen, eyes open."),
    Reason.TILTED: Words(_LOOK, "Hold your head upright."),
    Reason.COVERED: Words("Show your whole face", "Take off a mask, hat or dark glasses."),
    Reason.CUT_OFF: Words("Step back a little", "Your whole face should be inside the outline."),
}
_NOT_THE_CLAIMED = Words("Not recognised this time", "Try again in better light, or ask at the desk.")


def words_for(attempt: Attempt, zone: tzinfo | None = None) -> Words:
    """The words for an attempt as it is stored.

    Args:
        attempt: with the outcome that the store gave it.
        zone: the site's; None is the machine's own.
    """
    if attempt.decision is Decision.REJECTED:
        if attempt.reason is Reason.NO_MATCH and attempt.mode is Mode.VERIFICATION:
            return _NOT_THE_CLAIMED
        if attempt.reason is Reason.NOT_ENROLLED and attempt.mode is Mode.IDENTIFICATION:
            return REFUSALS[Reason.NO_MATCH]  # nobody gave a name: the person was removed a moment ago
        return REFUSALS[attempt.reason]
    name = printable(attempt.person_name or "")
    if attempt.outcome is Outcome.RECORDED:
        return Words(name, f"Checked in at {shown_time(attempt, zone)}. Not you? Please tell the desk.")
    if attempt.outcome is Outcome.ALREADY:
        return Words(name, f"Already checked in at {shown_time(attempt, zone)}. All is well. Nothing new was recorded.")
    return Words(name, "Recognised. Nothing was recorded.")


def printable(text: str) -> str:
    """The text as it can be stored and shown: at most 200 characters, those that cannot be shown safely as U+FFFD.

    For names that were typed and fit nobody, and names of older databases.
    """
    folded = unicodedata.normalize("NFC", " ".join(text[: 10 * MAX_LENGTH].split()))
    return "".join(c if c in _JOINERS or unicodedata.category(c)[0] != "C" else "\ufffd" for c in folded[:MAX_LENGTH])


def shown_time(attempt: Attempt, zone: tzinfo | None = None) -> str:
    """When the check-in happened that this attempt left or repeats: HH:MM:SS in the site's zone."""
    at: datetime = attempt.check_in_at_utc or attempt.at_utc
    return at.astimezone(zone).strftime("%H:%M:%S")
