"""The Status page without a browser: well, away, not ready yet; and the screens: paired, named, unpaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from attendance import checks
from attendance.api.running import reset, running
from attendance.services.choices import Choices
from attendance.services.devices import Devices
from attendance.settings import Settings
from attendance.ui.status_rows import APART, PARTS, marked
from tests.app.office import said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def page() -> None:
    from attendance.ui.status import status_page

    status_page()


def server(tmp_path: Path, model_dir: Path, **settings: Any) -> None:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    values: dict[str, Any] = {"store_url": url, "model_dir": model_dir, "timezone": "Europe/Stockholm", **settings}
    reset(Settings(offline=True, accelerate=False, store_timeout_s=0.5, **values))


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, model_dir: Path) -> Iterator[None]:
    import streamlit as st

    st.cache_data.clear()
    server(tmp_path, model_dir)
    yield
    reset()


def opened() -> AppTest:
    app = AppTest.from_function(page, default_timeout=120).run()
    assert not app.exception
    return app


def headline(app: AppTest) -> str:
    return str([*app.error, *app.warning, *app.success][0].value)


def test_all_well_in_one_sentence_and_a_row_for_each_part() -> None:
    running().application()
    app = opened()
    assert headline(app) == "All well."
    text = said(app)
    for title in PARTS:
        assert f"**{title}**" in text
    for sentence in (
        "and can be written.",
        "0 people, 0 pictures, 0 check-ins.",
        "dlib's ResNet, because FaceNet's weights are not on this machine.",
        "Europe/Stockholm; it is ",
        "0 of 2 at work, 0 waiting; 0 done and 0 turned away so far.",
        "Nobody has checked in yet.",
        "Browsers give the camera to secure pages only",
    ):
        assert sentence in text


def test_every_check_of_the_doctor_has_its_place_on_the_page() -> None:
    parts = running().application()
    looked_at = {one.check for one in checks.of_store(parts, str)}
    looked_at |= {*checks.installation(), *checks.changing(parts), *checks.lasting(parts)}
    placed = {check for of_part in PARTS.values() for check in of_part} | set(APART)
    assert looked_at <= placed
    assert placed - looked_at == {"server", "queue", "templates"}, "what only a server has, and only with templates"


def test_a_database_that_is_away_is_told_without_its_password(tmp_path: Path, model_dir: Path) -> None:
    server(tmp_path, model_dir, store_url=SecretStr("mongodb://ann:hunter2@127.0.0.1:1/attend"))
    app = opened()
    assert headline(app).startswith("Not working: database")
    assert "The database is away." in said(app)
    assert "**Disk**" in said(app), "the rows stay where they are"
    assert "Not known while the database is away." in said(app)
    assert "hunter2" not in str(app)


def test_while_the_model_loads_the_page_says_so() -> None:
    app = opened()  # nothing has asked for the application yet
    assert running().state == "starting"
    assert "It is being loaded. Check-ins begin by themselves when it is ready." in said(app)
    assert headline(app) == "It works. Worth a look: face model."


def test_saved_settings_that_cannot_be_used_can_be_taken_back() -> None:
    choices = Choices(running().store)
    choices.save({"thresholds.dlib": 99}, expected_version=0, actor="another version of the app")
    app = opened()
    assert headline(app).startswith("Not working: face model and settings")
    assert "The saved setting thresholds.dlib can't be used." in said(app)
    next(one for one in app.button if one.key == "take-back").click().run()
    assert choices.current().values == {}
    assert running().application().model.threshold == 0.53


def test_a_screen_is_paired_by_its_code_listed_and_unpaired(tmp_path: Path, model_dir: Path) -> None:
    server(tmp_path, model_dir, kiosk_access="paired")
    app = opened()
    assert "No screen is paired yet." in said(app)
    code = running().devices.code_for("d" * 32)
    code_input, name_input = app.text_input
    code_input.set_value(code.lower().replace(" ", "-"))
    name_input.set_value("Main entrance *east*")
    press(app, "Pair this screen")
    assert "Main entrance *east* is paired and may check people in." in said(app)
    assert "**Main entrance *east***" in said(app)
    assert "not seen since" in said(app)
    (device,) = running().devices.paired()
    assert device.device_id == "d" * 32
    running().devices.seen(device.device_id)
    assert "last seen a moment ago" in said(app.run())
    running().devices.unpair(device.device_id, actor="Olof")
    assert Devices(running().store).paired() == []


@pytest.mark.parametrize(
    ("code", "name", "sentence"),
    [
        ("", "Door", "Both are needed"),
        ("KESTREL 417", "", "Both are needed"),
        ("KESTREL 417", "Door", "No screen shows this code now."),
    ],
)
def test_a_code_that_no_screen_shows_is_refused(code: str, name: str, sentence: str) -> None:
    app = opened()
    code_input, name_input = app.text_input
    code_input.set_value(code)
    name_input.set_value(name)
    press(app, "Pair this screen")
    assert sentence in said(app)
    assert running().devices.paired() == []


def test_commands_are_shown_as_code_and_everything_else_as_it_is() -> None:
    assert marked("Run `python -m attendance doctor` [now](x).") == ("Run `python -m attendance doctor` \\[now\\]\\(x\\)\\.")
    assert marked("") == ""


def press(app: AppTest, label: str) -> None:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
