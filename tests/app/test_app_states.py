"""The app without a browser: what a page says when the database cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from attendance.ui.resources import forget_application

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path(__file__).resolve().parents[2] / "attend_app.py"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget_application()
    yield
    forget_application()


def test_a_database_that_is_away_is_told_in_a_sentence_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEND_STORE_URL", "mongodb://ann:hunter2@127.0.0.1:1/attend")
    monkeypatch.setenv("ATTEND_STORE_TIMEOUT_S", "0.5")
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert [error.value.replace("\\", "") for error in app.error] == [
        "The database is away. Nothing is being recorded; try again in a moment."
    ]
    assert [button.label for button in app.button] == ["Try again"]
    app.button[0].click().run()
    assert len(app.error) == 1
    assert "hunter2" not in str(app)


def test_a_file_that_is_no_database_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "attendance.db").write_bytes(b"not a database" * 400)
    monkeypatch.setenv("ATTEND_STORE_URL", f"sqlite:///{tmp_path}/attendance.db")
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert [error.value.replace("\\", "") for error in app.error] == [
        "The database can't be used. Run: python -m attendance doctor"
    ]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEND_TIMEZONE", "Mars/Olympus")
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert app.error[0].value.replace("\\", "").startswith("ATTEND_TIMEZONE")
