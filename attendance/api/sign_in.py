"""Sign in, sign out, and who is signed in."""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from attendance.api import html, oidc, streamlit_private
from attendance.api.cookies import SESSION, Cookies
from attendance.api.forms import form, in_turn, let_in, own_page, secure
from attendance.api.limits import Buckets, Delays
from attendance.api.requests import same_origin
from attendance.api.running import running
from attendance.api.visitor import visitor_of
from attendance.errors import StoreError

if TYPE_CHECKING:
    from starlette.requests import Request

SIGN_IN = "/in/sign-in"
# Tries of everybody together: 20 at once, then one each two seconds. Those with delays of their own don't count here, so one
# address alone cannot shut the others out for long.
GLOBAL_RATE, GLOBAL_BURST = 0.5, 20

_NOTES = {
    "ended": "You were signed out. Sign in to go on.",
    "out": "Signed out.",
}
_AWAY = "Nobody can sign in until it is back. The check-in goes on by itself as soon as it can."


class SignIn:
    """The page and its limits, which are counted in this process."""

    def __init__(self) -> None:
        self._delays = Delays()
        self._all = Buckets(GLOBAL_RATE, GLOBAL_BURST)

    async def show(self, request: Request) -> Response:
        """The page with the form; whoever is signed in goes on."""
        visitor, onward = visitor_of(request), own_page(request.query_params.get("next"))
        if visitor.who is not None:
            return RedirectResponse(onward, 303, {"Cache-Control": "no-store"})
        if visitor.away:
            return html.away(_AWAY)
        note = next((words for name, words in _NOTES.items() if name in request.query_params), "")
        return _page(onward, note=note)

    async def enter(self, request: Request) -> Response:
        """Check the password and begin a session."""
        fields = await form(request)
        if isinstance(fields, Response):
            return fields
        onward, key = own_page(fields.get("next")), network(visitor_of(request).address)
        wait_s = math.ceil(self._delays.begin(key) or self._all.wait_s("all"))
        if wait_s:
            told = f'Too many tries. Try again in <span data-wait="{wait_s}">{wait_s}</span> s.'
            return _page(onward, error=told, status=429, headers={"Retry-After": str(wait_s)})
        try:
            sid = await in_turn(lambda: running().accounts.sign_in(fields.get("password", "")))
            if sid is None:
                return _page(onward, error="That password isn't right.", status=401)
            self._delays.succeeded(key)
            return await let_in(request, sid, onward)
        except StoreError:
            return html.away(_AWAY)


async def sign_out(request: Request) -> Response:
    """End the session everywhere, at once. A form is led on; a script is told where to go.

    While the database is away the session cannot be ended, but this browser forgets it, and so do its other tabs.
    """
    if not same_origin(request.headers):
        return html.message("That can't be accepted", "Sign out from a page of this address.", status=403)
    by_form = "text/html" in request.headers.get("accept", "")
    response: Response
    try:
        await _end(request)
    except StoreError:
        text = "This browser is signed out. Its session ends by itself after a pause."
        response = html.away(text, onward=SIGN_IN, words="Sign in") if by_form else JSONResponse({"next": SIGN_IN}, 503)
    else:
        # Who came through the site's own provider has Streamlit's cookie too, and only that address takes it away.
        provider = streamlit_private.oidc_configured() and streamlit_private.USER_COOKIE in request.cookies
        onward = oidc.LOGOUT if provider else f"{SIGN_IN}?out"
        response = RedirectResponse(onward, 303) if by_form else JSONResponse({"next": onward})
    response.headers["Cache-Control"] = "no-store"
    response.headers.append("set-cookie", Cookies.drop_header(SESSION, secure=secure(request)))
    return response


async def _end(request: Request) -> None:
    here = running()
    cookies, accounts = await here.ask(lambda: (here.cookies, here.accounts))
    sid = cookies.read(request.cookies, SESSION)
    if sid is not None:
        await here.ask(lambda: accounts.end(sid))


async def who_am_i(request: Request) -> Response:
    """200 with ``who``, 401 where nobody is signed in, 503 where that cannot be known. Asking is no activity."""
    visitor = visitor_of(request)
    if visitor.who is not None:
        return JSONResponse({"who": visitor.who}, headers={"Cache-Control": "no-store"})
    return JSONResponse({"who": None}, 503 if visitor.away else 401, {"Cache-Control": "no-store"})


def network(address: str) -> str:
    """What is held back together: an IPv4 address, or the 64 bits of an IPv6 address that one household or office has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def routes() -> list[Route]:
    """The routes, with limits of their own."""
    door = SignIn()
    return [
        Route(SIGN_IN, door.show, methods=["GET"]),
        Route(SIGN_IN, door.enter, methods=["POST"]),
        Route("/in/sign-out", sign_out, methods=["POST"]),
        Route("/in/whoami", who_am_i, methods=["GET"]),
    ]


def _page(
    onward: str, *, note: str = "", error: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    said = f'<p class="note" role="status">{note}</p>' if note else ""
    field = html.password_field("current-password", error=error)
    form_ = (
        f'<form method="post" action="{SIGN_IN}"><input type="hidden" name="next" value="{onward}">{field}'
        '<button class="button">Sign in</button></form>'
    )
    provider = ""
    if streamlit_private.oidc_configured() and running().settings.operators:  # else nobody could come in that way
        provider = f'<p class="or">or</p><a class="button second" href="{oidc.PATH}">Sign in with your organisation</a>'
    content = f"<h1>Sign in</h1>{said}{form_}{provider}{html.link('/', 'Back to check-in')}"
    return html.page("Sign in", content, status=status, headers=headers)
