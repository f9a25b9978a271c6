"""The kiosk's own code on a plain page, with a server that answers just what a test wants and a camera that shows a drawing.

For what a real server cannot be made to do on demand: every state at every size, answers that are late or lost, a busy
queue. The real server, the real engine and a real film have tests of their own beside this. To look at a state:
``python -m tests.browser.kiosk_harness`` and open the address that it prints, with ``#state`` behind it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from attendance.ui.kiosk import markup, script, style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

ROOT = Path(__file__).resolve().parents[2]
CLOCK = "2026-11-20T09:02:11.000+01:00"
FACE = [0.38, 0.28, 0.24, 0.39]  # of the person in the drawing, as its camera gives it
SMALL = [0.44, 0.39, 0.12, 0.2]
TWO = [[0.2, 0.36, 0.2, 0.33], [0.6, 0.33, 0.21, 0.35]]


def answer(state: str, headline: str, help_text: str, **more: Any) -> dict[str, Any]:
    """A frame's answer as the protocol has it."""
    return {
        "state": state,
        "tone": "quiet",
        "icon": "face",
        "headline": headline,
        "fact": None,
        "help": help_text,
        "boxes": [],
        "agreed": 0,
        "needed": 3,
        "attempt": None,
        "disputable": False,
        "hold_ms": 0,
        "every_ms": 100,
        "clock": CLOCK,
        **more,
    }


WAITING = answer("waiting", "Ready", "Stand in front of the screen and look at the camera.")
CLOSER = answer("closer", "Come closer", "Your face should fill the outline.", icon="closer", boxes=[SMALL])
FOUND = answer("found", "Look at the camera", "Face the screen, eyes open.", icon="eye", boxes=[FACE])
SEVERAL = answer("several", "One person at a time", "Please let one person step forward.", icon="several", boxes=TWO)
DECIDING = answer("deciding", "Hold still", "Nearly there.", icon="dots", boxes=[FACE], agreed=2, attempt="a" * 32)
CHECKED_IN = answer(
    "checked-in",
    "Maria Lindqvist",
    "Not you? Choose Not me.",
    tone="good",
    icon="tick",
    fact={"label": "Checked in at", "time": "09:02:11"},
    boxes=[FACE],
    agreed=3,
    attempt="a" * 32,
    disputable=True,
    hold_ms=4000,
)
ALREADY = CHECKED_IN | {
    "state": "already",
    "tone": "same",
    "icon": "same",
    "fact": {"label": "Already checked in at", "time": "08:57:40"},
    "help": "All is well. Nothing new was recorded.",
    "disputable": False,
}
MISS = answer(
    "not-recognised",
    "Not recognised this time",
    "Face the light, take off hat or dark glasses, or ask at the desk.",
    tone="miss",
    icon="ask",
    boxes=[FACE],
    attempt="b" * 32,
    hold_ms=8000,
)
DISPUTED = MISS | {
    "state": "disputed",
    "headline": "Thank you for telling us",
    "help": "The office looks at it. Check in by name, or ask at the desk.",
}
READY = {"state": "ready", "mode": "face", "names": True, "site": "Harbour House", "clock": CLOCK, "retry_s": None}
PEOPLE = [
    {"id": "p1", "name": "Maria Lindqvist", "group": "Design"},
    {"id": "p2", "name": "Marek Dvořák", "group": "Workshop"},
    {"id": "p3", "name": "Amara Okafor", "group": "Front desk"},
]


def refused(state: str, headline: str, help_text: str, retry_s: float, status: int = 503, **more: Any) -> tuple[int, Any]:
    """A refusal as the protocol has it."""
    words = {"tone": "away", "icon": "pause", "fact": None, "headline": headline, "help": help_text}
    return status, {"state": state, "retry_s": retry_s, **words, **more}


AWAY = refused("away", "Check-in is paused", "Nothing is being recorded. Please sign in at the desk.", 8)
BUSY = refused("busy", "One moment", "Many people are checking in. Stay where you are.", 0.2, tone="quiet", icon="dots")
LOST = "lost"  # the connection is cut before an answer
STRANGE = "strange"  # a proxy's page instead of an answer


