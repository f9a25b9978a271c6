"""The first gate, around everything the server answers: who comes, whether they may pass, and the headers of each answer.

It wraps Streamlit's own routes, static files and websocket as well as ours. Which path is whose stands in ``doors.py``; what
is not listed there is not found. The second gate, for pages that are open already, is ``sockets.py``.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from attendance.api import oidc, streamlit_private, uploads
from attendance.api.cookies import DEVICE, DEVICE_S
from attendance.api.doors import SOCKET, Door, door_of
from attendance.api.headers import HSTS, security_headers
from attendance.api.html import APP_STYLE, fresh, link, message
from attendance.api.limits import Buckets
from attendance.api.recognition import Recognition
from attendance.api.requests import refuse, same_origin
from attendance.api.running import running
from attendance.api.sockets import Sockets
from attendance.api.sockets import refuse as refuse_socket
from attendance.api.visitor import KEY

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from attendance.api.doors import Place
    from attendance.api.recognition import Found
    from attendance.api.visitor import Visitor

# Tells the pages who came, through st.user. Only the guard may set these; Streamlit lets a page go on where it was only for
# the same values, so one visitor can never take over the page of another, whatever id of it they know.
TRUSTED = {"X-App-Who": "who", "X-App-Sid": "sid", "X-App-Device": "device", "X-App-Role": "role"}
log = structlog.get_logger(__name__)
_OURS = re.compile(rb"x[-_]app[-_]", re.IGNORECASE)  # servers in between may turn _ into -
DOCUMENTS = {Door.KIOSK_PAGE, Door.OFFICE_PAGE}
GIVES_DEVICE = {Door.KIOSK_PAGE, Door.KIOSK, Door.SIGN_IN}
AWAY_RETRY_S = 5
MOST_HEADERS = 32 * 1024  # bytes of all names and values; cookies of ours and of a provider take at most half of it


class Guard:
    """The outermost middleware.

    Args:
        app: what is guarded.
        place: where the server stands.
        office: names of the office's pages, such as ``records``.
    """

    def __init__(self, app: ASGIApp, *, place: Place, office: Collection[str]) -> None:
        self._app = app
        self._place = place
        self._office = frozenset(office)
        self._recognition = Recognition(place)
        self._sockets = Sockets(app, self._recognition, self._office)
        self._uploads = uploads.Uploads(app)
        self._new_devices = Buckets(rate=1, burst=60)  # for each address
        self._headers = security_headers(streamlit_private.inline_scripts())
        style = fresh(APP_STYLE)
        self._page, self._operators_page = (streamlit_private.page(style, operator=operator) for operator in (False, True))
        self._files = streamlit_private.static_files()
        streamlit_private.trust_headers(TRUSTED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request, or one websocket, pass or not."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        scope = {**scope, "headers": [pair for pair in scope["headers"] if not _OURS.match(pair[0])]}
        conn = HTTPConnection(scope)
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, conn)
        else:
            await self._http(scope, receive, send, conn)

    # Requests ---------------------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send, conn: HTTPConnection) -> None:
        door = door_of(scope["path"], self._office)
        found: Found | None = None
        cookie: str | None = None
        answer = self._answer_to_all(scope, conn, door)
        if answer is None and door not in {Door.STATIC, Door.HEALTH}:
            found = await self._recognition.found(conn.cookies, _address(scope))
            scope[KEY] = found.visitor
            answer = self._answer(scope, conn, door, found)
            if found.new_device and door in GIVES_DEVICE and not self._new_devices.wait_s(found.visitor.address):
                jar, secure = running().cookies, scope["scheme"] == "https"  # read by now, to see that none came
                cookie = jar.header(DEVICE, found.visitor.device, max_age_s=DEVICE_S, secure=secure)
        out = partial(self._send, send, scope, found, cookie)
        if answer is None and door in DOCUMENTS:
            is_operator = found is not None and found.visitor.who is not None
            answer = HTMLResponse(self._operators_page if is_operator else self._page)
        if answer is not None:
            await answer(scope, receive, out)
        elif door is Door.UPLOAD and found is not None:
            await self._uploads.serve(scope, receive, out, found.visitor)
        else:
            await self._serve(scope, receive, out, conn)
        if door in {Door.SIGN_IN, Door.SETUP, Door.OIDC} and scope["method"] != "GET":
            self._sockets.recheck()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, conn: HTTPConnection) -> None:
        """The app's own answer; a fault of it becomes one that carries our headers and says nothing of the inside."""
        began = False

        async def note(event: Message) -> None:
            nonlocal began
            began = True
            await send(event)

        try:
            await self._app(scope, receive, note)
        except Exception:  # whatever it was, the log has it
            log.exception("request_failed", path=scope["path"])
            if began:
                raise
            text = "It is in the server's log. Try again, or ask whoever looks after Attend."
            failed = message("Something went wrong here", text, status=500)
            await (failed if _wants_page(conn) else PlainTextResponse("Server error", 500))(scope, receive, send)

    def _answer_to_all(self, scope: Scope, conn: HTTPConnection, door: Door) -> Response | None:
        """What needs no knowledge of the visitor; None: go on."""
        if _length(scope) > MOST_HEADERS:
            return PlainTextResponse("The headers are too large.", 431)
        host = conn.headers.get("host")
        if door is not Door.HEALTH and not (self._place.answers_to(host) and streamlit_private.host_allowed(host)):
            return PlainTextResponse("This server is known by another name.", 421)
        if door is Door.NOWHERE or (door is Door.OIDC and not streamlit_private.oidc_configured()):
            return self._nowhere(conn)
        if scope["path"].startswith("/static/") and scope["path"] not in self._files:
            return self._nowhere(conn)
        readable = DOCUMENTS | {Door.STATIC, Door.HEALTH, Door.OFFICE}
        if door in readable and scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method not allowed", 405, {"Allow": "GET, HEAD"})
        return None

    def _answer(self, scope: Scope, conn: HTTPConnection, door: Door, found: Found) -> Response | None:
        """The refusal, or None: let it pass."""
        visitor = found.visitor
        if door is Door.SETUP:
            return None
        if found.set_up is False:
            return _not_set_up(door)
        if visitor.away:  # the routes of the kiosk and of the sign-in say so in their own words
            return None if door in {Door.KIOSK_PAGE, Door.KIOSK, Door.SIGN_IN} else away(conn)
        if visitor.who is None and door in DOCUMENTS and oidc.has_arrived(conn):
            return RedirectResponse(oidc.PATH, 303)
        return _led_elsewhere(scope["path"], door, found)

    @staticmethod
    def _nowhere(conn: HTTPConnection) -> Response:
        if not _wants_page(conn):
            return PlainTextResponse("Not found", 404)
        onward = link("/", "Go to check-in")
        return message("There is no such page", "The address may be mistyped.", status=404, more=onward)

    async def _send(self, send: Send, scope: Scope, found: Found | None, cookie: str | None, event: Message) -> None:
        if event["type"] == "http.response.start":
            headers = MutableHeaders(scope=event)
            for name, value in self._headers.items():
                headers[name] = value
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = HSTS
            if cookie is not None:
                headers.append("Set-Cookie", cookie)
            if found is not None:
                headers["Cache-Control"] = "no-store"  # what one visitor may see is not for the next one at this browser
        await send(event)

    # Websockets -------------------------------------------------------------------------------------------------------

    async def _socket(self, scope: Scope, receive: Receive, send: Send, conn: HTTPConnection) -> None:
        host = conn.headers.get("host")
        if (
            scope["path"] != SOCKET
            or _length(scope) > MOST_HEADERS
            or not same_origin(conn.headers)
            or not self._place.answers_to(host)
        ):
            await refuse_socket(receive, send)
            return
        found = await self._recognition.found(conn.cookies, _address(scope))
        visitor = found.visitor
        # A browser that has loaded the page has been given a device's id; without one no limit would hold.
        nobody = visitor.who is None and found.new_device
        if found.set_up is False or nobody or not (visitor.may_check_in or visitor.away):
            await refuse_socket(receive, send)
            return
        scope[KEY] = visitor
        scope["headers"] += _introduction(visitor)
        await self._sockets.serve(scope, receive, send, visitor, conn.cookies)


