"""Measurements as MLflow runs, read back from a real server and from a SQLite store; and with nothing there at all."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from attendance.bootstrap.measured_runs import EXPERIMENT, track
from attendance.services.calibration_report import html
from attendance.services.measured_note import advised, note
from attendance.tracking import destinations
from attendance.tracking.client import open_client
from tests.calibrations import calibrated
from tests.real_server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from attendance.services.calibrate import Calibration
    from attendance.services.error_report import ErrorReport
    from attendance.services.scores import Scores


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    destinations.close_all()


@pytest.fixture(params=["server", "sqlite"])
def uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # where artifacts of a SQLite store go
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mlflow.db"
    return str(request.getfixturevalue("server").url)


@pytest.fixture
def calibration(tmp_path: Path) -> Iterator[Calibration]:
    yield from calibrated(tmp_path, pictures=4, threshold=0.3)


def sent(uri: str, reports: list[ErrorReport], scores: Sequence[Scores] = ()) -> str:
    return track(reports, html(reports), data="enrolled references", scores=scores, tracking_uri=uri)


def test_a_calibration_is_one_run_with_all_that_a_reader_needs(uri: str, calibration: Calibration) -> None:
    report = calibration.report()
    said = sent(uri, [report], [calibration.scores])
    assert said.startswith("Tracked as calibration ")
    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    run = client.search_runs([experiment.experiment_id], "tags.kind = 'calibration'", max_results=1)[0]
    assert run.info.status == "FINISHED"
    page = f" Its page: {uri}/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning"
    assert said.endswith(page) == uri.startswith("http"), said
    parameters = {name: str(value) for name, value in report.parameters().items()}
    assert run.data.params == {**parameters, "data_digest": report.data.digest}
    for name, value in report.metrics().items():
        assert run.data.metrics[name] == pytest.approx(value), name
    assert {"eer", "fmr", "fnmr", "fpir", "fnir", "fnmr_at_fmr_1e-2"} <= run.data.metrics.keys()
    assert run.data.metrics["recommended_threshold"] == advised(report)
    assert run.inputs is not None
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("enrolled references", report.data.digest[:36])
    assert data.tags[0].value == "calibration"
    charts = {one.path for one in client.list_artifacts(run.info.run_id, "charts")}
    assert {"charts/errors.svg", "charts/distributions.svg"} <= charts
    page = client.download_artifacts(run.info.run_id, "report.html")
    with open(page, encoding="utf-8") as file:  # noqa: PTH123  # MLflow gives a string
        assert "FPIR" in file.read()
    with open(client.download_artifacts(run.info.run_id, "scores.csv"), encoding="utf-8") as file:  # noqa: PTH123
        rows = list(csv.DictReader(file))
    assert sum(float(row["distance"]) <= 0.3 for row in rows if row["kind"] == "impostor") == report.fmr.errors
    ids = {row["first_person"] for row in rows} | {row["second_person"] for row in rows}
    assert ids == {"", *(str(number) for number in range(1, 9))}, "nobody's id is sent"
    curve = {one.step: one.value for one in client.get_metric_history(run.info.run_id, "fnmr_at_threshold")}
    at = report.curves.thresholds.index(0.3)
    assert curve[300] == pytest.approx(report.curves.fnmr[at])
    assert "Person" not in str(run.to_dictionary()), "nobody's name is sent"
    above = client.get_experiment(experiment.experiment_id).tags["mlflow.note.content"]
    assert above.startswith(note([report]).splitlines()[0])
    assert f"#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}?" in above
    track([calibration.report(threshold=0.4)], "", data="others", tracking_uri=uri, tags={"recogniser_version": "2"})
    assert client.get_experiment(experiment.experiment_id).tags["mlflow.note.content"] == above, "a version's is its own"


def test_a_sweep_is_a_parent_with_a_child_for_each_combination(uri: str, calibration: Calibration) -> None:
    reports = [calibration.report(threshold=threshold) for threshold in (0.25, 0.3, 1.3)]
    assert sent(uri, reports).startswith("Tracked as sweep ")
    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    parent = client.search_runs([experiment.experiment_id], "tags.kind = 'sweep'", max_results=1)[0]
    assert (parent.data.params["combinations"], parent.data.params["swept"]) == ("3", "threshold")
    children = client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {one.data.params["threshold"] for one in children} == {"0.25", "0.3", "1.3"}
    assert {one.info.run_name for one in children} == {"threshold 0.25", "threshold 0.3", "threshold 1.3"}
    names = {frozenset(one.data.params) for one in children}, {frozenset(one.data.metrics) for one in children}
    assert [len(one) for one in names] == [1, 1], "the parallel-coordinates view compares equal names"
    by_threshold = {one.data.params["threshold"]: one.data.metrics for one in children}
    for report in reports:
        assert by_threshold[f"{report.threshold:g}"]["fnmr"] == pytest.approx(report.fnmr.rate)
    assert parent.data.metrics["recommended_threshold"] == 0.3
    key = f"children-of-{parent.info.run_id}"
    link = f"#/experiments/{experiment.experiment_id}/runs?viewStateShareKey={key}&compareRunsMode=CHART"
    assert parent.data.tags["mlflow.note.content"] == note(reports, f"{link}&workflowType=machine_learning")
    experiment = client.get_experiment(experiment.experiment_id)
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])
    assert experiment.tags["mlflow.note.content"].startswith("**Use threshold 0.3.** "), "the newest measurement's answer"
    assert view["searchFilter"] == f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    lines = view["compareRunCharts"][0]
    assert (lines["selectedParams"], lines["selectedMetrics"]) == (["threshold"], ["fmr", "fpir", "fnir", "fnmr"])
    assert parent.data.metrics["lowest_frr"] == min(one.frr for one in reports)


def test_with_nothing_there_it_says_so_and_raises_nothing(calibration: Calibration) -> None:
    said = sent(f"http://ann:hunter2@127.0.0.1:{free_port()}", [calibration.report()])
    assert said.startswith("Not tracked: MLflow at http://")
    assert "hunter2" not in said
