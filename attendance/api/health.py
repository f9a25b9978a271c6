"""For whoever watches the server: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from attendance.api.running import running
from attendance.errors import StoreError

if TYPE_CHECKING:
    from starlette.requests import Request


async def healthz(_: Request) -> Response:
    """The process answers; says nothing of what it needs."""
    return PlainTextResponse("ok")


async def readyz(_: Request) -> Response:
    """The store answers and takes what is written, and the models are loaded; else 503 with a word for what is not there.

    A password need not be set: a proxy or an orchestrator has to let the operator through to the page that sets it.
    """
    server = running()
    try:
        await server.ask(_store_answers)
        server.writes.require()
    except StoreError:
        return PlainTextResponse("database", 503)
    if server.state != "ready":
        return PlainTextResponse("starting" if server.state == "starting" else "models", 503)
    return PlainTextResponse("ready")


def routes() -> list[Route]:
    """The routes of this room."""
    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _store_answers() -> None:
    """Asks for the store on the thread that may wait for it: connecting may take as long as a question."""
    running().store.info()
