"""The page behind the one-time link: the operator's password is set there, the first time and whenever it is lost."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from attendance.api import html
from attendance.api.forms import form, in_turn, let_in
from attendance.api.running import running
from attendance.errors import AccountError, StoreError
from attendance.services.accounts import OPERATOR
from attendance.services.passwords import MIN_LENGTH

if TYPE_CHECKING:
    from starlette.requests import Request

SET_UP = "/in/setup"
_HINT = f"At least {MIN_LENGTH} characters, such as four unrelated words."


async def show(request: Request) -> Response:
    """The form, where the link can still be used. Looking does not use it up."""
    token, here = request.query_params.get("token", ""), running()
    try:
        if not await here.ask(lambda: here.accounts.link_fits(token)):
            return _refused()
        return _page(token, first=not await here.ask(here.accounts.has_password))
    except StoreError:
        return html.away("The link stays good. Try again in a moment.")


async def store(request: Request) -> Response:
    """Store the password, sign out everybody, and sign in here."""
    fields = await form(request)
    if isinstance(fields, Response):
        return fields
    token, here = request.query_params.get("token", ""), running()
    try:
        first = not await here.ask(here.accounts.has_password)
        await in_turn(lambda: here.accounts.set_password(token, fields.get("password", "")))
        sid = await here.ask(lambda: here.accounts.start(OPERATOR))
        return await let_in(request, sid)
    except AccountError as error:
        return _refused() if error.reason == "link" else _page(token, first=first, error=str(error), status=422)
    except StoreError:
        return html.away(
            "It is not certain that the password was stored. Open the link again: if it was used, sign in with it."
        )


def routes() -> list[Route]:
    """The routes."""
    return [Route(SET_UP, show, methods=["GET"]), Route(SET_UP, store, methods=["POST"])]


def _page(token: str, *, first: bool, error: str = "", status: int = 200) -> Response:
    title = "Set the operator's password" if first else "Set a new password"
    text = (
        "With it you open the office: people, records and settings. Everybody else sees the check-in only."
        if first
        else "The old one ends with it, and everybody who is signed in is signed out."
    )
    field = html.password_field("new-password", hint=_HINT, error=escape(error), least=MIN_LENGTH, label="New password")
    # The token stays in the address: whatever this page is answered with, the browser can ask for it again.
    action = f"{SET_UP}?{urlencode({'token': token})}"
    return html.page(
        title,
        f'<h1>{title}</h1><p>{text}</p><form method="post" action="{escape(action)}">{field}'
        '<button class="button">Set the password</button></form>',
        status=status,
    )


def _refused() -> Response:
    return html.message(
        "This link can't be used",
        "Each link works once and for a day, and a newer one ends it. Where the app is installed, this prints another:",
        status=404,
        more="<code>python -m attendance operator link</code>" + html.link("/in/sign-in", "Sign in"),
    )
