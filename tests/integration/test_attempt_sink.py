"""Attempts in a real MLflow store: what each run says, and that sending again never shows."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from structlog.testing import capture_logs

from attendance.domain.model import Decision, Reason
from attendance.errors import TrackingError
from attendance.tracking.base import Dataset, Numbered, Session, Summary, parameter_set
from attendance.tracking.client import open_client
from attendance.tracking.sink import MlflowSink
from tests.tracked_attempts import DATASET, SESSION, START, Notebook, Seen, attempt, numbered

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = Summary(10, 8, {"p05": 0.31, "p25": 0.35, "p50": 0.40, "p75": 0.45, "p95": 0.70})


@pytest.fixture
def experiment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # artifacts of an embedded store go to mlruns/ here
    return str(request.node.name)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def sink(uri: str, experiment: str, notebook: Notebook) -> MlflowSink:
    return MlflowSink(uri, experiment, notebook)


def test_a_session_is_a_run_with_a_child_for_its_parameters(sink: MlflowSink, uri: str, experiment: str) -> None:
    sink.send(SESSION, numbered(range(1, 11)), DATASET)
    seen = Seen(uri, experiment)
    (parent,), (child,) = seen.parents, seen.children
    assert (parent.info.run_name, parent.info.status) == ("main door", "RUNNING")
    assert parent.info.start_time == START.timestamp() * 1000
    assert parent.data.tags["site"] == "main"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    digest = parameter_set(attempt(1))
    assert child.info.run_name == f"threshold 0.53 ({digest[:4]})"
    assert child.data.tags["parameter_set"] == digest
    wanted = {
        "min_confidence": "0.9",
        "margin_ratio": "0.2",
        "use_alignment": "True",
        "use_prewhitening": "False",
        "use_tta_flip": "True",
        "model": "dlib/resnet-v1/aligned/flip",
        "threshold": "0.53",
    }
    assert wanted.items() <= child.data.params.items()
    assert {"app_version", "mlflow_skinny_version", "onnxruntime_version"} <= child.data.params.keys()


def test_each_attempt_is_a_step_of_its_number(sink: MlflowSink, uri: str, experiment: str) -> None:
    sink.send(SESSION, numbered(range(41, 51)), DATASET)
    seen = Seen(uri, experiment)
    (child,) = seen.children
    attempts = {number: attempt(number) for number in range(41, 51)}
    assert seen.history(child) == [(number, one.distance_l2) for number, one in attempts.items()]
    assert seen.history(child, "verification_threshold") == [(number, 0.53) for number in attempts]
    matches = [(number, float(one.decision is Decision.ACCEPTED)) for number, one in attempts.items()]
    assert seen.history(child, "verification_match") == matches
    assert {value for _, value in matches} == {0.0, 1.0}
    assert seen.history(child, "timing/total_ms") == [(50, sum(16.0 + number % 11 for number in attempts) / 10)]
    assert seen.history(child, "quality/sharpness") == [(50, sum(120.0 + number % 50 for number in attempts) / 10)]
    assert seen.history(child, "dataset_num_images") == [(50, 12.0)]
    assert seen.history(child, "dataset_num_identities") == [(50, 4.0)]
    assert child.data.tags["verified_identity"] == seen.parents[0].data.tags["verified_identity"] == "Grace"  # number 49
    times = {one.timestamp for one in seen.client.get_metric_history(child.info.run_id, "verification_distance")}
    assert times == {one.at_utc.timestamp() * 1000 for one in attempts.values()}


def test_the_table_has_a_row_an_attempt_in_files_of_500_numbers(sink: MlflowSink, uri: str, experiment: str) -> None:
    sink.send(SESSION, numbered(range(400, 501)), DATASET)
    sink.send(SESSION, numbered(range(501, 520)), DATASET)
    seen = Seen(uri, experiment)
    (child,) = seen.children
    files = [file.path for file in seen.client.list_artifacts(child.info.run_id, "attempts")]
    assert files == ["attempts/000000001-000000500.json", "attempts/000000501-000001000.json"]
    rows = seen.rows(child)
    assert [row["number"] for row in rows] == list(range(400, 520))
    one = attempt(401)
    assert rows[1]["verified_identity"] == one.person_name
    assert rows[1]["verification_distance"] == one.distance_l2
    assert rows[1]["time_utc"] == "2025-03-03T08:06:41.000+00:00"
    assert rows[1]["quality/sharpness"] == 121.0
    assert rows[0] | {"verified_identity": None, "reason": "no_match", "verification_match": 0.0} == rows[0]
    assert [one["path"] for one in json.loads(child.data.tags["mlflow.loggedArtifacts"])] == files


def test_changed_parameters_are_another_child(sink: MlflowSink, uri: str, experiment: str) -> None:
    both = [Numbered(n, attempt(n, threshold=0.53 if n % 2 else 0.60)) for n in range(1, 21)]
    sink.send(SESSION, both, DATASET)
    seen = Seen(uri, experiment)
    assert len(seen.parents) == 1
    assert {run.data.params["threshold"]: len(seen.history(run)) for run in seen.children} == {"0.53": 10, "0.6": 10}
    assert {len(seen.rows(run)) for run in seen.children} == {10}
    assert {next(iter(run.data.metrics)) for run in seen.children} == {"accept_rate"}, "MLflow compares the first by itself"
    assert {run.data.params["threshold"]: run.data.metrics["accept_rate"] for run in seen.children} == {
        "0.53": 0.8,
        "0.6": 0.8,
    }
    sink.summarise(SESSION, None, SUMMARY)
    (parent,) = Seen(uri, experiment).parents
    link = unquote(parent.data.tags["mlflow.note.content"].partition("[Compare the sets](#/compare-runs?")[2])
    assert all(f'"{run.info.run_id}"' in link for run in seen.children)


def snapshot(seen: Seen) -> Any:
    """Everything that is there, but the times of tags."""
    return [
        (
            run.info.run_id,
            run.data.params,
            run.data.tags,
            {name: seen.history(run, name) for name in run.data.metrics},
            seen.rows(run),
        )
        for run in seen.runs
    ]


def test_the_same_batch_again_does_not_show(uri: str, experiment: str, notebook: Notebook, sink: MlflowSink) -> None:
    sink.send(SESSION, numbered(range(1, 31)), DATASET)
    before = snapshot(Seen(uri, experiment))
    sink.send(SESSION, numbered(range(1, 31)), DATASET)
    MlflowSink(uri, experiment, notebook).send(SESSION, numbered(range(1, 31)), DATASET)
    assert snapshot(Seen(uri, experiment)) == before
    MlflowSink(uri, experiment, notebook).send(SESSION, numbered(range(21, 51)), DATASET)  # a part of it, and more
    seen = Seen(uri, experiment)
    assert seen.steps() == dict.fromkeys(range(1, 51), 1)
    assert [row["number"] for row in seen.rows(seen.children[0])] == list(range(1, 51))


def test_two_senders_in_turn_lose_no_row_of_each_other(uri: str, experiment: str, notebook: Notebook) -> None:
    first, second = (MlflowSink(uri, experiment, notebook) for _ in range(2))
    first.send(SESSION, numbered(range(1, 11)), DATASET)
    second.send(SESSION, numbered(range(11, 21)), DATASET)
    first.send(SESSION, numbered(range(21, 31)), DATASET)
    seen = Seen(uri, experiment)
    assert [row["number"] for row in seen.rows(seen.children[0])] == list(range(1, 31))


def test_summaries_stand_on_child_and_parent(sink: MlflowSink, uri: str, experiment: str) -> None:
    sink.send(SESSION, numbered(range(1, 11)), DATASET)
    digest = parameter_set(attempt(1))
    for _ in range(2):
        sink.summarise(SESSION, digest, SUMMARY)
        sink.summarise(SESSION, None, replace(SUMMARY, attempts=20, accepted=8))
    seen = Seen(uri, experiment)
    shown = {
        "attempts": 10,
        "accepted": 8,
        "accept_rate": 0.8,
        "distance_p05": 0.31,
        "distance_p25": 0.35,
        "distance_median": 0.40,
        "distance_p75": 0.45,
        "distance_p95": 0.70,
    }
    assert shown.items() <= seen.children[0].data.metrics.items()
    assert {"attempts": 20, "accept_rate": 0.4}.items() <= seen.parents[0].data.metrics.items()
    assert f"| 0.53 | 10 | 8 | 80.0% | 0.400 | 0.700 | {digest[:4]} |" in seen.parents[0].data.tags["mlflow.note.content"]
    sink.summarise(SESSION, digest, Summary(11, 0, {}))
    assert Seen(uri, experiment).children[0].data.metrics["accept_rate"] == 0


def test_a_summary_of_what_was_never_sent_makes_no_run(sink: MlflowSink, uri: str, experiment: str) -> None:
    sink.summarise(SESSION, None, SUMMARY)
    sink.summarise(SESSION, "0123456789", SUMMARY)
    sink.finish(SESSION)
    assert Seen(uri, experiment).runs == []


def test_finish_ends_all_runs_once_and_what_comes_later_still_arrives(
    sink: MlflowSink, uri: str, experiment: str, notebook: Notebook
) -> None:
    sink.send(SESSION, numbered(range(1, 6)), DATASET)
    sink.send(SESSION, numbered(range(6, 9), threshold=0.6), DATASET)
    sink.finish(SESSION)
    before = {run.info.run_id: run.info.end_time for run in Seen(uri, experiment).runs}
    MlflowSink(uri, experiment, notebook).finish(SESSION)
    seen = Seen(uri, experiment)
    assert {run.info.run_id: run.info.end_time for run in seen.runs} == before
    assert [run.info.status for run in seen.runs] == ["FINISHED"] * 3
    sink.send(SESSION, numbered(range(9, 12)), DATASET)
    assert sum(Seen(uri, experiment).steps().values()) == 11
    sink.close()


def test_pseudonyms_stand_for_names_everywhere(uri: str, experiment: str, notebook: Notebook) -> None:
    sink = MlflowSink(uri, experiment, notebook, pseudonyms=lambda who: f"person {max(who)}")
    sink.send(SESSION, numbered(range(1, 11)), DATASET)
    sink.summarise(SESSION, None, SUMMARY)
    seen = Seen(uri, experiment)
    told = json.dumps([[run.data.tags, run.data.params, seen.rows(run)] for run in seen.runs], default=str)
    assert not [name for name in ("Ada", "Grace", "Katherine", "Mary") if name in told]
    assert seen.rows(seen.children[0])[0]["verified_identity"] == "person r"


def test_odd_values_arrive_as_far_as_they_say_something(sink: MlflowSink, uri: str, experiment: str) -> None:
    long = "長い名前 \ud800\x00 🙂 " * 2_000
    odd = Session(long, long, START, long)
    changes: list[dict[str, Any]] = [
        {"distance_l2": None, "runner_up_l2": None, "quality": None, "timings_ms": {}, "reason": Reason.NO_FACE},
        {"distance_l2": math.nan, "runner_up_l2": math.inf, "quality": {"sharp|ness\n": math.nan, "ok": 1.0}},
        {"distance_l2": math.inf, "person_name": long, "decision": Decision.ACCEPTED},
    ]
    parameters = {"a|b": long, "": "empty", "k" * 400: 1, **{f"p{number}": number for number in range(150)}}
    batch = [Numbered(n, attempt(n, parameters=parameters, **one)) for n, one in enumerate(changes, 1)]
    sink.send(odd, [*batch, Numbered(4, attempt(4, parameters=parameters))], Dataset(0, 0))
    sink.send(odd, [*batch, Numbered(4, attempt(4, parameters=parameters))], Dataset(0, 0))
    sink.summarise(odd, None, Summary(4, 2, {"p50": math.nan}))
    sink.finish(odd)
    seen = Seen(uri, experiment)
    assert seen.steps() == dict.fromkeys((1, 2, 3, 4), 1)
    (child,) = seen.children
    assert seen.history(child) == [(4, attempt(4).distance_l2)]
    assert [row["verification_distance"] for row in seen.rows(child)] == [None, None, None, attempt(4).distance_l2]
    assert seen.rows(child)[2]["verified_identity"].startswith("長い名前")
    assert len(child.data.params) > 150


def test_a_session_without_its_runs_gets_them_back(sink: MlflowSink, uri: str, experiment: str) -> None:
    sink.send(SESSION, numbered(range(1, 6)), DATASET)
    client = open_client(uri)
    for run in Seen(uri, experiment).runs:
        client.delete_run(run.info.run_id)
    with capture_logs() as said:
        with pytest.raises(TrackingError):  # it had seen them; then it looks again
            sink.send(SESSION, numbered(range(6, 11)), DATASET)
        sink.send(SESSION, numbered(range(6, 11)), DATASET)
    assert Counter(one["event"] for one in said) == {"tracking_run_restored": 2}
    assert Seen(uri, experiment).steps() == dict.fromkeys(range(1, 11), 1)
    client.delete_experiment(Seen(uri, experiment).runs[0].info.experiment_id)
    MlflowSink(uri, experiment, sink._remembered).send(SESSION, numbered(range(11, 13)), DATASET)
    assert Seen(uri, experiment).steps() == dict.fromkeys(range(1, 13), 1)


def test_another_destination_gets_runs_of_its_own(sink: MlflowSink, notebook: Notebook, tmp_path: Path) -> None:
    sink.send(SESSION, numbered(range(1, 6)), DATASET)
    elsewhere = f"sqlite:///{tmp_path}/other.db"
    MlflowSink(elsewhere, "e", notebook).send(SESSION, numbered(range(6, 11)), DATASET)
    assert Seen(elsewhere, "e").steps() == dict.fromkeys(range(6, 11), 1)
    (tmp_path / "other.db").unlink()  # and a database that was lost is begun anew
    fresh = f"sqlite:///{tmp_path}/./other.db"
    MlflowSink(fresh, "e", notebook).send(SESSION, numbered(range(11, 13)), DATASET)
    assert Seen(fresh, "e").steps() == dict.fromkeys(range(11, 13), 1)
