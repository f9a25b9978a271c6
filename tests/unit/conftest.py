"""What the tests of single rooms share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from attendance.store.connect import connect
from tests.account_place import Place, place_in
from tests.cli_shell import Shell
from tests.fakes import OTHER, FakeEngine, House
from tests.outbox_place import FolderSink
from tests.weights_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from attendance.store.base import Store


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The services on a real, empty store, with a stand-in for the engine."""
    made = House(tmp_path)
    yield made
    made.real_store.close()


@pytest.fixture
def other(house: House, tmp_path: Path) -> Iterator[House]:
    """The same store, opened with another model."""
    made = House(tmp_path, engine=FakeEngine(OTHER))
    assert made.url == house.url
    yield made
    made.real_store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real, empty one: that of ``house`` and ``shell``."""
    opened = connect(f"sqlite:///{tmp_path}/attendance.db", timeout_s=5)
    yield opened
    opened.close()


@pytest.fixture
def sink(tmp_path: Path) -> FolderSink:
    """Where an outbox sends to."""
    return FolderSink(tmp_path / "sink")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Shell:
    """The command line."""
    return Shell(tmp_path, monkeypatch, capfdbinary)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Accounts and screens."""
    yield from place_in(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Of weights, asked without a proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def portrait(astronaut: NDArray[np.uint8]) -> Image.Image:
    """Not square, so that a wrong turn shows in the shape."""
    return Image.fromarray(astronaut[:240, 130:310])
