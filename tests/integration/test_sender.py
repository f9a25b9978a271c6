"""The sender's own process: starts when something waits, comes back, and ends with the server, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from pydantic import SecretStr

from attendance.bootstrap import sender as sender_module
from attendance.bootstrap.sender import Sender
from attendance.bootstrap.tracking import tracking_of
from attendance.settings import Settings
from attendance.store.connect import connect
from attendance.tracking.client import open_client
from tests.store_makers import after, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from attendance.bootstrap.tracking import Tracking
    from attendance.store.base import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the process sends to: a file, which needs no server."""
    value = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *map(str, sys.path)]))
    return value


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store_url=SecretStr(f"sqlite:///{tmp_path}/a.db"), offline=True, tracking=True)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = connect(settings.store_url.get_secret_value(), timeout_s=5)
    yield opened
    opened.close()


def wait_for(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 280
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def settle(store: Store, tracking: Tracking, at: float) -> None:
    store.settle(attempt(None, after(at), session=tracking.sessions.session()), 60.0)


def pid(sender: Sender) -> int:
    """Of its process, or 0."""
    return sender.process_id or 0


def test_it_sends_comes_back_and_ends(store: Store, settings: Settings, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "AGAIN_S", 0.1)
    monkeypatch.setattr(sender_module, "STOP_S", 60.0)
    tracking = tracking_of(store, settings, None, server=True)
    sender = Sender(settings, tracking)
    sender.start()
    wait_for(tracking.sessions.session)
    assert sender.process_id is None  # nothing waits
    settle(store, tracking, 0)
    wait_for(lambda: store.outbox().sent == 1)
    first = pid(sender)
    assert first
    os.kill(first, signal.SIGKILL)
    settle(store, tracking, 1)
    wait_for(lambda: store.outbox().sent == 2)
    second = pid(sender)
    assert second not in {0, first}
    settle(store, tracking, 2)
    sender.stop()
    assert store.outbox().sent == 3
    assert not psutil.pid_exists(second)
    client = open_client(uri)
    found = client.get_experiment_by_name("face-attendance")
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    assert len(runs) == 2  # the session's, and its parameter set's
    assert {run.info.status for run in runs} == {"FINISHED"}
    child = next(run for run in runs if "mlflow.parentRunId" in run.data.tags)
    history = client.get_metric_history(child.info.run_id, "verification_threshold")
    assert sorted(one.step for one in history) == [1, 2, 3]


def serve(url: str, answers: Connection[Any, Any]) -> None:
    """A server with a sender, in a process of its own; tells its sender's process, and waits to be killed."""
    settings = Settings(store_url=SecretStr(url), offline=True, tracking=True)
    store = connect(url, timeout_s=5)
    tracking = tracking_of(store, settings, None, server=True)
    sender = Sender(settings, tracking)
    sender.start()
    wait_for(tracking.sessions.session)
    settle(store, tracking, 0)
    wait_for(lambda: sender.process_id)
    settle(store, tracking, 1)
    answers.send(sender.process_id)
    time.sleep(600)


def test_it_outlives_no_killed_server(store: Store, settings: Settings) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(settings.store_url.get_secret_value(), there))
    server.start()
    assert here.poll(120)
    process_id = here.recv()
    server.kill()
    server.join()
    wait_for(lambda: not psutil.pid_exists(process_id) or psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE)
    tracking_of(store, settings, None, server=True, sends_only=True).outbox.flush(60)
    assert store.outbox().sent == 2
    assert store.outbox().waiting == 0
