"""From a URL to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.errors import SettingsError
from attendance.store.connect import connect

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data/attendance.db",
        "/data/attendance.db",
        "file:///data/attendance.db",
        "postgresql://ada:hunter2@host/face_attendance",
        "sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///folder/",
        "sqlite:///:memory:",
        "sqlite:///data.db?mode=memory",
        "sqlite://ada:hunter2@host/data.db",
        "mongodb://ada:hunter2@@@:port/",
        "mongodb://",
        "javascript:hunter2",
    ],
)
def test_not_a_store(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        connect(url, timeout_s=0.2)
    assert "hunter2" not in str(caught.value)
    assert caught.value.name == "ATTEND_STORE_URL"


def test_a_relative_path_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = connect("sqlite:///data/in here/100%, ö & #1.db", timeout_s=1)
    path = tmp_path / "data" / "in here" / "100%, ö & #1.db"
    assert path.stat().st_size > 0
    monkeypatch.chdir("/")
    assert store.count_people() == 0
    assert store.info().location == f"sqlite:///{path}"
    store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing is left beside the file


def test_an_absolute_path(tmp_path: Path) -> None:
    store = connect(f"sqlite:///{tmp_path}/a.db", timeout_s=1)
    store.close()
    store.close()
    assert (tmp_path / "a.db").stat().st_size > 0
