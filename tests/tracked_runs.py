"""What the tracking API left in MLflow, as MLflow's own client reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from mlflow_utils import MLflowTracker


def runs_of(client: MlflowClient, tracker: MLflowTracker) -> dict[str, Run]:
    """The runs of the tracker's experiment by their names."""
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    return {str(run.info.run_name): run for run in client.search_runs([experiment.experiment_id])}


def own_tags(run: Run) -> dict[str, str]:
    """Without MLflow's."""
    return {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
