"""The Settings page without a browser: words, refusals, the effect, the save, and what another operator did meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from attendance.api.running import reset, running
from attendance.domain.model import Reason
from attendance.settings import Settings
from attendance.ui import settings_job
from tests.app.office import said
from tests.store_makers import after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THRESHOLD = "Threshold (dlib's ResNet)"
COOLDOWN = "Pause between check-ins, seconds"
MODEL = "dlib-resnet-v1/align-m20-flip"


def page() -> None:
    from attendance.ui.settings_page import settings_page

    settings_page()


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, model_dir: Path) -> Iterator[None]:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    reset(Settings(store_url=url, model_dir=model_dir, offline=True, accelerate=False, timezone="Europe/Stockholm"))
    yield
    job = settings_job.last()
    if job is not None:
        job.wait(60)
        settings_job.put_away()
    reset()


def opened() -> AppTest:
    app = AppTest.from_function(page, default_timeout=120).run()
    assert not app.exception
    return app


def button(app: AppTest, label: str) -> object:
    return next(one for one in app.button if one.label.replace("\\", "") == label)


def press(app: AppTest, label: str) -> AppTest:
    app = button(app, label).click().run()  # type: ignore[attr-defined]
    assert not app.exception
    return app


def number(app: AppTest, label: str, value: float) -> AppTest:
    app = next(one for one in app.number_input if one.label == label).set_value(value).run()
    assert not app.exception
    return app


def some_attempts() -> None:
    store = running().store
    ada = store.add_person(person(), references(1), MODEL)
    ada = store.person(ada.person_id)
    for second, distance in enumerate((0.2, 0.3, 0.48, 0.52)):
        parameters = {"min_confidence": 0.9, "ambiguity_ratio": 0.05}
        store.settle(attempt(ada, after(second), distance_l2=distance, model_id=MODEL, parameters=parameters), 0)
    for second, distance in enumerate((0.55, 0.9)):
        store.settle(attempt(None, after(10 + second), distance_l2=distance, model_id=MODEL, reason=Reason.NO_MATCH), 0)


def test_every_value_is_explained_with_its_range_and_the_files_value() -> None:
    app = opened()
    text = said(app)
    assert [one.label for one in app.number_input] == [
        THRESHOLD,
        "Least confidence of a face",
        "Margin around the face",
        COOLDOWN,
    ]
    assert len(app.toggle) == 3
    for sentence in (
        "From 0.00 to 2.00. In params.yaml: 0.53.",
        "From 0 s to 86,400 s. In params.yaml: 60 s.",
        "In params.yaml: Off.",
        "In params.yaml: Look at the camera.",
        "Change a value to see what it would have done to the last attempts.",
        "Nothing was changed yet.",
    ):
        assert sentence in text
    assert not app.button


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        (THRESHOLD, 2.5, "Must be more than 0.00 and at most 2.00."),
        (THRESHOLD, 0.0, "Must be more than 0.00 and at most 2.00."),
        ("Least confidence of a face", 1.2, "Must be between 0.00 and 1.00."),
        (COOLDOWN, -10.0, "Must be between 0 and 86,400."),
    ],
)
def test_a_bad_value_is_refused_with_the_range(label: str, value: float, sentence: str) -> None:
    app = number(opened(), label, value)
    assert sentence in said(app)
    assert f"{label}: this value can't be saved." in said(app)
    assert not any(one.label.startswith(("Save", "Make")) for one in app.button)
    assert running().application().choices.current().version == 0


def test_the_effect_is_told_before_it_is_saved_and_the_save_names_its_act() -> None:
    some_attempts()
    app = number(opened(), THRESHOLD, 0.5)
    assert "Of the last 4 accepted, 1 would be refused." in said(app)
    assert "Of the last 2 refused, 0 would be accepted." in said(app)
    looser = number(opened(), THRESHOLD, 0.6)
    assert "Of the last 2 refused, 1 would be accepted." in said(looser)
    next(one for one in app.text_input if one.label == "Why this change").set_value("two look alike").run()
    app = press(app, "Save 0.50")
    assert "Saved. Used from the next attempt on." in said(app)
    parts = running().application()
    assert parts.choices.current().values == {"thresholds.dlib": 0.5}
    assert parts.model.threshold == 0.5, "this process decides with it at once"
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["What"], row["From"], row["To"], row["Why"]) == (THRESHOLD, "0.53", "0.50", "two look alike")


def test_back_to_the_files_value() -> None:
    running().application().choices.save({"thresholds.dlib": 0.4}, expected_version=0, actor="Maria")
    running().follow(at_once=True)
    app = opened()
    assert "Differs from the file" in said(app)
    app = press(app, "Back to 0.53")
    assert "0.40 → **0.53**" in said(app)
    app = press(app, "Save 0.53")
    assert running().application().choices.current().values == {}
    assert "Differs from the file" not in said(app)


def test_keeping_leaves_everything_as_it_was() -> None:
    app = number(opened(), THRESHOLD, 0.5)
    app = press(app, "Keep 0.53")
    assert next(one for one in app.number_input if one.label == THRESHOLD).value == 0.53
    assert running().application().choices.current().version == 0


def test_another_operators_save_is_told_and_nothing_is_overwritten() -> None:
    app = number(opened(), THRESHOLD, 0.5)
    choices = running().application().choices
    choices.save({"thresholds.dlib": 0.6, "policy.cooldown_s": 5.0}, expected_version=0, actor="Maria")
    app = press(app, "Save 0.50")
    assert f"Maria saved meanwhile: {THRESHOLD}: 0.60; {COOLDOWN}: 5 s. Look at it before you save." in said(app)
    assert choices.current().values == {"thresholds.dlib": 0.6, "policy.cooldown_s": 5.0}
    app = press(app, "Go on with my changes")
    assert "0.60 → **0.50**" in said(app)
    press(app, "Save 0.50")
    assert choices.current().values == {"thresholds.dlib": 0.5, "policy.cooldown_s": 5.0}


def test_dropping_ones_changes_shows_what_the_other_operator_saved() -> None:
    app = number(opened(), THRESHOLD, 0.5)
    running().application().choices.save({"thresholds.dlib": 0.6}, expected_version=0, actor="Maria")
    app = press(app.run(), "Drop my changes")
    assert next(one for one in app.number_input if one.label == THRESHOLD).value == 0.6


def test_a_save_of_another_operator_is_shown_where_nothing_was_typed() -> None:
    app = opened()
    running().application().choices.save({"thresholds.dlib": 0.6}, expected_version=0, actor="Maria")
    app = app.run()
    assert next(one for one in app.number_input if one.label == THRESHOLD).value == 0.6
    assert not app.warning


def test_what_stored_numbers_cannot_say_is_said_plainly() -> None:
    some_attempts()
    app = number(opened(), "Least confidence of a face", 0.5)
    assert "What would become of the last 4 accepted can't be told." in said(app)


def test_new_options_need_new_templates_first(astronaut_jpeg: bytes) -> None:
    from attendance.services.enrol import NamedPicture

    parts = running().application()
    parts.enrol.enrol("Eileen Collins", [NamedPicture("1.jpg", astronaut_jpeg)])
    app = opened()
    app = app.toggle[0].set_value(False).run()
    assert "1 picture needs a new template, which takes about 1 s." in said(app)
    assert "The effect can't be told before new templates are made." in said(app)
    app = press(app, "Make new templates, then save")
    job = settings_job.last()
    assert job is None or job.wait(60) == "saved"
    app = app.run()
    assert "Saved. Used from the next attempt on." in said(app)
    assert parts.choices.current().values == {"recognition.use_alignment": False}
    now = running().application()
    assert now.model.model_id == "dlib-resnet-v1/box-m20-flip" == now.store.active_model()
    assert now.checkin.attempt(astronaut_jpeg).attempt.person_name == "Eileen Collins"
