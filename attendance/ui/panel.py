"""What the kiosk's panel shows of an attempt that a page made; the same words and form as an answer to a live frame."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from attendance.domain.model import Decision, Reason
from attendance.services.live_words import AWAY, BUSY, Screen, hint_for, result_for
from attendance.services.words import REFUSALS

if TYPE_CHECKING:
    from datetime import tzinfo

    from attendance.domain.model import Attempt

HOLD_MS = 4_000
HOLD_MISS_MS = 8_000  # more to read
# What a better picture mends: said quietly, with the button at hand for the next one.
ABOUT_THE_PERSON = frozenset(
    {Reason.MATCH, Reason.NO_MATCH, Reason.AMBIGUOUS, Reason.NOBODY_ENROLLED, Reason.NOT_ENROLLED}
    | {Reason.INACTIVE, Reason.NO_TEMPLATE}
)
_NO_FACE = Screen("no-face", "quiet", "cam", REFUSALS[Reason.NO_FACE].headline, REFUSALS[Reason.NO_FACE].help)


def answer_of(attempt: Attempt, zone: tzinfo | None) -> dict[str, Any]:
    """The answer to one picture, from the attempt as it is stored.

    Args:
        attempt: with the outcome that the store gave it.
        zone: the site's; None is the machine's own.
    """
    if attempt.decision is Decision.REJECTED and attempt.reason not in ABOUT_THE_PERSON:
        return _shown(_NO_FACE if attempt.reason is Reason.NO_FACE else hint_for(attempt.reason))
    screen = result_for(attempt, zone)
    hold_ms = HOLD_MISS_MS if screen.tone == "miss" else HOLD_MS
    is_recorded = screen.state == "checked-in"
    return _shown(screen) | {"attempt": attempt.attempt_id, "hold_ms": hold_ms, "disputable": is_recorded}


def away(screen: Screen = AWAY) -> dict[str, Any]:
    """Nothing was decided; the same picture can be tried again."""
    return _shown(screen)


def busy() -> dict[str, Any]:
    """The queue was full; the same picture can be tried again."""
    return _shown(BUSY)


def _shown(screen: Screen) -> dict[str, Any]:
    fact = None if screen.fact is None else {"label": screen.fact[0], "time": screen.fact[1]}
    return {**asdict(screen), "fact": fact, "attempt": None, "hold_ms": 0, "disputable": False, "boxes": []}
