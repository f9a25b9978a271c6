"""One attempt that will never be taken holds up no other: it is found, set aside, said, and tried again when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.errors import TrackingError
from attendance.services.outbox import Round
from attendance.services.pace import Pace
from attendance.services.refusals import KIND, Refusals
from attendance.services.tracking_status import refusals, tracking_findings
from tests.outbox_place import FolderSink, make, outbox_of
from tests.store_makers import NOON

if TYPE_CHECKING:
    from attendance.services.outbox_state import State
    from attendance.store.base import Store
    from attendance.tracking.base import Session


def words(state: State) -> str:
    found = tracking_findings(on=True, state=state, installed=True, experiment=None, zone=None)
    return " ".join(f"{one.message} {one.advice}" for one in found)


@pytest.mark.parametrize("never", [{1}, {57}, {100}, {101}, {3, 4, 99, 130}, set(range(1, 101))])
def test_only_what_is_refused_stays_behind(store: Store, sink: FolderSink, never: set[int]) -> None:
    make(store, 140)
    sink.never = never
    outbox = outbox_of(store, sink, pace=Pace())  # whose turn lasts, also on a busy machine
    while outbox.run_once() is Round.MORE:
        pass
    assert sink.numbers() == sorted(set(range(1, 141)) - never)
    state = outbox.state()
    assert (state.sent, state.waiting, state.refused.count, state.failing) == (140 - len(never), 0, len(never), False)
    assert state.refused.reason == "not like this, says http://***@x"
    assert sink.journal("set_aside")[-1] == ["s1", len(never)]
    calls = len(sink.journal("send"))
    outbox.run_once()
    assert len(sink.journal("send")) == calls  # not tried again by itself
    again = outbox_of(store, sink).state()  # another process says the same
    assert again.refused == state.refused


def test_it_is_said_in_words(store: Store, sink: FolderSink) -> None:
    make(store, 3)
    outbox = outbox_of(store, sink)
    assert refusals(outbox.state(), None) == ""
    sink.never = {2}
    outbox.flush(30)
    said = words(outbox.state())
    assert "1 attempt was refused by MLflow and set aside, the last at" in said
    assert "not like this" in said
    assert "tracking flush` tries them again" in said
    assert "2 sent, 0 waiting" in said


def test_a_flush_tries_once_more(store: Store, sink: FolderSink) -> None:
    make(store, 5)
    make(store, 5, "s2", start=100)
    sink.never = {2, 4, 7}
    outbox_of(store, sink).flush(30)
    sink.never = {4}
    state = outbox_of(store, sink).flush(30)
    assert (state.sent, state.refused.count) == (9, 1)
    assert sink.numbers() == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    sink.never = set()
    assert outbox_of(store, sink).flush(30).refused.count == 0
    assert sink.numbers() == list(range(1, 11))
    assert sink.journal("set_aside")[-1] == ["s1", 0]
    assert store.all_kept(KIND) == []


def test_what_was_erased_meanwhile_is_forgotten(store: Store, sink: FolderSink) -> None:
    make(store, 2)
    outbox_of(store, sink).flush(30)
    entry = {"sessions": {"1": "s1", "77": "s1", "5": "gone"}, "reason": "no", "at": NOON.isoformat()}
    store.keep(KIND, "000000000000", entry)
    assert outbox_of(store, sink).flush(30).refused.count == 0


def test_a_destination_that_refuses_everything_is_no_fault_of_the_attempts(
    store: Store, sink: FolderSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a server of another version: the session's run cannot be written either, so all of it waits."""
    make(store, 4)
    sink.never = {1, 2, 3, 4}

    def refuse(_session: Session, _count: int) -> None:
        raise TrackingError("I take nothing")

    monkeypatch.setattr(sink, "set_aside", refuse)
    outbox = outbox_of(store, sink, pace=Pace())
    assert outbox.run_once() is Round.FAILED
    state = outbox.state()
    assert (state.waiting, state.refused.count, state.last_error) == (4, 0, "I take nothing")
    monkeypatch.undo()
    sink.never = set()
    assert outbox.flush(30).sent == 4


def test_a_refusal_that_passes_is_none(store: Store, sink: FolderSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was deleted in between is refused once and restored then."""
    make(store, 1)
    sink.never = {1}
    original = sink.send

    def send(*given: object) -> None:
        try:
            original(*given)  # type: ignore[arg-type]
        finally:
            sink.never = set()

    monkeypatch.setattr(sink, "send", send)
    outbox = outbox_of(store, sink, pace=Pace())
    outbox.run_once()
    assert outbox.state().refused.count == 0
    assert sink.numbers() == [1]


def test_thousands_fit_into_the_store(store: Store, sink: FolderSink) -> None:
    make(store, 1_000, "x" * 100)
    sink.never = set(range(1, 1_001))
    outbox = outbox_of(store, sink, pace=Pace(batch=500))
    while outbox.run_once() is Round.MORE:
        pass
    assert outbox.state().refused.count == 1_000
    assert Refusals(store, lambda: NOON).of_session("x" * 100) == sink.never
