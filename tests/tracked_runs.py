"""A run with a bit of everything, and what the tracking API left in MLflow, as MLflow's own client reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from mlflow_utils import MLflowTracker


def work(tracker: MLflowTracker, file: Path) -> Any:
    """A run with a bit of everything; returns what it yielded."""
    file.write_text("kept")
    with tracker.start_run("work", tags={"site": "main"}) as run:
        tracker.log_param("p", 1)
        for step in range(200):
            tracker.log_metric("m", step, step=step)
        with tracker.start_run("child", nested=True):
            tracker.set_tag("t", "v")
        tracker.log_artifact(file, "files")
        file.unlink()
    return run


def runs_of(client: MlflowClient, tracker: MLflowTracker) -> dict[str, Run]:
    """The runs of the tracker's experiment by their names."""
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    return {str(run.info.run_name): run for run in client.search_runs([experiment.experiment_id])}


def own_tags(run: Run) -> dict[str, str]:
    """Without MLflow's."""
    return {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
