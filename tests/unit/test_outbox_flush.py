"""A flush returns when nothing is left to send, whatever else there is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.services.outbox import Outbox, Round
from attendance.services.sessions import Sessions
from tests.outbox_place import FolderSink, make, outbox_of

if TYPE_CHECKING:
    from attendance.store.base import Store


def test_with_nothing_left_to_send_a_flush_does_not_wait_for_a_run_to_be_ended(store: Store, sink: FolderSink) -> None:
    make(store, 3)
    sessions = Sessions(store, lambda: True)
    sessions.begin("ends soon", "olof")
    outbox = outbox_of(store, sink)
    assert outbox.flush(30).sent == 3
    make(store, 2, sessions.session() or "", start=10)
    assert outbox.flush(30).sent == 5
    sessions.end("olof")
    sink.down = True
    began = len(rounds := rounds_of(outbox))
    state = outbox.flush(20)
    assert (state.sent, state.waiting, rounds[began:]) == (5, 0, [Round.FAILED])
    sink.down = False
    outbox.flush(30)
    assert sink.journal("finish")


def rounds_of(outbox: Outbox) -> list[Round]:
    """Filled as they end."""
    ended: list[Round] = []
    run = outbox.run_once

    def run_once() -> Round:
        ended.append(run())
        return ended[-1]

    outbox.run_once = run_once  # type: ignore[method-assign]
    return ended
