"""What the plain forms send, and what every page with a password shares: few slow checks at a time, and the way in."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from attendance.api import html
from attendance.api.cookies import SESSION
from attendance.api.requests import BodyTooLong, body, same_origin
from attendance.api.running import running

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

P = ParamSpec("P")
T = TypeVar("T")

OFFICE = "/records"  # where operators go on, where they asked for no page
MOST_BYTES = 8 * 1024  # of a form: 256 characters take at most 3,072 bytes as they are sent, a link's token 43
FORM = "application/x-www-form-urlencoded"

# One check takes 64 MiB and 0.15 s of four threads: two at a time leave the rest of the machine to the people at the door.
_checks = ThreadPoolExecutor(2, "attend-password")


async def in_turn(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what hashes a password in one of two threads, after those that came before."""
    return await asyncio.get_running_loop().run_in_executor(_checks, lambda: fn(*args, **kwargs))


async def form(request: Request) -> dict[str, str] | Response:
    """The fields of a form that one of our own pages sent, or the refusal."""
    if not same_origin(request.headers):
        text = "The form was not sent by a page of this address. Open the page again and repeat."
        return html.message("That can't be accepted", text, status=403, more=html.link(request.url.path, "Open the page"))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return html.message("That can't be accepted", "This page takes a form and nothing else.", status=415)
    try:
        data = await body(request, MOST_BYTES)
    except BodyTooLong:
        return html.message("That can't be accepted", "The form is longer than any that this page has.", status=413)
    except TimeoutError:
        return html.message("That took too long", "The form did not arrive. Open the page again and repeat.", status=408)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody hears it
    return dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))


def own_page(path: str | None) -> str:
    """A page of this app to go on to; anything that is not plainly one becomes the office's first page."""
    return path if path and re.fullmatch(r"/[a-z][a-z0-9-]*", path) else OFFICE


async def let_in(request: Request, sid: str, onward: str = OFFICE) -> Response:
    """Go on with a session that has just begun; the one that this browser had before ends.

    Raises:
        StoreError: the database is away; the session's cookie was not given.
    """
    here = running()
    cookies = await here.ask(lambda: here.cookies)
    before = cookies.read(request.cookies, SESSION)
    if before is not None:
        await here.ask(lambda: here.accounts.end(before))
    response = RedirectResponse(onward, 303, {"Cache-Control": "no-store"})
    lasts = here.accounts.longest.total_seconds()
    response.headers.append("set-cookie", cookies.header(SESSION, sid, max_age_s=lasts, secure=secure(request)))
    return response


def secure(request: Request) -> bool:
    """Whether this visitor came by https, through a proxy or not."""
    return request.url.scheme == "https"
