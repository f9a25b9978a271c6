"""Files that pages send: operators up to the server's limit, and one camera picture at a time from a kiosk's snapshot mode.

Streamlit takes files for any open page, whether or not it has a place for them, and keeps them in memory until the page is
closed. So a kiosk's uploads are small, seldom and soon over, and only the newest few of a page are kept.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse

from attendance.api import streamlit_private
from attendance.api.doors import UPLOAD
from attendance.api.limits import Buckets
from attendance.api.requests import same_origin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from attendance.api.visitor import Visitor

SNAPSHOT_BYTES = 2_000_000  # st.camera_input at 1280x720 sends 100 to 600 kB of JPEG, in a multipart envelope
SENDING_S = 20.0  # a snapshot of 600 kB on a line of 0.25 Mbit/s; a body that never ends would hold its memory for ever
KEPT = 2  # the picture that is shown and the one before


class Uploads:
    """Stands before Streamlit's upload route.

    Args:
        app: Streamlit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._rate = Buckets(rate=0.5, burst=4)  # pictures of one screen

    async def serve(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        """Take one file, or say why not. The token that belongs to the page is checked by Streamlit's route."""
        headers = Headers(scope=scope)
        refusal = None
        if scope["method"] not in {"PUT", "DELETE"}:
            refusal = PlainTextResponse("Method not allowed", 405, {"Allow": "PUT, DELETE"})
        elif not same_origin(headers):
            refusal = PlainTextResponse("Wrong origin", 403)
        elif visitor.who is None and scope["method"] == "PUT":
            refusal = self._snapshot(headers, visitor)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        try:
            async with asyncio.timeout(SENDING_S if visitor.who is None else None):
                await self._app(scope, receive, send)
        except TimeoutError:
            await PlainTextResponse("Too slow", 408, {"Connection": "close"})(scope, receive, send)
        except ClientDisconnect:
            return  # the page was closed meanwhile: nobody hears it, and it is no fault of ours
        if visitor.who is None:
            streamlit_private.keep_newest_files(scope["path"].removeprefix(UPLOAD).partition("/")[0], KEPT)

    def _snapshot(self, headers: Headers, visitor: Visitor) -> PlainTextResponse | None:
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return PlainTextResponse("Length required", 411)
        if int(length) > SNAPSHOT_BYTES:
            return PlainTextResponse("Too long", 413)
        wait = self._rate.wait_s(visitor.device)
        return PlainTextResponse("Too many", 429, {"Retry-After": str(int(wait) + 1)}) if wait else None
