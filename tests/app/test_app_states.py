"""The frame around the pages, without a browser: who sees which pages, and what is said when one cannot do its work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from attendance.api.running import reset
from attendance.errors import SettingsError
from attendance.settings import Settings
from attendance.ui.app import OFFICE
from attendance.ui.server import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).resolve().parents[2] / "attendance" / "ui" / "main.py"
AWAY = "mongodb://ann:hunter2@127.0.0.1:1/attend"


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, model_dir: Path) -> Iterator[None]:
    use(f"sqlite:///{tmp_path}/attendance.db", model_dir)
    yield
    reset()


def use(store_url: str, model_dir: Path) -> None:
    reset(Settings(store_url=SecretStr(store_url), model_dir=model_dir, offline=True, accelerate=False, store_timeout_s=0.5))


def opened(path: str = "", *, who: str | None = None, role: str = "open") -> AppTest:
    """The page of this path, for this visitor."""
    app = AppTest.from_file(str(SCRIPT), default_timeout=120)
    app.user = {"who": who, "sid": "a", "device": "b", "role": "operator" if who else role}
    app._page_hash = calc_hash(path)
    app.run()
    assert not app.exception
    return app


def errors(app: AppTest) -> list[str]:
    return [error.value.replace("\\", "") for error in app.error]


def titles(app: AppTest) -> list[str]:
    return [title.value for title in app.title]


@pytest.mark.parametrize("path", OFFICE)
def test_a_visitor_who_is_not_signed_in_has_the_check_in_and_nothing_else(path: str) -> None:
    app = opened(path)
    assert not [title for title in titles(app) if title.startswith(tuple(OFFICE.values()))]
    assert not app.sidebar.children


@pytest.mark.parametrize(("path", "title"), OFFICE.items())
def test_an_operator_opens_each_page_by_its_path(path: str, title: str) -> None:
    shown = titles(opened(path, who="operator"))
    assert len(shown) == 1
    assert shown[0].startswith(title)


def test_the_check_in_opens_while_the_database_is_away(model_dir: Path) -> None:
    use(AWAY, model_dir)
    app = opened()
    assert not errors(app)
    assert "hunter2" not in str(app)


@pytest.mark.parametrize("path", ["records", "people", "register", "settings", "thresholds"])
def test_an_office_page_says_that_the_database_is_away_and_tries_again(path: str, model_dir: Path) -> None:
    use(AWAY, model_dir)
    app = opened(path, who="operator")
    assert errors(app) == ["The database is away. Nothing is being recorded; try again in a moment."]
    assert [button.label for button in app.button] == ["Try now"]
    app.button[0].click().run()
    assert len(errors(app)) == 1
    assert "hunter2" not in str(app)


def test_the_status_page_works_without_anything(model_dir: Path) -> None:
    use(AWAY, model_dir)
    assert titles(opened("status", who="operator")) == ["Status"]


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path, model_dir: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"not a database" * 400)
    use(f"sqlite:///{tmp_path}/broken.db", model_dir)
    assert errors(opened("records", who="operator")) == ["The database can't be used. Run: python -m attendance doctor"]


def test_a_wrong_setting_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    reset()
    monkeypatch.setenv("ATTEND_TIMEZONE", "Mars/Olympus")
    with pytest.raises(SettingsError, match="ATTEND_TIMEZONE"):
        create_app()
