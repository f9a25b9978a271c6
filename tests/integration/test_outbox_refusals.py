"""A real MLflow server that will never take one of many attempts: the others arrive, and what is refused is said."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attendance.errors import TrackingError
from attendance.services.outbox import Outbox, Round
from attendance.services.sessions import Sessions
from attendance.services.tracking_notes import Notes
from attendance.tracking.base import AttemptsRefusedError
from attendance.tracking.sink import MlflowSink
from tests.outbox_place import QUICK, make
from tests.tracked_attempts import DATASET, SESSION, Notebook, Seen, attempt, numbered

if TYPE_CHECKING:
    from attendance.store.base import Store
    from tests.mlflow_server import MlflowServer

BEFORE_ALL_TIME = datetime(1969, 7, 20, 20, 17, tzinfo=UTC)  # of a clock that was never set; MLflow: "nonnegative long"


def outbox_to(uri: str, experiment: str, store: Store) -> Outbox:
    sessions = Sessions(store, lambda: False)
    return Outbox(store, lambda: MlflowSink(uri, experiment, Notes(store)), sessions=sessions, pace=QUICK)


def test_a_time_that_mlflow_refuses_holds_up_no_other(server: MlflowServer, store: Store) -> None:
    store.settle(attempt(5, at_utc=BEFORE_ALL_TIME, session="s1", records=False), 60.0)  # the earliest: number 1
    make(store, 149)
    outbox = outbox_to(server.url, "refused", store)
    outbox.flush(60)
    seen = Seen(server.url, "refused")
    assert seen.steps() == Counter(range(2, 151))
    assert sorted(row["number"] for run in seen.children for row in seen.rows(run)) == list(range(2, 151))
    assert seen.parents[0].data.tags["attempts_refused"] == "1"
    state = outbox.state()
    assert (state.sent, state.waiting, state.refused.count, state.failing) == (149, 0, 1, False)
    assert state.refused.reason is not None
    assert "nonnegative" in state.refused.reason
    again = outbox_to(server.url, "refused", store).flush(60)  # asked for, and refused again
    assert (again.sent, again.waiting, again.refused.count) == (149, 0, 1)
    assert Seen(server.url, "refused").steps() == Counter(range(2, 151))


def test_the_sink_says_which_attempts_were_in_what_was_refused(server: MlflowServer) -> None:
    sink = MlflowSink(server.url, "refused by the sink", Notebook())
    batch = [*numbered([1, 2], threshold=0.5), *numbered([3, 4]), *numbered([5], threshold=0.5)]
    batch[2] = numbered([3], at_utc=BEFORE_ALL_TIME)[0]
    with pytest.raises(AttemptsRefusedError) as caught:
        sink.send(SESSION, batch, DATASET)
    assert caught.value.numbers == {3, 4}
    sink.set_aside(SESSION, 2)


def test_an_experiment_that_cannot_be_is_no_fault_of_the_attempts(server: MlflowServer, store: Store) -> None:
    make(store, 3)
    outbox = outbox_to(server.url, "", store)
    assert outbox.run_once() is Round.FAILED
    state = outbox.state()
    assert (state.waiting, state.refused.count) == (3, 0)
    assert "experiment_name" in (state.last_error or "")
    with pytest.raises(TrackingError):
        MlflowSink(server.url, "", Notebook()).set_aside(SESSION, 1)


def test_a_run_that_is_deleted_in_between_is_no_refusal(server: MlflowServer, store: Store) -> None:
    make(store, 2)
    outbox = outbox_to(server.url, "deleted", store)
    outbox.flush(60)
    seen = Seen(server.url, "deleted")
    for run in seen.runs:
        seen.client.delete_run(run.info.run_id)
    make(store, 2, start=100)
    state = outbox.flush(60)  # with a sink that knows those runs
    assert (state.sent, state.refused.count) == (4, 0)
    assert Seen(server.url, "deleted").steps() == Counter(range(1, 5))
