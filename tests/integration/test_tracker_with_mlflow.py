"""Scripts that use mlflow's own functions beside the tracker: what is logged goes to the run that is open."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import mlflow
import pytest
from structlog.testing import capture_logs

from mlflow_utils import MLflowTracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow.entities import Run


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    here = f"sqlite:///{tmp_path}/mlflow.db"  # not a relative one: mlflow would go on in the folder of its first use
    mlflow.set_tracking_uri(here)
    mlflow.set_experiment("mixed")
    yield here
    mlflow.set_tracking_uri(before)


def runs(uri: str) -> dict[str, Run]:
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("mixed")
    if experiment is None:
        return {}
    return {str(run.info.run_name): run for run in client.search_runs([experiment.experiment_id])}


def test_the_tracker_logs_to_the_run_that_mlflow_began(uri: str) -> None:
    tracker = MLflowTracker("mixed", uri)
    with capture_logs() as said, mlflow.start_run(run_name="outer"):
        mlflow.log_metric("theirs", 1)
        tracker.log_metrics({"ours": 2})
        tracker.log_param("threshold", 0.5)
        tracker.log_param("threshold", 0.6)  # the first stays, and it is said once
        tracker.log_execution_metadata("2025-03-03", 10, 90.0, None)
        tracker.log_metric("span", dt.timedelta(minutes=2))  # type: ignore[arg-type]  # as scripts do
        with tracker.start_run("inner", nested=True):
            tracker.log_metric("deeper", 3)
    assert tracker.flush(60)
    found = runs(uri)
    assert set(found) == {"outer", "inner"}
    assert found["outer"].data.metrics == {"theirs": 1, "ours": 2, "row_count": 10, "duration_seconds": 90, "span": 120}
    assert found["outer"].data.params == {"threshold": "0.5", "trade_date": "2025-03-03"}
    assert found["inner"].data.metrics == {"deeper": 3}
    assert found["inner"].data.tags["mlflow.parentRunId"] == found["outer"].info.run_id
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert [one["event"] for one in said] == ["tracking_param_changed"]


def test_mlflow_logs_to_the_run_that_the_tracker_began(uri: str) -> None:
    """As docs/mlflow.md says how."""
    tracker = MLflowTracker("mixed", uri)
    with tracker.start_run("ours") as run:
        tracker.log_metric("before", 1)
        with mlflow.start_run(run_id=run.info.run_id):
            mlflow.log_metric("theirs", 2)
            mlflow.log_dict({"a": 1}, "a.json")
        tracker.log_metric("after", 3)
    found = runs(uri)
    assert set(found) == {"ours"}
    assert found["ours"].data.metrics == {"before": 1, "theirs": 2, "after": 3}
    assert found["ours"].info.status == "FINISHED"


def test_a_run_elsewhere_is_left_alone(uri: str, tmp_path: Path) -> None:
    tracker = MLflowTracker("mixed", f"sqlite:///{tmp_path}/other.db")
    with capture_logs() as said, mlflow.start_run(run_name="outer"):
        tracker.log_metric("ours", 2)
    assert [one["event"] for one in said] == ["tracking_no_active_run"]
    assert runs(uri)["outer"].data.metrics == {}
