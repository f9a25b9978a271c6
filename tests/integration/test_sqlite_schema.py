"""The migrations lead to the tables that the code speaks of, all or nothing."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from attendance.store import sql_migrate
from attendance.store.base import SCHEMA_VERSION
from attendance.store.connect import connect
from attendance.store.sql_schema import HEAD, metadata
from tests.store_children import open_and_count

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine.interfaces import ReflectedIndex


def test_the_newest_migration_is_the_one_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(sql_migrate.FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
    assert int(HEAD) == SCHEMA_VERSION


def test_migrated_and_declared_tables_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "attendance.db"
    connect(f"sqlite:///{path}", timeout_s=1).close()
    migrated, declared = sa.create_engine(f"sqlite:///{path}"), sa.create_engine("sqlite://")
    metadata.create_all(declared)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    seen = []
    for engine in (migrated, declared):
        inspector = sa.inspect(engine)
        tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
        seen.append(
            {
                name: (
                    [(column["name"], column["nullable"]) for column in inspector.get_columns(name)],
                    inspector.get_pk_constraint(name),
                    inspector.get_check_constraints(name),
                    sorted(map(str, inspector.get_unique_constraints(name))),
                    sorted(map(_index, inspector.get_indexes(name))),
                    sorted(map(str, inspector.get_foreign_keys(name))),
                )
                for name in tables
            }
        )
        engine.dispose()
    assert seen[0] == seen[1]


def _index(found: ReflectedIndex) -> tuple[object, ...]:
    where = found.get("dialect_options", {}).get("sqlite_where")
    return found["name"], found["column_names"], found["unique"], where if where is None else str(where)


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "attendance.db"
    upgrade = sql_migrate._upgrade

    def fail(connection: sa.Connection) -> None:
        upgrade(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(sql_migrate, "_upgrade", fail)
    with pytest.raises(KeyboardInterrupt):
        connect(f"sqlite:///{path}", timeout_s=1)
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    monkeypatch.undo()
    connect(f"sqlite:///{path}", timeout_s=1).close()


def test_a_commit_is_synced_and_a_transaction_begins_at_once(tmp_path: Path) -> None:
    """What durability and the cooldown rest on: the driver would otherwise begin at the first write."""
    from attendance.store.sql_database import Database

    database = Database(tmp_path / "a.db", 1.0)
    with database.read() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2  # FULL
        assert connection.scalar(sa.text("PRAGMA secure_delete")) == 1
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1
    with (
        database.write(),
        contextlib.closing(sqlite3.connect(tmp_path / "a.db", timeout=0, isolation_level=None)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")
    database.close()


def test_processes_that_open_a_new_file_together(tmp_path: Path) -> None:
    path = tmp_path / "data" / "attendance.db"
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        counts = pool.map(open_and_count, [f"sqlite:///{path}"] * 8, chunksize=1)
    assert counts == [0] * 8
