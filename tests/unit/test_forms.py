"""A form that never arrives whole: answered, and not told to the log as a fault of ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from attendance.api import requests
from attendance.api.forms import form

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

HEADERS = {
    b"host": b"attend.example",
    b"origin": b"https://attend.example",
    b"content-type": b"application/x-www-form-urlencoded",
    b"content-length": b"4000",
}


def sent(then: Callable[[], Awaitable[dict[str, Any]]]) -> Response | dict[str, str]:
    """What the route says of ten bytes, and then this."""
    messages = iter([{"type": "http.request", "body": b"password=x", "more_body": True}])

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        return message if message is not None else await then()

    scope = {"type": "http", "method": "POST", "path": "/in/sign-in", "query_string": b"", "headers": list(HEADERS.items())}
    return asyncio.run(form(Request(scope, receive)))


def test_a_visitor_who_leaves_in_the_middle() -> None:
    async def leave() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    answer = sent(leave)
    assert isinstance(answer, Response)
    assert answer.status_code == 400


def test_a_visitor_who_never_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SENDING_S", 0.05)

    async def wait() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    answer = sent(wait)
    assert isinstance(answer, Response)
    assert answer.status_code == 408
