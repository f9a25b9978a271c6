"""The tracking API on a real SQLite store: what is logged is what MLflow's own client reads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mlflow_utils
from mlflow_utils import MLflowTracker
from tests.tracked_runs import own_tags, runs_of

if TYPE_CHECKING:
    import pytest
    from mlflow import MlflowClient


def test_everything_of_a_run_is_there_when_its_block_is_left(
    tracker: MLflowTracker, client: MlflowClient, said: list[Any], tmp_path: Path
) -> None:
    report = tmp_path / "report.txt"
    report.write_text("0.53")
    with tracker.start_run("night", tags={"site": "main"}) as run:
        tracker.log_param("threshold", 0.53)
        tracker.log_params({"use_alignment": True, "count": np.int64(3), "nothing": None})
        tracker.log_metric("accept_rate", 0.97, step=1)
        tracker.log_metrics({"fmr": np.float32(0.5), "match": True}, step=2)
        tracker.set_tag("reviewed", False)
        tracker.set_tags({"by": "Ada", "site": "annexe"})
        tracker.log_artifact(str(report), "reports")
        report.unlink()
    kept = client.get_run(str(run.info.run_id))
    assert (kept.info.run_name, kept.info.status) == ("night", "FINISHED")
    assert kept.data.params == {"threshold": "0.53", "use_alignment": "True", "count": "3", "nothing": "None"}
    assert kept.data.metrics == {"accept_rate": 0.97, "fmr": 0.5, "match": 1.0}
    assert own_tags(kept) == {"site": "annexe", "reviewed": "False", "by": "Ada"}
    assert [file.path for file in client.list_artifacts(kept.info.run_id, "reports")] == ["reports/report.txt"]
    assert run.info.experiment_id == kept.info.experiment_id
    assert run.info.artifact_uri == kept.info.artifact_uri
    assert said == []


def test_the_yielded_run_knows_itself_inside_its_block(tracker: MLflowTracker, client: MlflowClient) -> None:
    with tracker.start_run() as run:
        assert run
        assert run.info.status == "RUNNING"
        inside = client.get_run(str(run.info.run_id))
        assert inside.info.run_name == run.info.run_name
        assert inside.info.status == "RUNNING"
    assert run.info.status == "FINISHED"


def test_execution_metadata(tracker: MLflowTracker, client: MlflowClient, said: list[Any]) -> None:
    day = dt.date(2025, 3, 1)
    with tracker.start_run("positional"):
        tracker.log_execution_metadata(day, 1200, 3.5, {"year": 2025, "month": 3})
    with tracker.start_run("alias"):
        tracker.log_execution_metadata(date="2025-03-01", row_count=0)
    runs = runs_of(client, tracker)
    assert runs["positional"].data.params == {"trade_date": "2025-03-01", "partition_year": "2025", "partition_month": "3"}
    assert runs["positional"].data.metrics == {"row_count": 1200.0, "duration_seconds": 3.5}
    assert runs["alias"].data.params == {"trade_date": "2025-03-01"}
    assert runs["alias"].data.metrics == {"row_count": 0.0}
    assert said == []


def test_a_partition_that_is_none_costs_nothing_else(tracker: MLflowTracker, client: MlflowClient, said: list[Any]) -> None:
    with tracker.start_run("text"):
        tracker.log_execution_metadata("2025-03-01", 1200, 3.5, "year=2025")  # type: ignore[arg-type]  # as it comes
    with tracker.start_run("pairs"):
        tracker.log_execution_metadata("2025-03-01", 7, None, [("year", 2025)])  # type: ignore[arg-type]  # as it comes
    runs = runs_of(client, tracker)
    assert runs["text"].data.params == {"trade_date": "2025-03-01"}
    assert runs["text"].data.metrics == {"row_count": 1200.0, "duration_seconds": 3.5}
    assert runs["pairs"].data.params == {"trade_date": "2025-03-01", "partition_year": "2025"}
    assert [(one["event"], one["call"]) for one in said] == [("tracking_call_unusable", "log_execution_metadata")]


def test_a_deleted_experiment_is_restored(tracker: MLflowTracker, client: MlflowClient, said: list[Any]) -> None:
    with tracker.start_run("before"):
        pass
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with tracker.start_run("after"):
        tracker.log_metric("m", 1)
    assert {"before", "after"} <= set(runs_of(client, tracker))
    assert [entry["event"] for entry in said] == ["tracking_experiment_restored"]


def test_a_deleted_run_loses_its_calls_and_holds_up_no_other(
    tracker: MLflowTracker, client: MlflowClient, said: list[Any]
) -> None:
    with tracker.start_run("deleted") as run:
        client.delete_run(str(run.info.run_id))
        tracker.log_metric("m", 1)
    with tracker.start_run("next"):
        tracker.log_metric("m", 2)
    assert runs_of(client, tracker)["next"].data.metrics == {"m": 2.0}
    assert {entry["event"] for entry in said} == {"tracking_refused"}


def test_values_that_cannot_be_used_are_warnings(tracker: MLflowTracker, client: MlflowClient, said: list[Any]) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    with tracker.start_run("odd", tags={"bad": Unprintable()}):
        tracker.log_params(None)  # type: ignore[arg-type]  # what a caller should not do
        tracker.log_param("p", Unprintable())
        tracker.log_metric("m", "much")  # type: ignore[arg-type]  # the same
        tracker.log_artifact("/nowhere/at/all")
        tracker.set_tags(["a"])  # type: ignore[arg-type]  # the same
        tracker.log_metric("good", 1)
    assert runs_of(client, tracker)["odd"].data.metrics == {"good": 1.0}
    assert [entry["event"] for entry in said] == [
        "tracking_call_unusable",
        "tracking_call_unusable",
        "tracking_call_unusable",
        "tracking_no_number",
        "tracking_artifact_unreadable",
        "tracking_call_unusable",
    ]
    assert {entry["log_level"] for entry in said} == {"warning"}


def test_strange_values_arrive(tracker: MLflowTracker, client: MlflowClient) -> None:
    with tracker.start_run("strange"):
        tracker.log_metrics({"nan": np.nan, "inf": np.inf, "minus": -np.inf, "huge": 1e308})
        tracker.log_metric("far", 1, step=2**70)
        tracker.log_param("weird key?", "\ud800\x00")
        tracker.log_params({f"p{number}": "x" * 6500 for number in range(250)})
    run = runs_of(client, tracker)["strange"]
    assert np.isnan(run.data.metrics["nan"])
    assert run.data.metrics["inf"] > 1e308
    assert run.data.metrics["minus"] < -1e308
    assert run.data.params["weird key_"] == "?\ufffd"
    assert sum(len(value) == 6000 for value in run.data.params.values()) == 250


def test_order_and_times_stay(tracker: MLflowTracker, client: MlflowClient) -> None:
    before = dt.datetime.now(dt.UTC).timestamp() * 1000
    with tracker.start_run("series") as run:
        for value in range(2500):
            tracker.log_metric("descending", -value)
    history = client.get_metric_history(str(run.info.run_id), "descending")
    assert [metric.value for metric in sorted(history, key=lambda one: one.timestamp)] == [-value for value in range(2500)]
    assert client.get_run(str(run.info.run_id)).data.metrics["descending"] == -2499  # the last, not the largest
    assert before - 1 <= min(metric.timestamp for metric in history)


def test_a_folder_arrives_as_it_was(tracker: MLflowTracker, client: MlflowClient, tmp_path: Path) -> None:
    folder = tmp_path / "plots"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text("first")
    with tracker.start_run("folder") as run:
        tracker.log_artifact(folder)
        (folder / "deep" / "a.txt").write_text("second")
        tracker.log_artifact(folder / "deep" / "a.txt", "../out/./of")
    run_id = str(run.info.run_id)
    copy = client.download_artifacts(run_id, "plots/deep/a.txt", str(tmp_path / ""))
    assert Path(copy).read_text() == "first"
    assert [file.path for file in client.list_artifacts(run_id, "__/out/of")] == ["__/out/of/a.txt"]


def test_a_relative_file_stays_where_it_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert MLflowTracker("e").tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert MLflowTracker("e").tracking_uri == "http://127.0.0.1:9"
    assert mlflow_utils.tracking_uri() == "http://127.0.0.1:9"
    assert MLflowTracker("e", "sqlite:////x/y.db").tracking_uri == "sqlite:////x/y.db"
