"""Every engine that the contract is held to, each test on a fresh database."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from attendance.store.connect import connect
from tests.mongo_server import MongoServer, mongo_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from attendance.store.base import Store

TIMEOUT_S = 10.0  # a busy machine may take its time; how soon an absent database is told is tested in integration
ENGINES = ["sqlite", "mongodb", "mongodb-standalone"]


@pytest.fixture(scope="session")
def mongo_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], MongoServer]]:
    """One server of each kind for the whole run, started when it is first needed."""
    running: dict[str, MongoServer] = {}
    contexts = []

    def get(kind: str) -> MongoServer:
        if kind not in running:
            context = mongo_server(tmp_path_factory.mktemp(kind), kind == "mongodb-standalone")
            running[kind] = context.__enter__()
            contexts.append(context)
        return running[kind]

    yield get
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/attendance.db"
    servers: Callable[[str], MongoServer] = request.getfixturevalue("mongo_servers")
    server = servers(request.param)
    if server.external and request.param == "mongodb-standalone":
        pytest.skip("the server of TEST_MONGODB_URI is of one kind; it is tested as mongodb")
    return server.fresh_url()


@pytest.fixture
def open_store(store_url: str) -> Iterator[Callable[[], Store]]:
    """Open the same database once more, as another process would; all are closed at the end."""
    opened: list[Store] = []

    def open_() -> Store:
        opened.append(connect(store_url, timeout_s=TIMEOUT_S))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """An empty store."""
    return open_store()


@pytest.fixture
def add_older_record(store_url: str) -> Callable[[str, datetime], None]:
    """Write an attendance record as an older app did, with a name alone, once the store has been opened."""

    def add(name: str, at: datetime) -> None:
        if store_url.startswith("sqlite:///"):
            values = (int(at.timestamp() * 1000), name.lower(), name, 0.42, "check-in")
            with contextlib.closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as file, file:
                file.execute(
                    "INSERT INTO attendance (timestamp, entered_name, matched_identity, distance, kind) "
                    "VALUES (?, ?, ?, ?, ?)",
                    values,
                )
            return
        document = {"timestamp": at, "entered_name": name.lower(), "matched_identity": name, "distance": 0.42}
        with pymongo.MongoClient[dict[str, Any]](store_url, tz_aware=True, serverSelectionTimeoutMS=5000) as client:
            client.get_default_database().attendance.insert_one(document)

    return add
