"""Attempts to a real MLflow server that hangs, refuses and is killed, and to one that is not there: all arrive, once."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from attendance.errors import TrackingError
from attendance.tracking import limits
from attendance.tracking.attempt_runs import RunKeeper
from attendance.tracking.attempt_tables import AttemptTables
from attendance.tracking.base import Summary, parameter_set
from attendance.tracking.sending import Sender
from attendance.tracking.sink import MlflowSink
from tests.mlflow_server import MlflowServer, refusing
from tests.tracked_attempts import DATASET, SESSION, Notebook, Seen, attempt, numbered

if TYPE_CHECKING:
    from collections.abc import Callable

SUMMARY = Summary(10, 8, {"p50": 0.40})
SHORT = replace(limits.LIMITS, sink_s=1.5)


def everything(sink: MlflowSink) -> None:
    """All that is ever asked of a sink, in its order."""
    sink.send(SESSION, numbered(range(1, 11)), DATASET)
    sink.send(SESSION, numbered(range(11, 16), threshold=0.6), DATASET)
    sink.summarise(SESSION, parameter_set(attempt(1)), SUMMARY)
    sink.summarise(SESSION, None, SUMMARY)
    sink.finish(SESSION)


def check(uri: str, experiment: str) -> None:
    """All of it is there, once."""
    seen = Seen(uri, experiment)
    assert [run.info.run_name for run in seen.parents] == ["main door"]
    assert {run.data.params["threshold"]: len(seen.history(run)) for run in seen.children} == {"0.53": 10, "0.6": 5}
    assert len(seen.children) == 2
    assert sorted(row["number"] for run in seen.children for row in seen.rows(run)) == list(range(1, 16))
    assert {run.info.status for run in seen.runs} == {"FINISHED"}
    assert seen.parents[0].data.metrics["attempts"] == 10


class Killed(BaseException):
    """What nothing catches, as kill -9 is not."""


STEPS: list[tuple[type, str]] = [
    (Sender, "_experiment"),
    (Sender, "_start"),
    (Notebook, "remember"),
    (RunKeeper, "_there"),
    (RunKeeper, "_delete_twins"),
    (Sender, "_batch"),
    (AttemptTables, "_write"),
    (RunKeeper, "children"),
    (RunKeeper, "end"),
]


@pytest.mark.parametrize(("part", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_kill_at_any_step_loses_and_doubles_nothing(
    part: type, step: str, server: MlflowServer, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after this step, which is before the next one; another begins from what was remembered."""
    notebook = Notebook()
    original: Callable[..., object] = getattr(part, step)
    reached = 0

    def fatal(*args: object, **kwargs: object) -> object:
        nonlocal reached
        reached += 1
        result = original(*args, **kwargs)
        if reached == kill_at:
            raise Killed
        return result

    monkeypatch.setattr(part, step, fatal)
    kill_at, kills = 1, 0
    while kill_at <= reached + 1 and kills < 3:  # each of the first occasions once, then in peace
        reached = 0
        try:
            everything(MlflowSink(server.url, experiment, notebook))
        except Killed:
            kills += 1
        kill_at += 1
    monkeypatch.setattr(part, step, original)
    assert kills
    everything(MlflowSink(server.url, experiment, notebook))
    check(server.url, experiment)


def test_nothing_there_is_an_error_soon(experiment: str) -> None:
    began = time.monotonic()
    with pytest.raises(TrackingError, match="nothing answers"):
        MlflowSink("http://127.0.0.1:9", experiment, Notebook()).send(SESSION, numbered([1]), DATASET)
    assert time.monotonic() - began < limits.LIMITS.probe_s + 5


def test_a_server_that_hangs_is_an_error_soon_and_gets_it_all_later(server: MlflowServer, experiment: str) -> None:
    """What was asked of it while it hung it may do later, such as making a run that was made again since."""
    notebook = Notebook()
    sink = MlflowSink(server.url, experiment, notebook, limits=SHORT)
    sink.send(SESSION, numbered([1]), DATASET)  # the connection is open, so the probe alone does not tell
    for digest_is_new in (0.61, 0.62):
        server.signal(signal.SIGSTOP)
        try:
            for one in (sink, MlflowSink(server.url, experiment, Notebook(), limits=SHORT)):
                began = time.monotonic()
                with pytest.raises(TrackingError):
                    one.send(SESSION, numbered([2], threshold=digest_is_new), DATASET)
                with pytest.raises(TrackingError):
                    one.summarise(SESSION, None, SUMMARY)
                with pytest.raises(TrackingError):
                    one.finish(SESSION)
                assert time.monotonic() - began < 3 * SHORT.sink_s + 10
        finally:
            server.signal(signal.SIGCONT)
        sink.send(SESSION, numbered([2], threshold=digest_is_new), DATASET)
    sink.finish(SESSION)
    seen = Seen(server.url, experiment)
    assert [run.info.run_name for run in seen.parents] == ["main door"]
    assert sorted(run.data.params["threshold"] for run in seen.children) == ["0.53", "0.61", "0.62"]


