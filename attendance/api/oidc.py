"""Sign-in through the site's own provider: what ``st.login`` got from it becomes a session of ours, once.

So that there is one kind of session, with one way to end. Streamlit's cookie alone opens nothing.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from attendance.api import streamlit_private
from attendance.api.forms import let_in, secure
from attendance.api.html import link, message
from attendance.api.running import running
from attendance.errors import ConflictError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

    from attendance.api.running import Running

PATH = "/in/oidc"
LOGOUT = "/auth/logout"
SIGN_IN = "/in/sign-in"
DONE = "attend_oidc"  # says which of the provider's answers was exchanged already, so that a browser is sent here once
USED = "oidc"  # kind of the entries that remember the same for the server
log = structlog.get_logger(__name__)


def has_arrived(conn: HTTPConnection) -> bool:
    """Whether this browser comes back from the provider with something that was not exchanged yet."""
    came = conn.cookies.get(streamlit_private.USER_COOKIE)
    return came is not None and streamlit_private.oidc_configured() and conn.cookies.get(DONE) != _mark(came)


async def exchange(request: Request) -> Response:
    """A session for who comes back from the provider; whoever does not is sent there."""
    if not streamlit_private.oidc_configured():
        return message("There is no such page", "No provider is set up here.", status=404, more=link(SIGN_IN, "Sign in"))
    if not has_arrived(request):
        return RedirectResponse(streamlit_private.oidc_login_path(), 303)
    server = running()
    user = streamlit_private.oidc_user(request.cookies)
    sid = await server.ask(lambda: _session(server, user))
    if sid is None:
        text = "The provider let you in, but this account may not sign in here. Ask whoever looks after Attend."
        onward = link(LOGOUT, "Sign in with another account")
        answer: Response = message("This account may not sign in", text, status=403, more=onward)
    else:
        answer = await let_in(request, sid)
    came = _mark(request.cookies[streamlit_private.USER_COOKIE])
    answer.set_cookie(DONE, came, httponly=True, samesite="lax", secure=secure(request))
    return answer


def may_sign_in(user: dict[str, Any], operators: str, now_s: float) -> bool:
    """Whether the provider vouches, now, for an address that is on the list.

    Args:
        user: the claims of the provider's token.
        operators: addresses, separated by commas.
        now_s: seconds since 1970.
    """
    listed = {address.strip().casefold() for address in operators.split(",")} - {""}
    expires, email = user.get("exp"), user.get("email")
    return (
        user.get("is_logged_in") is True
        and isinstance(expires, int | float)
        and expires > now_s
        and user.get("email_verified", True) is True
        and isinstance(email, str)
        and email.casefold() in listed
    )


def _session(server: Running, user: dict[str, Any]) -> str | None:
    if not may_sign_in(user, server.settings.operators, time.time()):
        log.warning("oidc_refused", email=user.get("email"))
        return None
    # One token, one session: after its end, the same token, which st.login keeps for 30 days, opens nothing.
    token = hashlib.sha256(repr(sorted(user.items(), key=str)).encode()).hexdigest()
    try:
        server.store.keep(USED, token, {}, version=0, expires_at=datetime.fromtimestamp(float(user["exp"]), UTC))
    except ConflictError:
        return None
    return server.accounts.start(str(user["email"]).casefold())


def _mark(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]


def routes() -> list[Route]:
    """The routes of this room."""
    return [Route(PATH, exchange, methods=["GET"])]
