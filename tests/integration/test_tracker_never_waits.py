"""No server is ever waited for: a block is left while the server has yet to answer, in every state it may be in; then all
arrives, once. What goes to a local file is there when the block is left, unless the file is locked."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from attendance.tracking import destinations, limits
from attendance.tracking.client import open_client
from mlflow_utils import MLflowTracker
from tests.mlflow_server import Between, MlflowServer
from tests.tracked_runs import runs_of, work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOR_EVER_S = 300.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever did wait would wait for minutes, and the tests that hold an answer until the block is left would not end."""
    bounds = limits.Limits(
        probe_s=FOR_EVER_S,
        start_s=FOR_EVER_S,
        write_s=FOR_EVER_S,
        id_s=FOR_EVER_S,
        silence_s=FOR_EVER_S,
        call_s=FOR_EVER_S,
        retry_first_s=0.1,
        retry_longest_s=0.5,
    )
    monkeypatch.setattr(limits, "LIMITS", bounds)
    yield
    destinations.close_all()


@pytest.fixture
def between(server: MlflowServer) -> Iterator[Between]:
    with Between(server) as proxy:
        yield proxy


def check(server: MlflowServer, tracker: MLflowTracker) -> None:
    """All of one block is there, once."""
    client = open_client(server.url)
    runs = runs_of(client, tracker)
    assert Counter(run.info.status for run in runs.values()) == {"FINISHED": len(runs)}
    assert runs.keys() - {"before"} == {"work", "child"}
    work = runs["work"].info.run_id
    assert runs["child"].data.tags["mlflow.parentRunId"] == work
    assert sorted(one.step for one in client.get_metric_history(work, "m")) == list(range(200))
    assert [one.path for one in client.list_artifacts(work, "files")] == ["files/note.txt"]


@pytest.mark.parametrize("state", ["healthy", "slow", "500s"])
def test_the_first_block_of_a_process_is_left_before_any_answer(
    state: str, server: MlflowServer, between: Between, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """MLflow's import and the first contact included: the answers are held until the block was left."""
    between.open.clear()
    between.pause_s = 0.3 if state == "slow" else 0.0
    between.refusals = 3 if state == "500s" else 0
    tracker = MLflowTracker(request.node.name, between.url)
    work(tracker, tmp_path / "note.txt")
    assert between.answered == 0
    between.open.set()
    assert tracker.flush(FOR_EVER_S)
    check(server, tracker)


@pytest.mark.parametrize("state", ["slow", "hung", "500s"])
def test_a_later_block_is_left_before_any_answer(
    state: str, server: MlflowServer, between: Between, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With a server that was healthy until then, so that nothing is known of its trouble."""
    tracker = MLflowTracker(request.node.name, between.url)
    with tracker.start_run("before"):
        pass
    assert tracker.flush(FOR_EVER_S)
    answered = between.answered
    between.pause_s = 0.3 if state == "slow" else 0.0
    between.refusals = 3 if state == "500s" else 0
    between.open.clear()
    work(tracker, tmp_path / "note.txt")
    assert between.answered == answered
    between.open.set()
    assert tracker.flush(FOR_EVER_S)
    check(server, tracker)


def test_a_server_that_takes_a_second_for_each_answer_is_not_away(
    server: MlflowServer,
    between: Between,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    said: list[Any],
    tmp_path: Path,
) -> None:
    """With the shipped limits: the end of the process, which waits while a server answers, sends it all."""
    monkeypatch.setattr(limits, "LIMITS", limits.Limits())
    between.pause_s = 1.0
    tracker = MLflowTracker(request.node.name, between.url)
    work(tracker, tmp_path / "note.txt")
    assert not tracker.flush(0)  # five answers at least are needed, each a second
    destinations.close_all()
    check(server, tracker)
    assert said == []


def test_nothing_at_all_is_left_too_and_gets_it_all_once_it_is_there(
    server: MlflowServer, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    late = Between(server)
    tracker = MLflowTracker(request.node.name, late.url)
    work(tracker, tmp_path / "note.txt")
    assert not tracker.flush(0)
    with late:
        assert tracker.flush(FOR_EVER_S)
    check(server, tracker)


def test_who_chooses_to_settle_finds_all_of_it_there(
    server: MlflowServer, between: Between, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tracker = MLflowTracker(request.node.name, between.url, settle_s=FOR_EVER_S)
    work(tracker, tmp_path / "note.txt")
    check(server, tracker)


def test_settling_ends_where_the_server_refuses_and_after_its_time(
    between: Between, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    between.refusals = 1_000_000
    work(MLflowTracker(request.node.name, between.url, settle_s=FOR_EVER_S), tmp_path / "note.txt")
    between.refusals = 0
    assert destinations.worker_for(between.url).flush(FOR_EVER_S)
    between.open.clear()
    for settle_s in (0, -1, float("nan"), 0.2):
        with MLflowTracker(request.node.name, between.url, settle_s=settle_s).start_run("held"):
            pass
    between.open.set()


def test_a_local_file_is_there_when_the_block_is_left(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    tracker = MLflowTracker(request.node.name, f"sqlite:///{tmp_path}/mlflow.db")
    for name in ("first", "second"):
        with tracker.start_run(name) as run:
            tracker.log_metric("m", 1.0)
        kept = open_client(tracker.tracking_uri).get_run(str(run.info.run_id))
        assert (kept.info.status, kept.data.metrics) == ("FINISHED", {"m": 1.0})


def test_a_local_file_is_not_waited_for_where_that_was_chosen(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    open_client(uri)
    tracker = MLflowTracker(request.node.name, uri, settle_s=0)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with tracker.start_run("locked"):
            tracker.log_metric("m", 1.0)
        other.execute("ROLLBACK")
    assert tracker.flush(FOR_EVER_S)


def test_a_locked_local_file_costs_one_wait_and_is_said(
    request: pytest.FixtureRequest, said: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "LIMITS", replace(limits.LIMITS, write_s=0.5, retry_first_s=0.1))
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = MLflowTracker(request.node.name, uri)
    with tracker.start_run("before"):
        pass
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for name in ("one", "two", "three"):
            with tracker.start_run(name):
                tracker.log_metric("m", 1.0)
            assert [entry["event"] for entry in said] == ["tracking_away"]
        other.execute("ROLLBACK")
    assert tracker.flush(FOR_EVER_S)
    assert [entry["event"] for entry in said] == ["tracking_away", "tracking_back"]
    client = open_client(uri)
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert Counter(run.info.run_name for run in runs) == dict.fromkeys(["before", "one", "two", "three"], 1)
