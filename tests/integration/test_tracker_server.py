"""A real MLflow server that is away, hangs, refuses and comes back: no call waits, nothing raises, and all arrives."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from attendance.tracking import destinations, limits
from attendance.tracking.client import bounded, open_client
from mlflow_utils import MLflowTracker
from tests.mlflow_server import MlflowServer, refusing
from tests.tracked_runs import work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow import MlflowClient
    from mlflow.entities import Run

AWAY = "http://127.0.0.1:9"  # nothing listens on the discard port


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorter pauses, so that the tests are short; the bounds on waiting are the shipped ones."""
    monkeypatch.setattr(limits, "LIMITS", replace(limits.LIMITS, retry_first_s=0.1, retry_longest_s=0.5, call_s=3))
    yield
    destinations.close_all()


@pytest.fixture
def tracker(server: MlflowServer, request: pytest.FixtureRequest) -> MLflowTracker:
    return MLflowTracker(request.node.name, server.url)


def events(said: list[Any]) -> list[str]:
    return [entry["event"] for entry in said]


def runs_of(server: MlflowServer, tracker: MLflowTracker) -> tuple[MlflowClient, list[Run]]:
    client = open_client(server.url)
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    return client, list(client.search_runs([experiment.experiment_id]))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """The documented bound on waiting, with generous room for a busy machine: a hang is minutes."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + 5


def check(server: MlflowServer, tracker: MLflowTracker) -> None:
    """All of it is there, once."""
    assert tracker.flush(60)
    client, runs = runs_of(server, tracker)
    assert Counter((run.info.run_name, run.info.status) for run in runs) == {
        ("work", "FINISHED"): 1,
        ("child", "FINISHED"): 1,
    }
    parent = next(run for run in runs if run.info.run_name == "work")
    child = next(run for run in runs if run.info.run_name == "child")
    assert parent.data.params == {"p": "1"}
    assert parent.data.tags["site"] == "main"
    assert child.data.tags["t"] == "v"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    history = client.get_metric_history(parent.info.run_id, "m")
    assert sorted((metric.step, metric.value) for metric in history) == [(step, float(step)) for step in range(200)]
    assert [file.path for file in client.list_artifacts(parent.info.run_id, "files")] == ["files/note.txt"]


def test_a_healthy_server_has_it_all_soon_after_the_block(
    server: MlflowServer, tracker: MLflowTracker, said: list[Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = work(tracker, tmp_path / "note.txt")
    assert tracker.flush(60)
    assert runs_of(server, tracker)[0].get_run(run.info.run_id).info.status == "FINISHED"
    check(server, tracker)
    assert events(said) == []
    assert capfd.readouterr().out == ""  # mlflow prints where to view a run; a job's output is its own


def test_nothing_there_is_one_warning_and_no_wait(said: list[Any], tmp_path: Path) -> None:
    tracker = MLflowTracker("away", AWAY)
    with at_most(limits.LIMITS.probe_s):
        run = work(tracker, tmp_path / "note.txt")
        assert run.info.run_id is None
        assert not tracker.flush(0.1)
    with at_most(limits.LIMITS.probe_s):
        destinations.close_all()
    assert events(said) == ["tracking_away", "tracking_calls_lost"]
    assert said[1]["calls"] > 200


@pytest.mark.parametrize("code", [401, 403, 404, 500, 503])
def test_a_server_that_refuses_is_one_warning_and_no_wait(code: int, said: list[Any], tmp_path: Path) -> None:
    with refusing(code) as url:
        tracker = MLflowTracker("refused", url.replace("//", "//ada:secret@"))
        with at_most(limits.LIMITS.id_s):
            run = work(tracker, tmp_path / "note.txt")
            assert run.info.run_id is None
        destinations.close_all()
    assert events(said) == ["tracking_away", "tracking_calls_lost"]
    assert "secret" not in str(said)


def test_a_server_that_hangs_gets_it_all_when_it_goes_on(
    server: MlflowServer, tracker: MLflowTracker, said: list[Any], tmp_path: Path
) -> None:
    server.signal(signal.SIGSTOP)
    try:
        with at_most(limits.LIMITS.probe_s + limits.LIMITS.silence_s):
            run = work(tracker, tmp_path / "note.txt")
            assert run.info.run_id is None
    finally:
        server.signal(signal.SIGCONT)
    check(server, tracker)
    assert events(said) == ["tracking_away", "tracking_back"]
    assert run.info.run_id is not None


def test_a_server_that_is_back_is_tried_at_once_and_not_after_the_pause(
    said: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "LIMITS", replace(limits.LIMITS, retry_first_s=600.0, retry_longest_s=600.0))
    late = MlflowServer(tmp_path / "late")
    tracker = MLflowTracker("late", late.url)
    with tracker.start_run("early"):
        tracker.log_metric("m", 1.0)
    assert not tracker.flush(0.1)
    try:
        late.start()
        assert tracker.flush(60)
        assert [run.info.run_name for run in runs_of(late, tracker)[1]] == ["early"]
        assert events(said) == ["tracking_away", "tracking_back"]
    finally:
        late.kill()


def test_a_server_that_hangs_in_the_middle_of_a_run(
    server: MlflowServer, tracker: MLflowTracker, said: list[Any], tmp_path: Path
) -> None:
    with tracker.start_run("begun") as run:
        assert run.info.run_id is not None
        server.signal(signal.SIGSTOP)
        try:
            with at_most(limits.LIMITS.silence_s):
                work(tracker, tmp_path / "note.txt")
        finally:
            server.signal(signal.SIGCONT)
    assert tracker.flush(60)
    assert {run.info.status for run in runs_of(server, tracker)[1]} == {"FINISHED"}
    assert events(said)[0] == "tracking_run_still_open"


def test_other_mlflow_calls_of_the_process_keep_mlflows_own_limits() -> None:
    from mlflow import environment_variables as variables

    open_client(AWAY)
    timeout: Any = variables.MLFLOW_HTTP_REQUEST_TIMEOUT
    retries: Any = variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES
    with bounded(3):
        assert (timeout.get(), retries.get()) == (3, 0)
    assert (timeout.get(), retries.get()) == (timeout.default, retries.default)


def test_one_destination_that_hangs_does_not_hold_up_another(
    server: MlflowServer, tracker: MLflowTracker, tmp_path: Path
) -> None:
    local = MLflowTracker("local", f"sqlite:///{tmp_path}/mlflow.db")
    server.signal(signal.SIGSTOP)
    try:
        with tracker.start_run("hangs"), local.start_run("local") as run:
            local.log_metric("m", 1)
        assert open_client(local.tracking_uri).get_run(str(run.info.run_id)).info.status == "FINISHED"
    finally:
        server.signal(signal.SIGCONT)


def test_a_full_queue_drops_the_newest_and_says_how_many(
    server: MlflowServer, tracker: MLflowTracker, said: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIMITS", replace(limits.LIMITS, queue_entries=100))
    server.signal(signal.SIGSTOP)
    try:
        with tracker.start_run("full"):
            for step in range(1000):
                tracker.log_metric("m", step, step=step)
    finally:
        server.signal(signal.SIGCONT)
    assert tracker.flush(60)
    client, (run,) = runs_of(server, tracker)
    arrived = [metric.step for metric in client.get_metric_history(run.info.run_id, "m")]
    assert run.info.status == "FINISHED"
    assert sorted(arrived) == list(range(len(arrived)))
    assert events(said).count("tracking_queue_full") == 1
    assert len(arrived) + destinations.worker_for(server.url).dropped == 1000


@pytest.mark.slow
def test_kills_under_load_lose_and_double_nothing(server: MlflowServer, tracker: MLflowTracker, said: list[Any]) -> None:
    enough = threading.Event()
    names: list[str] = []

    def load() -> None:
        while not enough.is_set():
            names.append(f"run {len(names)}")
            with tracker.start_run(names[-1]):
                for step in range(100):
                    tracker.log_metric("m", step, step=step)
                    time.sleep(0.005)

    thread = threading.Thread(target=load)
    thread.start()
    for _ in range(3):
        time.sleep(2)
        server.kill()
        time.sleep(1)
        server.start()
    enough.set()
    thread.join()
    assert tracker.flush(120)
    client, runs = runs_of(server, tracker)
    assert Counter(run.info.run_name for run in runs) == dict.fromkeys(names, 1)
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        assert sorted(metric.step for metric in client.get_metric_history(run.info.run_id, "m")) == list(range(100))
    assert set(events(said)) == {"tracking_away", "tracking_back"}
