"""The server: Streamlit with the guard around it, our routes beside it, and what happens at its start and end."""

from __future__ import annotations

import sys
import threading
import webbrowser
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
import structlog
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from attendance import logs
from attendance.api import health, html, kiosk, oidc, pairing, set_up, sign_in, streamlit_private
from attendance.api.doors import is_local, place_of
from attendance.api.guard import Guard, away
from attendance.api.running import reset, running
from attendance.errors import AttendanceError, StoreError
from attendance.ui import ahead
from attendance.ui.app import OFFICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from attendance.api.doors import Place
    from attendance.api.running import Running

SCRIPT = Path(__file__).with_name("main.py")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
log = structlog.get_logger(__name__)


def create_app() -> st.App:
    """The whole app, for any ASGI server.

    Raises:
        SettingsError: a setting cannot be used.
    """
    return st.App(SCRIPT, **parts())


def parts() -> dict[str, Any]:
    """What makes Streamlit's app ours: lifespan, routes and the guard.

    Raises:
        SettingsError: a setting cannot be used.
    """
    logs.configure()
    guard = Middleware(Guard, place=_place(running()), office=OFFICE)
    return {
        "lifespan": lifespan,
        "middleware": [guard],
        "routes": routes(),
        "exception_handlers": {StoreError: away},
        "on_script_error": _script_failed,
    }


def routes() -> list[Route]:
    """Every route of ours; behind them a plain 404, for Streamlit would answer with its page."""
    rooms = [health, html, sign_in, set_up, oidc, pairing, kiosk]
    nowhere = [Route(f"/{start}/{{rest:path}}", _nowhere, methods=METHODS) for start in ("api", "in")]
    return [*(route for room in rooms for route in room.routes()), *nowhere]


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Bring the application up beside the server; at the end, finish what is at work and give everything back."""
    streamlit_private.send_at_once()
    server = running()
    server.start()
    threading.Thread(target=_welcome, args=[server], name="attend-welcome", daemon=True).start()
    threading.Thread(target=ahead.bring_in, args=[server], name="attend-ahead", daemon=True).start()
    yield None
    log.info("app_stopping")
    reset()  # uvicorn has answered by now whatever was in flight


def _welcome(server: Running) -> None:
    """Say where the app is, with the one-time link while there is no password, and open it where somebody can see it."""
    base = server.settings.public_url.rstrip("/") or f"http://localhost:{streamlit_private.port()}"
    while not server.stopped.is_set():
        try:
            server.accounts.note_address(base)
            if server.accounts.has_password():
                url = f"{base}/"
                _say(f"Attend is ready at {url}")
            else:
                url = f"{base}/in/setup?token={server.accounts.new_link()}"
                _say(f"Set the operator's password first. This link works once, for 24 hours:\n  {url}")
        except AttendanceError:
            server.stopped.wait(2)
        else:
            if server.settings.open_browser and sys.stdout.isatty() and streamlit_private.has_desktop():
                webbrowser.open(url)
            return


def _say(text: str) -> None:
    sys.stdout.write(f"\n  {text}\n\n")
    sys.stdout.flush()


def _place(server: Running) -> Place:
    settings = server.settings
    place = place_of(
        address=streamlit_private.address(),
        public_url=settings.public_url,
        allowed_hosts=streamlit_private.allowed_hosts(),
        access=settings.kiosk_access,
    )
    if not place.hosts and not is_local(streamlit_private.address()):
        log.warning("any_host_name", advice="set ATTEND_PUBLIC_URL to the address that people open")
    return place


def _script_failed(error: Exception) -> bool:
    """A fault of a page: the log has all of it, the visitor a sentence."""
    log.error("page_failed", exc_info=error)
    st.error("This page has a fault, which is in the server's log. Nothing was recorded that is not shown in Records.")
    return True  # so that Streamlit shows nothing of its own


async def _nowhere(_: Request) -> Response:
    return PlainTextResponse("Not found", 404)
