"""The second gate: a page's websocket is looked at again before every message, and every few seconds without one.

Streamlit decides at the handshake who a page belongs to. A tab that stayed open after its session ended could still press
buttons and start callbacks; here it is closed instead, with the code 4401, and nothing of it runs. Its browser connects
again at once, as whoever is there now: where that is nobody, it is led to the sign-in before any script runs for it, for
the one that would run is the check-in, and would put the browser there.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog

from attendance.api.limits import Buckets
from attendance.api.streamlit_private import ASKED_BY_KIOSKS, ASKED_BY_PAGES, UNREADABLE, leave_for, message_kind, page_asked
from attendance.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from attendance.api.recognition import Recognition
    from attendance.api.visitor import Visitor

log = structlog.get_logger(__name__)

ENDED, TRY_LATER, TOO_BIG, NOT_OURS = 4401, 1013, 1009, 1002
CHECK_EVERY_S = 5.0
AWAY_FOR_S = 120.0  # a page that was let in stays open for as long as the database is away, but no longer than this
KIOSK_MESSAGE = 256 * 1024  # bytes; the kiosk's page sends a few hundred
KIOSK_SOCKETS = 8  # open pages of one screen
AWAY_SOCKETS = 100  # of one address, while the database is away and no screen is known


class Sockets:
    """The open websockets.

    Args:
        app: what they lead to.
        recognition: who comes.
        office: names of the office's pages.
    """

    def __init__(self, app: ASGIApp, recognition: Recognition, office: Collection[str]) -> None:
        self._app = app
        self._office = office
        self._recognition = recognition
        self._open: set[_Socket] = set()
        self._of_device: Counter[str] = Counter()
        self._rate = Buckets(rate=10, burst=100)  # messages of one kiosk's pages

    def recheck(self) -> None:
        """Look at every open page now: somebody signed in or out."""
        for socket in self._open:
            socket.wake.set()

    async def serve(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor, cookies: Mapping[str, str]) -> None:
        """Let this visitor's page speak with its script until it is closed, or may no longer."""
        key, most = (visitor.device, KIOSK_SOCKETS) if visitor.device else (f"at {visitor.address}", AWAY_SOCKETS)
        if visitor.who is None and self._of_device[key] >= most:
            await refuse(receive, send, TRY_LATER)
            return
        socket = _Socket(self._recognition, self._office, self._rate, visitor, cookies, receive, send)
        self._open.add(socket)
        self._of_device[key] += 1
        try:
            await self._app(scope, socket.receive, socket.send)
        finally:
            socket.wake.set()
            self._open.discard(socket)
            self._of_device[key] -= 1
            self._of_device += Counter()  # drops those without any
            await socket.leave()


async def refuse(receive: Receive, send: Send, code: int = ENDED) -> None:
    """Refuse a websocket before it is accepted: the browser sees 403."""
    await receive()
    await send({"type": "websocket.close", "code": code})


class _Socket:
    """One websocket between the browser and Streamlit."""

    def __init__(
        self,
        recognition: Recognition,
        office: Collection[str],
        rate: Buckets,
        visitor: Visitor,
        cookies: Mapping[str, str],
        receive: Receive,
        send: Send,
    ) -> None:
        self.wake = asyncio.Event()
        self._recognition, self._office, self._rate = recognition, office, rate
        self._visitor, self._cookies = visitor, dict(cookies)
        self._receive, self._send = receive, send
        self._waiting: asyncio.Task[Message] | None = None
        self._verified = time.monotonic()
        self._closed = False
        self._misplaced = False  # nobody was known, and the page of the office waits for that

    async def send(self, message: Message) -> None:
        """Pass on what the script says; nothing after the end."""
        if not self._closed:
            await self._send(message)

    async def receive(self) -> Message:
        """The next message that may be passed on, or the end."""
        while not self._closed:
            message = await self._next()
            if message is not None and message["type"] != "websocket.receive":
                return message
            code = await self._judge(message)
            if code:
                await self._close(code)
            elif message is not None and await self._wanted(message):
                return message
        return {"type": "websocket.disconnect", "code": ENDED}

    async def leave(self) -> None:
        """Give back the task that waits for the browser."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)

    async def _next(self) -> Message | None:
        """A message, or None where it is time to look at the session again."""
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(self._receive())
        waker = asyncio.ensure_future(self.wake.wait())
        try:
            await asyncio.wait({self._waiting, waker}, timeout=CHECK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waker.cancel()
        self.wake.clear()
        if not self._waiting.done():
            return None
        done, self._waiting = self._waiting, None
        return done.result()

    async def _judge(self, message: Message | None) -> int:
        """0, or the code to close with."""
        then = self._visitor
        found = await self._recognition.found(self._cookies, then.address)
        now = found.visitor
        if now.away:
            return TRY_LATER if time.monotonic() - self._verified > AWAY_FOR_S else 0
        self._verified = time.monotonic()
        if then.who is not None:
            return 0 if now.who == then.who and now.session_id == then.session_id else ENDED
        if not now.may_check_in or not found.set_up or self._misplaced:
            return ENDED  # a misplaced page comes back as who it is
        if message is None:
            return 0
        if len(message.get("bytes") or b"") > KIOSK_MESSAGE:
            return TOO_BIG
        return TRY_LATER if self._rate.wait_s(then.device) else 0

    async def _wanted(self, message: Message) -> bool:
        """Whether the script is to hear this message; one that is none ends the connection."""
        data = message.get("bytes")  # a text message has none; pages send bytes alone
        kind, activity = (UNREADABLE, False) if data is None else message_kind(data)
        if data is None or kind == UNREADABLE:
            await self._close(NOT_OURS)
            return False
        if kind not in (ASKED_BY_PAGES if self._visitor.who else ASKED_BY_KIOSKS):
            log.info("message_dropped", kind=kind)
            return False
        if self._visitor.who is None and (page := page_asked(data, self._office)):
            await self._lead_to_sign_in(page)
            return False
        if activity and self._visitor.session_id:
            with suppress(StoreError):  # away: it was let pass for a while, and ends by itself
                await self._recognition.touch(self._visitor.session_id)
        return True

    async def _lead_to_sign_in(self, page: str) -> None:
        if self._visitor.away:
            self._misplaced = True  # perhaps it is still an operator's: that is seen when the database is back
        else:
            address = f"/in/sign-in?ended=1&next={quote(f'/{page}', safe='')}"
            await self._send({"type": "websocket.send", "bytes": leave_for(address)})

    async def _close(self, code: int) -> None:
        self._closed = True
        await self._send({"type": "websocket.close", "code": code})