def away(conn: HTTPConnection, _: Exception | None = None) -> Response:
    """What is said where the database is needed and cannot be asked; also the answer to a StoreError of any route."""
    if not _wants_page(conn):
        return refuse(503, "away", "The database is away", "Try again in a moment.", AWAY_RETRY_S)
    return _again(message("The database is away", "This page tries again by itself.", status=503, retry_s=AWAY_RETRY_S))


def _led_elsewhere(path: str, door: Door, found: Found) -> Response | None:
    """Where somebody goes who may not pass this door; None: they may."""
    visitor = found.visitor
    if door is Door.OFFICE_PAGE and visitor.who is None:
        ended = "&ended" if found.ended else ""
        return RedirectResponse(f"/in/sign-in?next={quote(path.rstrip('/'), safe='/')}{ended}", 303)
    if door is Door.KIOSK_PAGE and not visitor.may_check_in:
        return RedirectResponse("/in/pair", 303)
    if visitor.who is None and (
        door is Door.OFFICE or (door is Door.UPLOAD and (found.new_device or not visitor.may_check_in))
    ):
        return PlainTextResponse("Sign in first.", 401)
    return None


def _introduction(visitor: Visitor) -> list[tuple[bytes, bytes]]:
    """The headers that tell the pages who came, percent-encoded: names are not always ASCII."""
    identity = visitor.session_id or visitor.device
    role = "operator" if visitor.who else "paired" if visitor.paired else "open" if visitor.may_check_in else "none"
    values = {
        "x-app-who": quote(visitor.who or "", safe="@"),
        "x-app-sid": hashlib.sha256(f"page of {identity}".encode()).hexdigest()[:32],
        "x-app-device": quote(visitor.device),
        "x-app-role": role,
    }
    return [(name.encode(), value.encode()) for name, value in values.items() if value]


def _not_set_up(door: Door) -> Response:
    headline, text = "Attend is not set up yet", "Open the link that the terminal shows, to set the operator's password."
    if door is Door.KIOSK:
        return refuse(503, "not-set-up", headline, text, AWAY_RETRY_S)
    return _again(message(headline, text, status=503, retry_s=AWAY_RETRY_S))


def _again(answer: Response) -> Response:
    """The same, asked for again by the browser itself."""
    answer.headers["Refresh"] = str(AWAY_RETRY_S)
    return answer


def _wants_page(conn: HTTPConnection) -> bool:
    return "text/html" in conn.headers.get("accept", "")


def _length(scope: Scope) -> int:
    """Bytes of all headers, and of the address."""
    return sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope["path"]) + len(scope["query_string"])


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
