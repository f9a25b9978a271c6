"""One sender: in order, in batches, once; what fails is tried again; nobody waits for it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import Decision, Numbered
from attendance.errors import StoreUnavailableError, TrackingError
from attendance.services.outbox import Round
from attendance.services.pace import Pace
from attendance.services.sessions import OPEN, Sessions
from attendance.services.turn import Turn, TurnLostError
from attendance.tracking.base import parameter_set
from tests.outbox_place import QUICK, FolderSink, make, outbox_of
from tests.store_makers import MODEL, NOON, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store
    from attendance.tracking.base import AttemptSink


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_nothing_waits_and_no_sink_is_made(store: Store) -> None:
    def never() -> AttemptSink:
        raise AssertionError

    outbox = outbox_of(store, never)
    assert outbox.run_once() is Round.IDLE
    assert outbox.state().sent == 0


def test_batches_by_session_in_order(store: Store, sink: FolderSink) -> None:
    make(store, 120, "s1")
    make(store, 60, "s2", start=0.5)
    state = outbox_of(store, sink).flush(30)
    assert (state.sent, state.waiting, state.failing) == (180, 0, False)
    assert sink.numbers() == list(range(1, 181))
    batches = sink.journal("send")
    assert all(len(numbers) <= 100 and numbers == sorted(numbers) for _, numbers in batches)
    assert sorted(number for _, numbers in batches for number in numbers) == list(range(1, 181))
    assert [session for session, _ in batches] == ["s1", "s2", "s1"]  # the first of those that wait says whose turn it is


def test_a_round_is_bounded(store: Store, sink: FolderSink) -> None:
    make(store, 10)
    outbox = outbox_of(store, sink, pace=Pace(batch=2, batches=3))
    assert outbox.run_once() is Round.MORE
    assert sink.numbers() == [1, 2, 3, 4, 5, 6]
    assert outbox.run_once() is Round.IDLE
    assert sink.numbers() == list(range(1, 11))


def test_what_is_enrolled_goes_with_it(store: Store, sink: FolderSink) -> None:
    store.add_person(person("Ada"), references(3), MODEL)
    make(store, 1)
    outbox_of(store, sink).flush(30)
    assert '"dataset": {"identities": 1, "images": 3}' in (sink.folder / "1.json").read_text()


def test_a_batch_that_failed_is_sent_just_so_again(store: Store, sink: FolderSink) -> None:
    make(store, 3)
    sink.down = True
    outbox = outbox_of(store, sink)
    assert outbox.run_once() is Round.FAILED
    state = outbox.state()
    assert (state.waiting, state.sent, state.failing) == (3, 0, True)
    assert state.last_error == "The server at http://***@tracker:5000 is down."
    assert state.oldest_waiting_at_utc == NOON
    make(store, 5, start=100)
    store.add_person(person("Ada"), references(1), MODEL)  # the data set is another one by now
    sink.down = False
    state = outbox_of(store, sink).flush(30)  # another process
    assert (state.sent, state.failing) == (8, False)
    assert state.last_error is not None  # and when it was
    assert [numbers for _, numbers in sink.journal("send")] == [[1, 2, 3], [4, 5, 6, 7, 8]]
    assert '"identities": 0' in (sink.folder / "3.json").read_text()
    assert '"identities": 1' in (sink.folder / "4.json").read_text()


def test_a_sink_that_cannot_be_made(store: Store) -> None:
    def refuse() -> AttemptSink:
        raise TrackingError("MLflow is not installed here.")

    make(store, 1)
    outbox = outbox_of(store, refuse)
    assert outbox.run_once() is Round.FAILED
    assert outbox.state().last_error == "MLflow is not installed here."
    assert outbox.state().waiting == 1


def test_a_mistake_in_the_sink_ends_nothing(store: Store, sink: FolderSink) -> None:
    make(store, 2)

    def mistake() -> None:
        raise IndexError

    sink.between = mistake
    outbox = outbox_of(store, sink)
    assert outbox.run_once() is Round.FAILED
    sink.between = lambda: None
    assert outbox.flush(30).sent == 2


def test_a_store_that_is_away_is_no_fault_of_the_destination(
    store: Store, sink: FolderSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(store, 2)

    def away(_: object) -> None:
        raise StoreUnavailableError("away", reason="unreachable")

    monkeypatch.setattr(store, "mark_sent", away)
    outbox = outbox_of(store, sink)
    assert outbox.run_once() is Round.FAILED
    monkeypatch.undo()
    assert outbox.state().last_error is None
    assert outbox.flush(30).sent == 2
    assert sink.numbers() == [1, 2]


def test_what_is_back_is_tried_at_once_and_not_after_the_pause(store: Store, sink: FolderSink) -> None:
    make(store, 1)
    sink.down = True
    outbox = outbox_of(store, sink, pace=replace(QUICK, first_s=3600.0, longest_s=3600.0))
    outbox.start()
    wait_for(lambda: outbox.state().failing)
    sink.down = False
    wait_for(lambda: sink.numbers() == [1])
    outbox.stop()


def test_what_answers_and_fails_is_left_in_peace_for_the_pause(store: Store, sink: FolderSink) -> None:
    make(store, 1)

    def broken() -> None:
        raise TrackingError("Error 500.")

    sink.between = broken
    outbox = outbox_of(store, sink, pace=replace(QUICK, first_s=3600.0, longest_s=3600.0))
    outbox.start()
    wait_for(lambda: outbox.state().failing)
    time.sleep(10 * QUICK.look_s)
    outbox.stop()
    assert len(sink.journal("send")) == 1


def test_the_thread_sends_soon_and_stops(store: Store, sink: FolderSink) -> None:
    sessions = Sessions(store, lambda: True)
    from attendance.services.outbox import Outbox

    outbox = Outbox(store, lambda: sink, sessions=sessions, pace=QUICK)
    outbox.start()
    wait_for(lambda: sessions.session() is not None)
    session = sessions.session()
    assert session is not None
    store.settle(attempt(None, session=session), 60.0)
    wait_for(lambda: sink.numbers() == [1])
    sink.down = True
    store.settle(attempt(None, session=session), 60.0)
    wait_for(lambda: outbox.state().failing)
    sink.down = False
    wait_for(lambda: sink.numbers() == [1, 2])
    store.settle(attempt(None, session=session), 60.0)
    outbox.stop()
    assert sink.numbers() == [1, 2, 3]
    assert [entry[0] for entry in sink.journal("finish")] == [session]
    assert sessions.session() is None
    assert len(sink.journal("close")) == 1


def test_only_one_has_the_turn(store: Store) -> None:
    one, other = Turn(store, lasts_s=0.3), Turn(store, lasts_s=0.3)
    assert one.take()
    assert not other.take()
    with one.held():
        time.sleep(0.6)  # renewed meanwhile
        assert not other.take()
        one.note({"numbers": [1]})
    assert other.take()  # given back
    assert other.batch == {"numbers": [1]}
    assert not one.take()


def test_a_turn_that_was_left_behind_is_taken_and_its_owner_notices(store: Store) -> None:
    killed, other = Turn(store, lasts_s=0.2), Turn(store, lasts_s=0.2)
    assert killed.take()
    assert not other.take()
    time.sleep(0.25)
    assert other.take()
    with pytest.raises(TurnLostError):
        killed.note(None)
    with pytest.raises(TurnLostError):
        killed.check()
    other.note({"numbers": [2]})


def test_while_another_sends_nothing_is_done(store: Store, sink: FolderSink) -> None:
    make(store, 1)
    other = Turn(store)
    assert other.take()
    with other.held():
        assert outbox_of(store, sink).run_once() is Round.BUSY
    assert sink.numbers() == []


def test_summaries_are_those_of_all_attempts(store: Store, sink: FolderSink) -> None:
    ada = store.add_person(person("Ada"), references(1), MODEL)
    distances = np.random.default_rng(3).uniform(0.2, 0.9, 30)
    for step, distance in enumerate(distances):
        who = ada if distance < 0.5 else None
        given = attempt(who, after(step), session="s1", distance_l2=float(distance), threshold=0.5 + (step % 2) / 10)
        store.settle(given, 0.0)
    store.settle(attempt(None, after(99), session="s1", distance_l2=None), 0.0)  # no face
    outbox_of(store, sink, pace=Pace(batch=7)).flush(30)
    whole = sink.summary("s1")
    assert (whole["attempts"], whole["accepted"]) == (31, int((distances < 0.5).sum()))
    expected = np.quantile(distances, [0.05, 0.25, 0.5, 0.75, 0.95])
    assert list(whole["distances"].values()) == pytest.approx(expected.tolist())
    sets = {parameter_set(one.attempt): one for one in store.numbered("s1", limit=99)}
    assert len(sets) == 3
    assert sum(sink.summary("s1", name)["attempts"] for name in sets) == 31
    alone = next(name for name, one in sets.items() if one.attempt.distance_l2 is None)
    assert sink.summary("s1", alone) == {"attempts": 1, "accepted": 0, "distances": {}}


def test_summaries_are_put_now_and_then(store: Store, sink: FolderSink) -> None:
    outbox = outbox_of(store, sink, pace=Pace(summarise_s=3_600))
    sessions = Sessions(store, lambda: True)
    session = sessions.session()
    assert session is not None
    for start in range(5):
        make(store, 2, session, start=start * 10)
        outbox.run_once()
    assert len(sink.journal("send")) == 5
    assert len(sink.journal("summarise")) == 2  # once: the session's, and its parameter set's
    sessions.stop()
    outbox.flush(30)
    assert sink.summary(session)["attempts"] == 10  # the last one is never left out
    assert sink.journal("finish") == [[session]]


def test_a_session_that_ended_or_died_is_finished_once(store: Store, sink: FolderSink) -> None:
    clock = [NOON]
    sessions = Sessions(store, lambda: True, lambda: clock[0])
    sessions.refresh()
    session = sessions.session()
    assert session is not None
    make(store, 1, session)
    from attendance.services.outbox import Outbox

    watching = Sessions(store, lambda: False, lambda: clock[0])
    outbox = Outbox(store, lambda: sink, sessions=watching, pace=QUICK)
    outbox.run_once()
    assert sink.journal("finish") == []
    clock[0] = after(4_000)  # nobody said that it is alive
    assert outbox.run_once() is Round.IDLE
    assert sink.journal("finish") == [[session]]
    assert store.kept(OPEN, session) is None
    assert outbox.run_once() is Round.IDLE
    make(store, 1, session, start=50)  # stored late, by a process that had been asleep
    outbox.flush(30)
    assert sink.journal("finish") == [[session]] * 2
    assert sink.summary(session)["attempts"] == 2
    sessions.refresh()
    sessions.stop()
    assert sink.journal("finish") == [[session]] * 2  # until somebody looks


def test_parameter_sets_are_told_apart() -> None:
    one = attempt(None)
    assert parameter_set(one) == parameter_set(attempt(None, after(5), distance_l2=0.2))
    assert parameter_set(one) != parameter_set(attempt(None, threshold=0.6))
    assert parameter_set(one) != parameter_set(attempt(None, model_id="other"))
    assert parameter_set(one) != parameter_set(attempt(None, parameters={"min_confidence": 0.8}))
    assert Numbered(1, one).attempt.decision is Decision.REJECTED
