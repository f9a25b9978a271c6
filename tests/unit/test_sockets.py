"""The second gate on one websocket, where a running server cannot be made to wait: the database away for long."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from attendance.api import sockets as module
from attendance.api.recognition import Found, Recognition
from attendance.api.sockets import ENDED, TRY_LATER, Sockets
from attendance.api.visitor import Visitor

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

OPERATOR = Visitor("operator", "sid", "device", False, True, True, "127.0.0.1")
NOBODY = replace(OPERATOR, who=None, session_id=None, may_check_in=False, names=False)
AWAY = replace(NOBODY, may_check_in=True, away=True)


class Known:
    """A recognition that says what it is told to."""

    def __init__(self, *visitors: Visitor) -> None:
        self.visitors = list(visitors)
        self.touched = 0

    async def found(self, _cookies: Any, _address: str) -> Found:
        visitor = self.visitors.pop(0) if len(self.visitors) > 1 else self.visitors[0]
        return Found(visitor, None if visitor.away else True)

    async def touch(self, _session_id: str) -> None:
        self.touched += 1


def closed_with(known: Known, messages: list[Message], visitor: Visitor = OPERATOR) -> tuple[int, list[Message]]:
    """Let the page send these messages, then nothing; the code that it was closed with, and what reached the script."""
    reached: list[Message] = []
    sent: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            reached.append(message)
        await send({"type": "websocket.send", "bytes": b"too late"})

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await Sockets(app, cast("Recognition", known), ["records"]).serve({}, receive, send, visitor, {})

    asyncio.run(asyncio.wait_for(run(), 20))
    assert [message["type"] for message in sent] == ["websocket.close"], "nothing is sent after the end"
    return sent[0]["code"], reached


def rerun(page_name: str = "") -> Message:
    message = BackMsg()
    message.rerun_script.page_name = page_name
    message.rerun_script.SetInParent()
    return {"type": "websocket.receive", "bytes": message.SerializeToString()}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY_S", 0.01)


def test_an_operators_page_outlives_a_short_absence_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AWAY_FOR_S", 60)
    known = Known(OPERATOR, AWAY, AWAY, OPERATOR, NOBODY)
    code, reached = closed_with(known, [rerun(), rerun(), rerun(), rerun(), rerun()])
    assert (code, len(reached), known.touched) == (ENDED, 4, 4)


def test_but_not_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AWAY_FOR_S", 0.05)
    code, reached = closed_with(Known(AWAY), [rerun()])
    assert code == TRY_LATER
    assert len(reached) <= 1


@pytest.mark.parametrize(
    "now",
    [
        NOBODY,
        replace(OPERATOR, who=None),
        replace(OPERATOR, who="another"),
        replace(OPERATOR, session_id="another"),
    ],
)
def test_a_page_ends_with_its_session_and_not_with_another(now: Visitor) -> None:
    assert closed_with(Known(now), [rerun()]) == (ENDED, [])


@pytest.mark.parametrize("found", [OPERATOR, replace(NOBODY, may_check_in=True)])
def test_a_page_of_the_office_that_came_while_nobody_could_be_known_comes_again_as_who_it_is(found: Visitor) -> None:
    assert closed_with(Known(AWAY, AWAY, found), [rerun("records"), rerun()], AWAY) == (ENDED, [rerun()])


def test_the_check_in_that_came_then_goes_on() -> None:
    kiosk = replace(NOBODY, may_check_in=True)
    code, reached = closed_with(Known(AWAY, kiosk, kiosk, NOBODY), [rerun(), rerun(), rerun(), rerun()], AWAY)
    assert (code, len(reached)) == (ENDED, 3)


def test_a_kiosk_that_sends_without_pause_is_stopped() -> None:
    kiosk = replace(NOBODY, may_check_in=True)
    code, reached = closed_with(Known(kiosk), [rerun() for _ in range(500)], kiosk)
    assert code == TRY_LATER
    assert 100 <= len(reached) < 500
