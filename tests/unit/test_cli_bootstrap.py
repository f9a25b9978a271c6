"""The parts are chosen in one place, made when they are needed, once, and given back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from attendance.bootstrap import build
from attendance.errors import SettingsError, WeightsUnavailableError
from attendance.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    return Settings(store_url=url, model_dir=tmp_path / "models", offline=True, timezone="Europe/Stockholm")


def test_building_opens_and_makes_nothing(settings: Settings, tmp_path: Path) -> None:
    build(settings).close()
    assert list(tmp_path.iterdir()) == []


def test_many_threads_get_one_part(settings: Settings) -> None:
    application = build(settings)
    together = threading.Barrier(8)

    def ask() -> int:
        together.wait()
        return id(application.store)

    with ThreadPoolExecutor(8) as pool:
        assert len({future.result() for future in [pool.submit(ask) for _ in range(8)]}) == 1
    application.close()
    application.close()


def test_a_part_that_could_not_be_made_is_tried_again(settings: Settings) -> None:
    application = build(settings.model_copy(update={"store_url": SecretStr("postgres://a:hunter2@db/x")}))
    for _ in range(2):
        with pytest.raises(SettingsError) as caught:
            _ = application.store
        assert "hunter2" not in str(caught.value)
    application.close()


def test_without_facenet_dlib_stands_in_and_it_is_said(settings: Settings) -> None:
    application = build(settings)
    assert application.decided
    assert (application.family, application.model.family, application.model.threshold) == ("dlib", "dlib", 0.53)
    assert application.notice is not None
    assert application.notice.startswith("Using dlib's ResNet")
    application.close()


def test_what_was_asked_for_needs_no_notice_and_is_not_replaced(settings: Settings) -> None:
    asked = build(settings.model_copy(update={"embedder": "dlib"}))
    assert asked.notice is None
    asked.close()
    needed = build(settings.model_copy(update={"embedder": "facenet"}))
    assert needed.model.model_id.startswith("facenet-")
    with pytest.raises(WeightsUnavailableError):
        needed.catalogue.embedder(needed.family, needed.options)
    needed.close()


def test_the_stored_model_decides(settings: Settings) -> None:
    application = build(settings)
    application.store.activate_model("facenet-20180402-vggface2/align-m20-flip")
    assert application.family == "facenet"
    application.close()


def test_people_need_no_roster(settings: Settings) -> None:
    application = build(settings)
    assert application.people.list() == []
    assert set(application.made) == {"store", "people"}
    application.close()
