"""What goes over the wire between the kiosk and its routes; docs/kiosk-protocol.md is the description of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse

from attendance.api.requests import refuse
from attendance.errors import AttendanceError, StoreError
from attendance.services.clock import now_utc
from attendance.services.live_words import AWAY, MODEL_AWAY, STARTING, Screen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from attendance.services.live_answer import LiveAnswer
    from attendance.settings import Settings

AGAIN_S = 3.0  # when to ask again while a part is away
SHED_S = 0.4  # the same for a frame that found the queue full: about two frames later
MOST_CLAIM = 200  # characters of a name or a staff number

_VIEW = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# What goes wrong between a page of ours and its own server, so that the person in front of it can do nothing about it.
_FOREIGN = Screen("refused", "quiet", "dots", "One moment", "This screen goes on by itself.")


class Refused(Exception):  # noqa: N818 - not an error of the program: an answer
    """A request is refused.

    Attributes:
        answer: the refusal in words.
    """

    def __init__(self, answer: Response) -> None:
        super().__init__("refused")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Asked:
    """The headers of one frame.

    Attributes:
        view: of the component's mount.
        turn: 0 or more.
        claimed: whom the person claims to be; None for nobody.
    """

    view: str
    turn: int
    claimed: str | None


def asked_of(headers: Mapping[str, str]) -> Asked:
    """Read the headers of a frame.

    Raises:
        Refused: one of them cannot be from the kiosk.
    """
    view, turn = headers.get("x-attend-view", ""), headers.get("x-attend-turn", "0")
    claimed = unquote(headers.get("x-attend-claim", ""), errors="replace").strip()
    if not _VIEW.fullmatch(view) or not re.fullmatch(r"[0-9]{1,9}", turn) or len(claimed) > MOST_CLAIM:
        raise Refused(foreign(422))
    return Asked(view.lower(), int(turn), claimed or None)


def answer_as_json(answer: LiveAnswer, settings: Settings, every_ms: int | None = None) -> Response:
    """A frame's answer, or the refusal that it is. ``every_ms``: the pace, where it is another than the answer's own."""
    screen = answer.screen
    if screen.state in {"busy", "unreadable"}:
        return refusal(503 if screen.state == "busy" else 422, screen, SHED_S)
    content = {
        **_words(screen),
        "boxes": answer.boxes,
        "agreed": answer.agreed,
        "needed": answer.needed,
        "attempt": answer.attempt_id,
        "disputable": answer.disputable,
        "hold_ms": answer.hold_ms,
        "every_ms": answer.every_ms if every_ms is None else every_ms,
        "clock": clock(settings),
    }
    return JSONResponse(content)


def status_as_json(screen: Screen, settings: Settings, **more: Any) -> Response:
    """How the kiosk is, apart from any frame."""
    retry_s = None if screen.state == "ready" else AGAIN_S
    return JSONResponse({**_words(screen), "site": settings.site, "clock": clock(settings), "retry_s": retry_s, **more})


def refusal(status: int, screen: Screen, retry_s: float | None = None, **more: Any) -> Response:
    """A refusal in words."""
    words = {"tone": screen.tone, "icon": screen.icon, "fact": None}
    return refuse(status, screen.state, screen.headline, screen.help, retry_s, **words, **more)


def foreign(status: int, retry_s: float | None = None) -> Response:
    """The refusal of what the kiosk's own code never sends, or of a page whose token is old."""
    return refusal(status, _FOREIGN, retry_s)


def screen_for(error: AttendanceError | None) -> Screen:
    """What is said of an application that cannot be used; None: it is on its way."""
    if error is None:
        return STARTING
    return AWAY if isinstance(error, StoreError) else MODEL_AWAY


def clock(settings: Settings) -> str:
    """The site's local time with its offset, ISO 8601."""
    zone = ZoneInfo(settings.timezone) if settings.timezone else None
    return now_utc().astimezone(zone).isoformat(timespec="milliseconds")


def _words(screen: Screen) -> dict[str, Any]:
    fact = None if screen.fact is None else {"label": screen.fact[0], "time": screen.fact[1]}
    return {
        "state": screen.state,
        "tone": screen.tone,
        "icon": screen.icon,
        "headline": screen.headline,
        "fact": fact,
        "help": screen.help,
    }
