"""Links into `mlflow ui`: what they open, and that no secret is in them."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from attendance.tracking import views

MOST = 5_000  # characters of an experiment's tag (mlflow/utils/validation.py of 3.17)


def test_a_comparison_names_only_charts_that_are_in_its_sections_and_fits_into_a_tag() -> None:
    parameters = ["threshold", "margin_ratio", "use_alignment", "use_prewhitening", "use_tta_flip", "min_confidence"]
    text = views.comparison("f" * 32, parameters, ["fmr", "fpir", "fnir", "fnmr"])
    assert len(text) < MOST
    view = json.loads(text)
    sections = [one["uuid"] for one in view["compareRunSections"]]
    charts = view["compareRunCharts"]
    assert {one["metricSectionId"] for one in charts} == set(sections)
    assert len({one["uuid"] for one in charts}) == len(charts)
    assert charts[0]["selectedParams"] == parameters
    assert [one["yaxis"]["key"] for one in charts[1:]] == ["fmr", "fpir", "fnir", "fnmr"]


def test_a_runs_link_has_no_password() -> None:
    link = views.run_link("https://ann:hunter2@mlflow.example.org/base/", "3", "abc")
    assert link == "https://mlflow.example.org/base/#/experiments/3/runs/abc?workflowType=machine_learning"
    assert views.run_link("sqlite:///mlflow.db", "3", "abc") is None
    assert link.endswith("/base/" + views.run_place("3", "abc"))


def test_runs_to_compare_stand_in_the_link_as_json() -> None:
    path, _, query = views.runs_link("3", ["a", "b"]).partition("?")
    assert path == "#/compare-runs"
    assert {name: json.loads(value) for name, (value,) in parse_qs(query).items()} == {
        "runs": ["a", "b"],
        "experiments": ["3"],
    }
