"""The Thresholds page without a browser: what is measured, suggested, tried and taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from attendance.api.running import reset, running
from attendance.domain.model import Reason
from attendance.settings import Settings
from attendance.ui import thresholds_job
from tests.app.office import said
from tests.calibrations import everybody
from tests.fakes import FakeEngine, House, picture
from tests.store_makers import after, attempt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "dlib-resnet-v1/align-m20-flip"
FIELD = "Threshold (dlib's ResNet)"


def page() -> None:
    import streamlit as st

    from attendance.ui.register import register_page
    from attendance.ui.thresholds import thresholds_page

    pages = [st.Page(thresholds_page, title="Thresholds", url_path="thresholds", default=True)]
    st.navigation([*pages, st.Page(register_page, title="Register", url_path="register")], position="hidden").run()


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, model_dir: Path) -> Iterator[None]:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    thresholds_job.forget()
    reset(Settings(store_url=url, model_dir=model_dir, offline=True, accelerate=False, timezone="Europe/Stockholm"))
    yield
    thresholds_job.forget()
    reset()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, engine=FakeEngine(MODEL))
    yield made
    made.real_store.close()


def opened() -> AppTest:
    app = AppTest.from_function(page, default_timeout=120).run()
    assert not app.exception
    thresholds_job.of(running().application()).wait(60)
    app = app.run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    app = next(one for one in app.button if one.label.replace("\\", "").startswith(label)).click().run()
    assert not app.exception
    return app


def tried(app: AppTest, value: float) -> AppTest:
    app = app.number_input[0].set_value(value).run()
    assert not app.exception
    return app


def test_with_too_few_people_the_next_step_is_told() -> None:
    app = opened()
    assert "Nobody is enrolled yet, so there is nothing to measure." in said(app)
    assert "people with two pictures or more each" in said(app)
    assert [one.label for one in app.button] == ["Measure again"]
    assert not app.metric


def test_somebody_with_one_picture_each_is_too_little(house: House) -> None:
    house.add("Ann", 11, 1)
    house.add("Bo", 12, 1)
    app = opened()
    assert "nobody has two usable pictures" in said(app)
    everybody(house, 3, 3)
    assert len(opened().metric) == 4, "who was enrolled since is seen without a click"


def test_the_rates_are_those_of_the_calibration_with_their_intervals(house: House) -> None:
    everybody(house)
    app = opened()
    from attendance.bootstrap import measuring
    from attendance.services.error_report import ErrorReport
    from attendance.services.suggestions import between
    from attendance.services.wording import share

    report = measuring.calibrate(running().application())
    assert isinstance(report, ErrorReport)
    assert report.identification is not None
    rates = [report.fmr, report.fnmr, report.identification.fpir, report.identification.fnir]
    shown = [(one.value, one.delta) for one in app.metric]
    assert shown == [(share(one.rate), between(one)) for one in rates if one is not None]
    assert "dlib's ResNet · measured" in said(app)
    texts = [str(one.value).replace("\\", "") for one in (*app.markdown, *app.caption)]
    assert [text for text in texts if "hreshold 0.53" in text] == ["Threshold 0.53 in use, from params.yaml."], "and once"
    assert "on 8 people, 40 pictures" in said(app)
    assert "can't be said with 40 searches" in said(app), "a target of 0.1 % needs thousands"
    assert len(app.get("vega_lite_chart")) >= 2, sorted({one.type for one in app.main})


def test_another_threshold_tells_what_it_would_change_before_it_is_used(house: House) -> None:
    everybody(house)
    ann = house.people.find("Person A")
    for second, distance in enumerate((0.2, 0.3, 0.4)):
        parameters = {"min_confidence": 0.9, "ambiguity_ratio": 0.05}
        one = attempt(ann, after(second), distance_l2=distance, model_id=MODEL, parameters=parameters)
        house.real_store.settle(one, 0)
    stranger = attempt(None, after(20), distance_l2=0.6, model_id=MODEL, reason=Reason.NO_MATCH)
    house.real_store.settle(stranger, 0)
    app = tried(opened(), 0.25)
    text = said(app)
    assert "0.53 → 0.25" in text
    assert "Of the last 3 accepted, 2 would be refused." in text
    assert "Of the last 1 refused, 0 would be accepted." in text
    assert "False non-matches" in text
    app.text_input[0].set_value("two of us look alike").run()
    app = press(app, "Use 0.25")
    assert "0.25 is used from the next attempt on." in said(app)
    parts = running().application()
    assert parts.model.threshold == 0.25, "this process decides with it at once"
    (change,) = parts.choices.history()
    assert (change.name, change.before, change.after) == ("thresholds.dlib", 0.53, 0.25)
    assert change.why == "two of us look alike"
    assert house.trail()[-1][1] == "save-settings"
    app = press(app, "Go back to 0.53")
    assert running().application().model.threshold == 0.53
    assert running().application().choices.current().values == {}


def test_a_suggestion_is_taken_over_with_its_reason_in_two_clicks(house: House) -> None:
    everybody(house)
    app = press(opened(), "Equal error rate")
    value = app.number_input[0].value
    assert str(app.text_input[0].value).startswith("equal error rate")
    press(app, "Use ")
    parts = running().application()
    assert parts.model.threshold == value
    assert parts.choices.history()[0].why.startswith("equal error rate")


def test_a_target_that_the_searches_can_show_is_suggested_and_growth_is_warned_of(house: House) -> None:
    everybody(house, people=9, pictures=40)
    app = opened()
    app = app.segmented_control[0].set_value(0.01).run() if hasattr(app, "segmented_control") else app
    labels = [one.label.replace("\\", "") for one in app.button]
    assert any(one.startswith("Strangers named: at most 1 %: ") for one in labels), labels
    running().application().choices.save({"thresholds.dlib": 1.6}, expected_version=0, actor="Maria")
    running().follow(at_once=True)
    assert "too loose already" in said(opened())


def test_a_bad_value_is_refused_with_the_range(house: House) -> None:
    everybody(house, 3, 3)
    app = tried(opened(), 2.5)
    assert "Must be more than 0.00 and at most 2.00." in said(app)
    assert not [one for one in app.button if one.label.startswith("Use")]


def test_what_another_operator_saved_meanwhile_is_not_overwritten(house: House) -> None:
    everybody(house, 3, 3)
    app = tried(opened(), 0.4)
    running().application().choices.save({"thresholds.dlib": 0.6}, expected_version=0, actor="Maria")
    app = press(app, "Use 0.4")
    assert "Another operator saved meanwhile, so nothing was changed." in said(app)
    assert running().application().choices.current().values == {"thresholds.dlib": 0.6}


def test_the_same_picture_is_not_measured_with_itself(house: House) -> None:
    assert picture(1, 0) != picture(1, 1)
    everybody(house, 3, 2)
    opened()
    found: Any = thresholds_job.of(running().application()).found
    assert found.measured.comparisons.genuine.distances.values.min() > 0.1
