"""Uploads that do not arrive, which a running server could show only by being waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from attendance.api import uploads
from attendance.api.uploads import Uploads
from attendance.api.visitor import Visitor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message

NOBODY = Visitor(None, None, "device", False, True, False, "127.0.0.1")
OPERATOR = Visitor("operator", "sid", "device", False, True, True, "127.0.0.1")


async def take(request: Request) -> Response:
    """As Streamlit's route does: the whole body first."""
    await request.body()
    return Response(status_code=204)


def sent(visitor: Visitor, *messages: Message, wait_s: float = 20) -> list[Message]:
    """What the server answers to an upload that comes in these pieces, and then stops."""
    left, said = list(messages), []
    scope: dict[str, Any] = {
        "type": "http",
        "method": "PUT",
        "path": "/_stcore/upload_file/page/file",
        "query_string": b"",
        "headers": [(b"host", b"h"), (b"origin", b"http://h"), (b"content-length", b"1000")],
    }

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        said.append(message)

    server = Uploads(Starlette(routes=[Route("/{rest:path}", take, methods=["PUT"])]))
    asyncio.run(asyncio.wait_for(server.serve(scope, receive, send, visitor), wait_s))
    return said


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_snapshot_that_stops_in_the_middle_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SENDING_S", 0.05)
    assert sent(NOBODY, part(b"half", more=True))[0]["status"] == 408


def test_an_operators_zip_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SENDING_S", 0.05)
    with pytest.raises(TimeoutError):
        sent(OPERATOR, part(b"half", more=True), wait_s=0.5)
    assert sent(OPERATOR, part(b"half", more=True), part(b"half", more=False))[0]["status"] == 204


@pytest.mark.parametrize("visitor", [NOBODY, OPERATOR])
def test_a_page_that_is_closed_while_it_sends_is_no_fault(visitor: Visitor) -> None:
    sent(visitor, part(b"half", more=True), {"type": "http.disconnect"})  # raises nothing
