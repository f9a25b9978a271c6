"""Settings and Status say which threshold is in force and where it came from; with ATTEND_MODEL too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from attendance import checks
from attendance.api.running import reset, running
from attendance.bootstrap import build
from attendance.bootstrap.registered import keep
from attendance.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def page() -> None:
    from attendance.ui.settings_page import settings_page

    settings_page()


def settings(tmp_path: Path, model_dir: Path, model: str = "") -> Settings:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    return Settings(store_url=url, model_dir=model_dir, offline=True, accelerate=False, timezone="UTC", model=model)


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, model_dir: Path) -> Iterator[None]:
    reset(settings(tmp_path, model_dir))
    yield
    reset()


def said() -> str:
    """What the Settings page and the Status page say."""
    app = AppTest.from_function(page, default_timeout=120).run()
    assert not app.exception
    findings = checks.of_store(running().application(), str)
    return "\n".join([*(str(one.value).replace("\\", "") for one in app.caption), *(one.message for one in findings)])


def save(threshold: float) -> None:
    choices = running().application().choices
    choices.save({"thresholds.dlib": threshold}, expected_version=choices.current().version, actor="Maria")
    running().follow(at_once=True)


def test_a_saved_threshold_says_whose_it_is() -> None:
    assert "The threshold is from params.yaml." in said()
    save(0.4)
    text = said()
    assert "Threshold 0.4, saved by Maria on " in text
    assert "The threshold is saved by Maria on " in text
    assert "; params.yaml has 0.53." in text
    assert "Saved over params.yaml, version 1" in text


def test_what_a_recogniser_brings_is_not_called_the_files(tmp_path: Path, model_dir: Path) -> None:
    folder = tmp_path / "recogniser"
    with_models = build(settings(tmp_path, model_dir))
    keep(with_models, folder)
    with_models.close()
    reset(settings(tmp_path, model_dir, model=str(folder)))
    text = said()
    assert f"From 0.00 to 2.00. In {folder}: 0.53." in text
    assert "From 0 s to 86,400 s. In params.yaml: 60 s." in text, "which no recogniser brings"
    assert f"Threshold 0.53, from {folder}." in text
    assert f"The threshold is from {folder}." in text
    save(0.4)
    assert f"; {folder} has 0.53." in said()
