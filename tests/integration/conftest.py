"""Databases for the tests of what can happen to them: an embedded one's file, and servers that speak MongoDB's protocol; and
MLflow's stores, as a server and as a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pymongo
import pytest
from PIL import Image
from structlog.testing import capture_logs

from attendance.store.connect import connect
from attendance.tracking import destinations, limits
from attendance.tracking.client import open_client
from mlflow_utils import MLflowTracker
from tests.cli_shell import Shell
from tests.mlflow_server import MlflowServer
from tests.mongo_server import MongoServer, mongo_server
from tests.tracked_blocks import FOR_EVER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from mlflow import MlflowClient
    from numpy.typing import NDArray
    from pymongo.database import Database

    from attendance.store.base import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a database file that is not there yet, nor its folder."""
    return tmp_path / "data" / "attendance.db"


@pytest.fixture
def url(path: Path) -> str:
    """Of the same file."""
    return f"sqlite:///{path}"


@pytest.fixture
def timeout_s() -> float:
    """Of the stores that are opened: patience for others who write. The shipped one is in attendance/settings.py."""
    return 10.0


@pytest.fixture
def open_path(timeout_s: float) -> Iterator[Callable[[Path], Store]]:
    """Open a file as a store; all are closed at the end."""
    opened: list[Store] = []

    def open_(path: Path) -> Store:
        opened.append(connect(f"sqlite:///{path}", timeout_s=timeout_s))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(path: Path, open_path: Callable[[Path], Store]) -> Store:
    """Of the file at ``path``."""
    return open_path(path)


@pytest.fixture(scope="module", params=["replica set", "standalone"])
def mongo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server of each kind, with transactions and without, for the tests of one module."""
    with mongo_server(tmp_path_factory.mktemp("mongo"), standalone=request.param == "standalone") as running:
        if running.external and running.standalone:
            pytest.skip("the server of TEST_MONGODB_URI is of one kind")
        yield running


@pytest.fixture
def mongo_url(mongo: MongoServer) -> str:
    """Of an empty database."""
    return mongo.fresh_url()


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[Database[dict[str, Any]]]:
    """The same database, as another program sees it."""
    options: dict[str, Any] = {"tz_aware": True, "datetime_conversion": "DATETIME_AUTO"}
    with pymongo.MongoClient[dict[str, Any]](mongo_url, **options) as client:
        yield client.get_default_database()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Of MLflow, for the tests of one module."""
    running = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of MLflow's store in a file, for the tests of one module."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def client(uri: str) -> MlflowClient:
    """MLflow's own, of the same store."""
    return open_client(uri)


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """The name of the test's own."""
    return str(request.node.name)


@pytest.fixture
def tracker(uri: str, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MLflowTracker]:
    """One whose experiment is the test's own."""
    monkeypatch.chdir(tmp_path)
    yield MLflowTracker(experiment, uri)
    destinations.close_all()


@pytest.fixture
def said() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def shell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    astronaut_jpeg: bytes,
    astronaut: NDArray[np.uint8],
) -> Shell:
    """The command line, with two pictures of the portrait that anybody may see in its folder."""
    (tmp_path / "one.jpg").write_bytes(astronaut_jpeg)
    Image.fromarray(astronaut).crop((60, 0, 400, 340)).save(tmp_path / "two.png")
    return Shell(tmp_path, monkeypatch, capfdbinary, ATTEND_ACCELERATE="0")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever did wait would wait for minutes."""
    bounds = limits.Limits(
        start_s=FOR_EVER_S, write_s=FOR_EVER_S, id_s=FOR_EVER_S, silence_s=FOR_EVER_S, retries_alone=2, retry_first_s=0.1
    )
    monkeypatch.setattr(limits, "LIMITS", replace(bounds, retry_longest_s=0.2))