@dataclass
class Server:
    """What the page is answered. ``frames`` is worked off one by one, then ``frame`` is the answer to all.

    Attributes:
        seen: the headers of each frame that came.
        last: the last of them, a JPEG.
        disputes: the attempts that were disputed.
        most_at_once: how many frames were at work at the same time, at most.
        delay_s: before each frame's answer.
    """

    url: str = ""
    frame: Any = field(default_factory=lambda: WAITING)
    frames: deque[Any] = field(default_factory=deque)
    status: Any = field(default_factory=lambda: READY)
    attempts: deque[Any] = field(default_factory=deque)
    seen: list[dict[str, str]] = field(default_factory=list)
    last: bytes = b""
    disputes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    token_is_old: bool = False
    delay_s: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    def reset(self) -> None:
        """As at the beginning."""
        fresh = Server(url=self.url)
        self.__dict__.update(fresh.__dict__)

    async def on_frame(self, request: Request) -> Response:
        data = self.last = await request.body()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.seen.append({**request.headers, "bytes": str(len(data)), "at": str(asyncio.get_running_loop().time())})
        try:
            await asyncio.sleep(self.delay_s)
            if self.token_is_old:
                return JSONResponse({"state": "refused", "headline": "One moment", "help": ""}, 403)
            return self._say(self.frames.popleft() if self.frames else self.frame)
        finally:
            self.at_once -= 1

    async def on_status(self, _: Request) -> Response:
        self.asked.append("status")
        return self._say(self.status)

    async def on_attempt(self, request: Request) -> Response:
        self.asked.append(request.path_params["attempt_id"])
        if not self.attempts:
            return JSONResponse({"state": "unknown"})
        return self._say(self.attempts.popleft() if len(self.attempts) > 1 else self.attempts[0])

    async def on_dispute(self, request: Request) -> Response:
        self.disputes.append(json.loads(await request.body())["attempt"])
        return JSONResponse(DISPUTED)

    async def on_people(self, request: Request) -> Response:
        typed = request.query_params["q"].casefold()
        return JSONResponse([person for person in PEOPLE if typed in person["name"].casefold()])

    async def on_health(self, _: Request) -> Response:
        self.token_is_old = False
        response = Response("ok")
        response.set_cookie("_streamlit_xsrf", "token")
        return response

    @staticmethod
    def _say(what: Any) -> Response:
        if what == LOST:
            return _Cut()
        if what == STRANGE:
            return HTMLResponse("<h1>Forbidden by the site's policy</h1>", 403)
        status, content = what if isinstance(what, tuple) else (200, what)
        retry = content.get("retry_s") if isinstance(content, dict) else None
        return JSONResponse(content, status, {"Retry-After": str(retry)} if retry else None)


class _Cut(Response):
    """Ends the connection in the middle of the answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 - the interface's
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionAbortedError


PAGE = Path(__file__).with_name("kiosk_harness.html")
NOWHERE = "<h1>Somewhere else</h1>"


async def _page(_: Request) -> Response:
    text = PAGE.read_text(encoding="utf-8")
    for name, content in {"MARKUP": markup(), "STYLE": style()}.items():
        text = text.replace(f"%{name}%", content)
    return HTMLResponse(text)


async def _script(_: Request) -> Response:
    return Response(script(), media_type="text/javascript")


async def _elsewhere(_: Request) -> Response:
    return HTMLResponse(NOWHERE)


@contextmanager
def harness() -> Iterator[Server]:
    """The server, running in a thread."""
    server = Server()
    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/kiosk.js", _script),
            Route("/in/pair", _elsewhere),
            Route("/in/sign-in", _elsewhere),
            Route("/register", _elsewhere),
            Route("/_stcore/health", server.on_health),
            Route("/api/kiosk/frame", server.on_frame, methods=["POST"]),
            Route("/api/kiosk/status", server.on_status),
            Route("/api/kiosk/attempt/{attempt_id}", server.on_attempt),
            Route("/api/kiosk/dispute", server.on_dispute, methods=["POST"]),
            Route("/api/kiosk/people", server.on_people),
            Mount("/app/static", StaticFiles(directory=ROOT / "attendance" / "ui" / "static")),
        ]
    )
    # log_config None and critical: an answer that is cut off on purpose is no news.
    runner = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", ws="none"))
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    while not runner.started:
        thread.join(0.02)
    server.url = f"http://127.0.0.1:{runner.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        runner.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    with harness() as running:
        print(running.url)  # noqa: T201 - this is what it is for
        threading.Event().wait()
