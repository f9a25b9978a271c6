"""What the kiosk's screen says in each state: tone, icon, one headline, at most one fact, one line of help.

The tone colours the panel: green (``good``) only for a stored check-in. Nobody who was not recognised is told a name, and
whether a claimed name is registered at all shows in no word here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from attendance.domain.model import Decision, Mode, Outcome, Reason, Review
from attendance.services.words import REFUSALS, printable, shown_time, words_for

if TYPE_CHECKING:
    from datetime import tzinfo

    from attendance.domain.model import Attempt

Tone = Literal["quiet", "good", "same", "miss", "away"]
Icon = Literal["face", "closer", "eye", "several", "dots", "tick", "same", "ask", "off", "cam", "lock", "pause", "key"]


@dataclass(frozen=True, slots=True)
class Screen:
    """One state in words; plain text, never markup.

    Attributes:
        state: one word for the program; docs/kiosk-protocol.md lists them.
        fact: a label and a time of day, HH:MM:SS in the site's zone, which are read as one sentence.
    """

    state: str
    tone: Tone
    icon: Icon
    headline: str
    help: str
    fact: tuple[str, str] | None = None


WAITING = Screen("waiting", "quiet", "face", "Ready", "Stand in front of the screen and look at the camera.")
READY = replace(WAITING, state="ready")
FOUND = Screen("found", "quiet", "eye", "Look at the camera", "Face the screen, eyes open.")
DECIDING = Screen("deciding", "quiet", "dots", "Hold still", "Nearly there.")
DONE = Screen("done", "quiet", "face", "Ready", "Next person, please.")
NAME = Screen("name", "quiet", "key", "Who is checking in?", "Give your name or staff number, then look at the camera.")
NOBODY = Screen("nobody-registered", "away", "pause", "Nobody is registered yet", "Please ask at the desk.")
BUSY = Screen("busy", "quiet", "dots", "One moment", "Many people are checking in. Stay where you are.")
AWAY = Screen("away", "away", "pause", "Check-in is paused", "Nothing is being recorded. Please sign in at the desk.")
STARTING = Screen("starting", "away", "pause", "Check-in is starting", "This screen goes on by itself.")
MODEL_AWAY = Screen(
    "model-away", "away", "pause", "Check-in is not ready", "The face model is loading. This screen goes on by itself."
)
UNPAIRED = Screen(
    "unpaired", "away", "key", "This screen is not paired", "An operator can pair it under Status with this code."
)
UNREADABLE = Screen("unreadable", "quiet", "cam", "This picture can't be read", "The camera may be starting. One moment.")
UNKNOWN = Screen("unknown", "quiet", "face", "Ready", "Nothing was recorded. Look at the camera again.")
DISPUTED = Screen(
    "disputed", "miss", "ask", "Thank you for telling us", "The office looks at it. Check in by name, or ask at the desk."
)
DISPUTED_DONE = Screen("done", "quiet", "ask", "Not recognised by face", "Check in by name, or ask at the desk.")

# The state and the icon of each reason why a frame cannot be compared; the words are those of every other door.
_HINTS: dict[Reason, tuple[str, Icon]] = {
    Reason.SEVERAL_FACES: ("several", "several"),
    Reason.FACE_TOO_SMALL: ("closer", "closer"),
    Reason.TOO_DARK: ("dark", "eye"),
    Reason.LOW_CONTRAST: ("dark", "eye"),
    Reason.TOO_BRIGHT: ("glare", "eye"),
    Reason.BLURRED: ("blurred", "dots"),
    Reason.TURNED_AWAY: ("found", "eye"),
    Reason.TILTED: ("found", "eye"),
    Reason.COVERED: ("covered", "face"),
    Reason.CUT_OFF: ("too-close", "closer"),
}
# The same for everybody who is not the one that was claimed, whether or not anybody of that name is registered.
_NOT_THE_CLAIMED = "Check the name, find better light, or ask at the desk."


def hint_for(reason: Reason) -> Screen:
    """What to do so that the next frame can be compared."""
    if reason is Reason.NO_FACE:
        return WAITING
    if reason is Reason.UNREADABLE_PICTURE:
        return UNREADABLE
    state, icon = _HINTS[reason]
    return Screen(state, "quiet", icon, REFUSALS[reason].headline, REFUSALS[reason].help)


def result_for(attempt: Attempt, zone: tzinfo | None = None) -> Screen:
    """What a stored attempt came to.

    Args:
        attempt: as the store gave it back.
        zone: the site's; None is the machine's own.
    """
    if attempt.decision is Decision.REJECTED:
        words = words_for(attempt, zone)
        if attempt.mode is Mode.VERIFICATION:
            return Screen("not-recognised", "miss", "ask", REFUSALS[Reason.NO_MATCH].headline, _NOT_THE_CLAIMED)
        return Screen("not-recognised", "miss", "ask", words.headline, words.help)
    if attempt.review in {Review.DISPUTED, Review.VOID}:
        return DISPUTED
    name, time = printable(attempt.person_name or ""), shown_time(attempt, zone)
    if attempt.outcome is Outcome.RECORDED:
        return Screen("checked-in", "good", "tick", name, "Not you? Choose Not me.", ("Checked in at", time))
    if attempt.outcome is Outcome.ALREADY:
        return Screen(
            "already", "same", "same", name, "All is well. Nothing new was recorded.", ("Already checked in at", time)
        )
    return Screen("already", "same", "same", name, "Recognised. Nothing was recorded.")
