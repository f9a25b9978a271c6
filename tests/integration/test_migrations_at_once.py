"""The store and MLflow make their tables at the same moment, in one process: each gets its own."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from attendance import migrations
from attendance.store.connect import connect
from attendance.tracking.client import open_client

if TYPE_CHECKING:
    from pathlib import Path


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def make_store(file: Path) -> None:
    connect(f"sqlite:///{file}", timeout_s=30).close()


def test_each_gets_its_own_tables(tmp_path: Path) -> None:
    make_store(tmp_path / "alone.db")
    open_client(f"sqlite:///{tmp_path}/alone-mlflow.db")
    with ThreadPoolExecutor(1) as other:
        made = other.submit(open_client, f"sqlite:///{tmp_path}/mlflow.db")
        count = 0
        while not made.done() or count < 3:
            make_store(tmp_path / f"{count}.db")
            count += 1
        made.result()
    assert tables(tmp_path / "mlflow.db") == tables(tmp_path / "alone-mlflow.db")
    assert {frozenset(tables(tmp_path / f"{number}.db")) for number in range(count)} == {
        frozenset(tables(tmp_path / "alone.db"))
    }


def test_a_new_store_waits_for_another_migration_and_an_old_one_does_not(tmp_path: Path) -> None:
    make_store(tmp_path / "old.db")
    with ThreadPoolExecutor(1) as other:
        with migrations.alone():
            made = other.submit(make_store, tmp_path / "new.db")
            threading.Event().wait(0.3)
            assert not made.done()
            make_store(tmp_path / "old.db")
        made.result()
    assert tables(tmp_path / "new.db") == tables(tmp_path / "old.db")
