"""What every route of ours checks and answers: origin, body and refusals."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

STYLE = "/in/style.css"
SENDING_S = 5.0  # whatever is sent here fits a frame or a form, and arrives in less on any line that could show a camera


class BodyTooLong(Exception):  # noqa: N818 - not an error of the program: what a client sent
    """A body is longer than the route takes."""


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a page of ours sent this. Browsers always name the origin of a websocket and of a POST; a missing one,
    ``null`` and any other host count as foreign.
    """
    _, _, origin = headers.get("origin", "").partition("://")
    host = headers.get("host", "")
    return bool(host) and origin.lower() == host.lower() and headers.get("sec-fetch-site", "same-origin") == "same-origin"


async def body(request: Request, most: int) -> bytes:
    """The request's body, at most ``most`` bytes long; a stated length is judged before anything is read.

    Raises:
        BodyTooLong: it is longer, or states a length that is no number.
        TimeoutError: it took longer than ``SENDING_S`` to arrive.
        ClientDisconnect: the client left before it was complete.
    """
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > most:
        raise BodyTooLong
    data = bytearray()
    async with asyncio.timeout(SENDING_S):
        async for chunk in request.stream():
            data += chunk
            if len(data) > most:
                raise BodyTooLong
    return bytes(data)


def refuse(status: int, state: str, headline: str, help: str, retry_s: float | None = None, **more: Any) -> JSONResponse:  # noqa: A002 - the protocol's word
    """A refusal that the kiosk can show.

    Args:
        status: of HTTP.
        state: one word for the program.
        headline: what the person reads first.
        help: one line on what to do.
        retry_s: when to ask again, seconds; also sent as ``Retry-After``.
        more: further fields of the answer, such as ``code``.
    """
    content = {"state": state, "headline": headline, "help": help, "retry_s": retry_s, **more}
    return JSONResponse(content, status, _retry(retry_s))


def _retry(seconds: float | None) -> dict[str, str] | None:
    return {"Retry-After": str(math.ceil(seconds))} if seconds else None
