"""SQLite reads the points of the charted run alone, and in order, in a real MLflow database and after MLflow has moved it to
another version's tables; a file that can't be told so is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from mlflow.store import db_migrations
from mlflow.store.tracking.dbmodels.initial_models import Base

from attendance.tracking import planning
from attendance.tracking.client import open_client
from attendance.tracking.sink import MlflowSink
from tests.tracked_attempts import DATASET, SESSION, Notebook, Seen, numbered, summary_of

MANUAL = Path(__file__).parents[2] / "docs" / "mlflow.md"
METRIC = "verification_distance"
# What MLflow 3.17 reads of each run that a chart shows (_sample_rows_with_window_functions in its sqlalchemy_store.py).
CHART = """SELECT value, timestamp, step, is_nan, ntile(320) OVER (ORDER BY step, timestamp, value, is_nan) FROM metrics
    WHERE run_uuid = ? AND key = ?"""
OF_ITS_RUN = "index_metrics_run_uuid_key_step (run_uuid=? AND key=?)"
IN_ORDER = f"USING COVERING INDEX {planning.INDEX} (run_uuid=? AND key=?)"
SORTED = "USE TEMP B-TREE FOR"
# MLflow's tables before a migration that copies the table of metrics (39d1c3be5f05), and others that add indexes to it.
OLDER = "a8c4a736bde6"


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


def test_a_sessions_summary_lets_charts_read_their_own_runs_alone_and_in_order(file: Path) -> None:
    uri = f"sqlite:///{file}"
    sink = MlflowSink(uri, "charts", Notebook())
    sink.send(SESSION, numbered(range(1, 6)), DATASET)
    add_runs(file, 0, 40)
    before = plan(file)
    assert "USING COVERING INDEX sqlite_autoindex_metrics_1 (key=?)" in before  # the key of every run there is
    assert SORTED in before
    sink.summarise(SESSION, None, summary_of(5, 0.53))
    after = plan(file)
    assert IN_ORDER in after
    assert SORTED not in after
    (parent,) = Seen(uri, "charts").parents
    assert parent.data.metrics["attempts"] == 5.0


def test_a_first_run_alone_does_not_decide_for_those_that_follow(file: Path) -> None:
    uri = f"sqlite:///{file}"
    open_client(uri)  # makes the tables
    add_runs(file, 0, 1)
    assert planning.refresh(uri)
    assert IN_ORDER in plan(file)
    add_runs(file, 1, 40)
    assert IN_ORDER in plan(file)
    assert planning.refresh(uri)
    assert IN_ORDER in plan(file)


def test_a_file_of_many_points_is_not_held_for_an_index(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{file}"
    open_client(uri)
    add_runs(file, 0, 40)
    monkeypatch.setattr(planning, "_POINTS_INDEXED", 40 * 60 - 1)
    assert planning.refresh(uri)
    told = plan(file)
    assert planning.INDEX not in told
    assert OF_ITS_RUN in told  # by the statistics alone
    monkeypatch.setattr(planning, "_POINTS_INDEXED", 40 * 60)
    assert planning.refresh(uri)
    assert IN_ORDER in plan(file)


def test_the_manuals_command_makes_the_same_index() -> None:
    assert f"'{planning.MAKE_INDEX}'" in MANUAL.read_text(encoding="utf-8")


def test_mlflows_own_upgrade_keeps_the_points_and_the_index(file: Path) -> None:
    uri = f"sqlite:///{file}"
    engine = sqlalchemy.create_engine(uri)
    Base.metadata.create_all(engine)
    config = Config()
    config.set_main_option("script_location", str(Path(db_migrations.__file__).parent))
    config.set_main_option("sqlalchemy.url", uri)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
    engine.dispose()
    add_runs(file, 0, 40)
    assert planning.refresh(uri)
    subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", uri], check=True, capture_output=True, timeout=120)
    told = plan(file)
    assert IN_ORDER in told
    assert SORTED not in told
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM metrics").fetchone() == (40 * 60,)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'metrics'").fetchone()
        assert "CHECK (is_nan IN (0, 1))" in made  # the table was copied
    sink = MlflowSink(uri, "charts", Notebook())  # MLflow takes the file as one of its own
    sink.send(SESSION, numbered(range(1, 6)), DATASET)
    (child,) = Seen(uri, "charts").children
    assert child.data.metrics["verification_match"] == 0.0


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
