"""The examples run as they are, in a folder of nobody's, and leave what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attendance.tracking.client import open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ROOT = Path(__file__).resolve().parents[2]


def run_example(name: str, folder: Path, experiment: str) -> tuple[MlflowClient, dict[str, Run]]:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    client = open_client(f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return client, {str(run.info.run_name): run for run in client.search_runs([found.experiment_id])}


def test_a_job(tmp_path: Path) -> None:
    client, runs = run_example("track_a_job.py", tmp_path, "nightly-export")
    run = runs["export 2025-03-01"]
    assert run.data.params == {
        "trade_date": "2025-03-01",
        "partition_year": "2025",
        "partition_month": "3",
        "partition_day": "1",
    }
    assert run.data.metrics["row_count"] == 2
    assert [file.path for file in client.list_artifacts(run.info.run_id, "export")] == ["export/records-2025-03-01.csv"]


def test_thresholds(tmp_path: Path) -> None:
    _, runs = run_example("compare_thresholds.py", tmp_path, "thresholds")
    parent = runs.pop("comparison")
    assert "| 0.55 | 0.06% | 0.20% |" in parent.data.tags["mlflow.note.content"]
    assert {run.data.params["threshold"] for run in runs.values()} == {"0.45", "0.5", "0.55", "0.6"}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert {run.info.status for run in (parent, *runs.values())} == {"FINISHED"}


def test_no_example_is_left_out() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [file.name for file in (ROOT / "examples").glob("*.py") if f'"{file.name}"' not in text] == []


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.py")), ids=lambda file: file.name)
def test_the_documents_name_every_example(file: Path) -> None:
    assert f"examples/{file.name}" in (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")


def test_the_documents_name_every_warning() -> None:
    text = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    code = "".join(part.read_text(encoding="utf-8") for part in (ROOT / "attendance" / "tracking").glob("*.py"))
    said = set(re.findall(r'"(tracking_[a-z_]+)"', code)) - {"tracking_uri"}
    assert len(said) > 15
    assert [event for event in sorted(said) if f"`{event}`" not in text] == []
