"""Runs that are tracked in a local file, and a look at what has arrived of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attendance.tracking.client import open_client

if TYPE_CHECKING:
    from mlflow_utils import MLflowTracker

FOR_EVER_S = 300.0


def block(tracker: MLflowTracker, name: str, calls: int = 50) -> float:
    """A run of so many metrics; returns how long all of it took, in seconds."""
    began = time.perf_counter()
    with tracker.start_run(name):
        for step in range(calls):
            tracker.log_metric("m", -step, step=step)
    return time.perf_counter() - began


def check(tracker: MLflowTracker, *names: str, calls: int = 50) -> None:
    """These runs are there, each once and with all of its metrics, and no other."""
    client = open_client(tracker.tracking_uri)
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(str(run.info.run_name) for run in runs) == sorted(names)
    for run in runs:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "m")
        assert sorted((one.step, one.value) for one in history) == [(step, -step) for step in range(calls)]


def events(said: list[Any]) -> list[str]:
    return [entry["event"] for entry in said]
