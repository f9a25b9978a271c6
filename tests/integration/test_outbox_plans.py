"""The outbox costs what waits, not what was ever stored; and databases of version 2 get one."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from attendance.store import sql_migrate
from attendance.store.base import SCHEMA_VERSION
from attendance.store.connect import connect
from attendance.store.outgoing import OutboxState
from tests.store_makers import NOON, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pymongo.database import Database

    from attendance.store.base import Store

CALLS: dict[str, Callable[[Store], object]] = {
    "number_attempts": lambda store: store.number_attempts(100),
    "unsent": lambda store: store.unsent(100),
    "numbered": lambda store: store.numbered("s1", after=3, limit=100),
    "mark_sent": lambda store: store.mark_sent([1, 2]),
    "outbox": lambda store: store.outbox(),
}


@pytest.fixture
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What SQLAlchemy sends."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        sent.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", CALLS)
def test_sqlite_walks_over_no_table(path: Path, store: Store, statements: list[tuple[str, Any]], name: str) -> None:
    store.settle(attempt(None, session="s1"), 60.0)
    statements.clear()
    CALLS[name](store)
    steps = []
    with contextlib.closing(sqlite3.connect(path)) as file:
        for statement, parameters in statements:
            if isinstance(parameters, tuple):
                steps += [str(row[3]) for row in file.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    walks = [step for step in steps if "attempts" in step]
    assert walks
    wanted = "ix_attempts_session" if name == "numbered" else "ix_attempts_waiting"
    assert all("USING" in step and (wanted in step or "autoindex" in step) for step in walks), walks
    assert not [step for step in steps if "TEMP B-TREE" in step]  # nothing is sorted


def test_a_file_of_version_2(path: Path, open_path: Callable[[Path], Store]) -> None:
    path.parent.mkdir()
    config = Config()
    config.set_main_option("script_location", str(sql_migrate.FOLDER))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(
            sa.text(
                "INSERT INTO attempts (attempt_id, at_utc, mode, decision, reason, outcome, records, threshold, model_id,"
                " parameters, faces, timings_ms, source) VALUES ('old', 0, 'identification', 'rejected', 'no_match',"
                " 'none', 1, 0.5, 'm', '{}', '[]', '{}', 'cli')"
            )
        )
    engine.dispose()
    store = open_path(path)
    assert store.info().schema_version == SCHEMA_VERSION
    old = store.attempt("old")
    assert old is not None
    assert old.session is None
    works(store)


def test_a_database_of_version_2(mongo_url: str, mongo_database: Database[dict[str, Any]]) -> None:
    connect(mongo_url, timeout_s=5).close()
    mongo_database["meta"].update_one({"_id": "schema"}, {"$set": {"version": 2}})
    for name in list(mongo_database["attempts"].index_information()):
        if "number" in name or "waiting" in name:
            mongo_database["attempts"].drop_index(name)
    store = connect(mongo_url, timeout_s=5)
    try:
        store.settle(attempt(None, attempt_id="old-attempt"), 60.0)
        mongo_database["attempts"].update_many({}, {"$unset": {"session": ""}})
        old = store.attempt("old-attempt")
        assert old is not None
        assert old.session is None
        assert store.info().schema_version == SCHEMA_VERSION
        works(store)
        assert {"attend_number", "attend_session_number"} <= set(mongo_database["attempts"].index_information())
    finally:
        store.close()


def works(store: Store) -> None:
    """What is old is not sent; what is new is."""
    assert store.outbox() == OutboxState(0, 0, None)
    store.settle(attempt(None, session="s1"), 60.0)
    assert store.number_attempts(9) == 1
    assert store.outbox() == OutboxState(0, 1, NOON)
    store.mark_sent([1])
    assert store.outbox() == OutboxState(1, 0, None)
