"""What the tests of single rooms share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The services on a real, empty store, with a stand-in for the engine."""
    made = House(tmp_path)
    yield made
    made.real_store.close()
