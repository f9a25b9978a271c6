"""What the tests of the office's pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.ui.resources import forget_application
from tests.app.office import with_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes import House


@pytest.fixture
def own_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages make one for the test, on the store that ``office.house_in`` makes in its folder."""
    monkeypatch.setenv("ATTEND_STORE_URL", f"sqlite:///{tmp_path}/attendance.db")
    monkeypatch.setenv("ATTEND_TIMEZONE", "Europe/Stockholm")
    monkeypatch.setenv("ATTEND_ACCELERATE", "false")
    forget_application()
    yield
    forget_application()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With people and records; see ``office.with_records``."""
    made = with_records(tmp_path)
    yield made
    made.real_store.close()