def test_a_run_that_a_hung_server_makes_twice_is_shown_once(server: MlflowServer, experiment: str) -> None:
    """The first request to make the run arrives, unanswered, after the second one."""
    notebook = Notebook()
    sink = MlflowSink(server.url, experiment, notebook)
    sink.send(SESSION, numbered([1]), DATASET)
    seen = Seen(server.url, experiment)
    for run in seen.runs:
        seen.client.create_run(run.info.experiment_id, tags=run.data.tags, run_name=run.info.run_name)
    sink.send(SESSION, numbered([2]), DATASET)
    MlflowSink(server.url, experiment, notebook).send(SESSION, numbered([3]), DATASET)
    seen = Seen(server.url, experiment)
    assert (len(seen.parents), len(seen.children)) == (1, 1)
    assert seen.steps() == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_a_server_that_refuses_is_an_error_without_the_password(code: int, experiment: str) -> None:
    with refusing(code) as url:
        sink = MlflowSink(url.replace("//", "//ada:hunter2@"), experiment, Notebook())
        for _ in range(2):
            with pytest.raises(TrackingError, match=str(code)) as caught:
                sink.send(SESSION, numbered([1]), DATASET)
            assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("uri", ["nonsense://x", "sqlite:////proc/nowhere/mlflow.db", "./mlruns"])
def test_a_uri_that_cannot_be_is_our_error(uri: str, experiment: str) -> None:
    for _ in range(2):
        with pytest.raises(TrackingError):
            MlflowSink(uri, experiment, Notebook()).send(SESSION, numbered([1]), DATASET)


def test_a_memory_that_fails_is_our_error(server: MlflowServer, experiment: str) -> None:
    class Torn(Notebook):
        def remember(self, key: str, value: str) -> str:
            raise OSError(f"the disk is full: {key}, {value}")

    for _ in range(2):
        with pytest.raises(TrackingError, match="disk is full"):
            MlflowSink(server.url, experiment, Torn()).send(SESSION, numbered([1]), DATASET)
    MlflowSink(server.url, experiment, Notebook()).send(SESSION, numbered([1]), DATASET)
    seen = Seen(server.url, experiment)
    assert (len(seen.parents), len(seen.children)) == (1, 1)


def test_an_artifact_store_that_is_not_to_be_written_from_here_holds_nothing_up(
    server: MlflowServer, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise ImportError("No module named 'boto3'")

    monkeypatch.setattr(AttemptTables, "_write", refuse)
    sink = MlflowSink(server.url, experiment, Notebook())
    sink.send(SESSION, numbered([1, 2]), DATASET)
    assert Seen(server.url, experiment).steps() == {1: 1, 2: 1}
    monkeypatch.undo()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AttemptTables, "_write", full)
    with pytest.raises(TrackingError, match="No space"):
        sink.send(SESSION, numbered([3]), DATASET)


@pytest.mark.slow
def test_kills_of_the_server_in_the_middle_of_sending(server: MlflowServer, experiment: str) -> None:
    """Each batch is sent until it is taken, by a new sink each time, while the server is killed five times."""
    notebook, stop = Notebook(), threading.Event()

    def kills() -> None:
        for _ in range(5):
            if stop.wait(1.5):
                return
            server.kill()
            server.start()

    thread = threading.Thread(target=kills)
    thread.start()
    failures = 0
    try:
        for first in range(1, 1_001, 50):
            while True:
                try:
                    MlflowSink(server.url, experiment, notebook).send(SESSION, numbered(range(first, first + 50)), DATASET)
                except TrackingError:
                    failures += 1
                    time.sleep(0.1)
                else:
                    break
    finally:
        stop.set()
        thread.join()
    seen = Seen(server.url, experiment)
    assert (len(seen.parents), len(seen.children)) == (1, 1)
    assert seen.steps() == dict.fromkeys(range(1, 1_001), 1)
    assert [row["number"] for row in seen.rows(seen.children[0])] == list(range(1, 1_001))
    assert failures
