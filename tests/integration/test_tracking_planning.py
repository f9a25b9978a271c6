"""SQLite reads the points of the charted run alone in a real MLflow database; a file that can't be told so is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from attendance.tracking import planning
from attendance.tracking.client import open_client
from attendance.tracking.sink import MlflowSink
from tests.tracked_attempts import DATASET, SESSION, Notebook, Seen, numbered, summary_of

if TYPE_CHECKING:
    from pathlib import Path

METRIC = "verification_distance"
# What MLflow 3.17 reads of each run that a chart shows (_sample_rows_with_window_functions in its sqlalchemy_store.py).
CHART = """SELECT value, timestamp, step, is_nan, ntile(320) OVER (ORDER BY step, timestamp, value, is_nan) FROM metrics
    WHERE run_uuid = ? AND key = ?"""
OF_ITS_RUN = "index_metrics_run_uuid_key_step (run_uuid=? AND key=?)"


def plan(file: Path) -> str:
    """How a new connection would read a chart."""
    with closing(sqlite3.connect(file)) as database:
        return "\n".join(str(line[3]) for line in database.execute("EXPLAIN QUERY PLAN " + CHART, ("run-3", METRIC)))


def add_runs(file: Path, first: int, last: int) -> None:
    """As many other runs would leave their points, in the way that attempts do."""
    points = [(f"run-{run}", METRIC, step / 100, step, step) for run in range(first, last) for step in range(60)]
    with closing(sqlite3.connect(file)) as database:
        database.executemany(
            "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", points
        )
        database.commit()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # artifacts of an embedded store go to mlruns/ here
    return tmp_path / "my mlflow.db"


def test_a_sessions_summary_lets_charts_read_their_own_runs_alone(file: Path) -> None:
    uri = f"sqlite:///{file}"
    sink = MlflowSink(uri, "charts", Notebook())
    sink.send(SESSION, numbered(range(1, 6)), DATASET)
    add_runs(file, 0, 40)
    assert OF_ITS_RUN not in plan(file)  # the key of every run there is
    sink.summarise(SESSION, None, summary_of(5, 0.53))
    assert OF_ITS_RUN in plan(file)
    (parent,) = Seen(uri, "charts").parents
    assert parent.data.metrics["attempts"] == 5.0


def test_a_first_run_alone_does_not_decide_for_those_that_follow(file: Path) -> None:
    uri = f"sqlite:///{file}"
    open_client(uri)  # makes the tables
    add_runs(file, 0, 1)
    assert planning.refresh(uri)
    add_runs(file, 1, 40)
    assert planning.refresh(uri)
    assert OF_ITS_RUN in plan(file)


def test_a_locked_file_is_left_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{file}"
    open_client(uri)
    monkeypatch.setattr(planning, "_LOCKED_S", 0.05)
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not planning.refresh(uri)
        other.rollback()
    assert planning.refresh(uri)


def test_what_is_no_database_of_mlflows_is_not_touched(tmp_path: Path) -> None:
    missing, foreign = tmp_path / "missing.db", tmp_path / "notes.txt"
    foreign.write_text("not a database, and long enough to be read as one " * 50, encoding="utf-8")
    before = foreign.read_bytes()
    for uri in ("http://mlflow:5000", "postgresql://host/mlflow", "sqlite:///:memory:", "sqlite://", f"sqlite:///{missing}"):
        assert not planning.refresh(uri)
    assert not planning.refresh(f"sqlite:///{foreign}")
    assert foreign.read_bytes() == before
    assert not missing.exists()
