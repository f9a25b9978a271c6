"""The page of a screen that is not paired: its code, and on to the check-in as soon as an operator has typed it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from attendance.api import html
from attendance.api.cookies import DEVICE
from attendance.api.running import running
from attendance.api.sign_in import network
from attendance.api.visitor import visitor_of
from attendance.errors import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from starlette.requests import Request

    from attendance.api.visitor import Visitor

PAIR = "/in/pair"
REFRESH_S = 5


async def show(request: Request) -> Response:
    """The code; whoever need not be paired goes on to the check-in."""
    visitor = visitor_of(request)
    if _may_go_on(visitor):
        return _onward("/")
    try:
        code = await _code(request, visitor)
    except StoreError:
        return _wall("Check-in is paused", "This screen goes on by itself. Please sign in at the desk.", status=503)
    if code is not None:
        return _wall("This screen is not paired", "An operator can pair it under Status with this code.", code=code)
    if "again" not in request.query_params:  # the cookie went out with this answer: see whether it comes back
        return _onward(f"{PAIR}?again")
    return _wall("This browser keeps no cookies", "Allow them for this address: a paired screen is known by one.")


async def state(request: Request) -> Response:
    """Whether this screen is paired by now, and the code that it is to show: JSON, for the page's script."""
    visitor = visitor_of(request)
    code, status = None, 200
    if not _may_go_on(visitor):
        try:
            code = await _code(request, visitor)
        except StoreError:
            status = 503
    return JSONResponse({"paired": _may_go_on(visitor), "code": code}, status, {"Cache-Control": "no-store"})


def routes() -> list[Route]:
    """The routes."""
    return [Route(PAIR, show, methods=["GET"]), Route(f"{PAIR}/state", state, methods=["GET"])]


def _may_go_on(visitor: Visitor) -> bool:
    """An operator may check in from here as well, but comes to this page for the code."""
    return visitor.paired or (visitor.may_check_in and visitor.who is None)


async def _code(request: Request, visitor: Visitor) -> str | None:
    """None where the browser did not bring its cookie: a code is of use only to one that will be known again.

    Raises:
        StoreUnavailableError: nothing is known of this one.
    """
    if visitor.away:
        raise StoreUnavailableError("The database is away.", reason="unreachable")
    here = running()
    cookies, devices = await here.ask(lambda: (here.cookies, here.devices))
    if cookies.read(request.cookies, DEVICE) != visitor.device:
        return None
    return await here.ask(lambda: devices.code_for(visitor.device, source=network(visitor.address)))


def _onward(path: str) -> Response:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})


def _wall(title: str, help: str, *, code: str = "", status: int = 200) -> Response:  # noqa: A002 - the word of the design
    icon = html.sign(html.KEY if status == 200 else html.PAUSE)
    shown = "".join(f"<span>{escape(part)}</span> " for part in code.split(" ")) if code else ""
    return html.page(
        title,
        f'<div class="message" data-pairing="{escape(code)}">{icon}<h1>{escape(title)}</h1>'
        f'{f"<p class=code>{shown}</p>" if code else ""}<p class="help">{escape(help)}</p></div>'
        '<div class="foot"><a href="/in/sign-in">Office sign-in</a></div>',
        status=status,
        wall=True,
        refresh_s=REFRESH_S,
    )
