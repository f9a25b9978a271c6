"""The switch in the sidebar of the check-in page: off at first, at once in all processes, with how the sending is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from attendance.api.running import reset, running
from attendance.services.outbox_state import Report
from attendance.services.sessions import Sessions
from attendance.services.tracking_status import WHAT_IT_DOES
from attendance.settings import Settings
from attendance.ui.tracking import LABEL
from tests.store_makers import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def page() -> None:
    from attendance.ui.tracking import tracking

    tracking("Olof")


@pytest.fixture(autouse=True)
def _server(tmp_path: Path) -> Iterator[None]:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    reset(Settings(store_url=url, offline=True, store_timeout_s=0.5, timezone="Europe/Stockholm"))
    yield
    reset()


def opened() -> AppTest:
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*app.caption, *app.markdown, *app.warning]).replace("\\", "")


def test_off_by_default_with_what_it_does() -> None:
    app = opened()
    assert (app.toggle[0].label, app.toggle[0].value) == (LABEL, False)
    assert said(app) == WHAT_IT_DOES


def test_on_at_once_here_and_in_every_other_process() -> None:
    app = opened()
    app.toggle[0].set_value(True).run()
    assert not app.exception
    parts = running().tracking
    assert parts.switch.is_on()
    assert parts.sessions.session() is not None
    assert "0 sent, 0 waiting." in said(app)
    assert opened().toggle[0].value is True
    elsewhere = Sessions(running().store, parts.switch.is_on)
    assert elsewhere.session() is not None
    app.toggle[0].set_value(False).run()
    assert not parts.switch.is_on()
    assert parts.sessions.session() is None
    assert [entry.actor for entry in running().store.audit()] == ["Olof", "Olof"]


def test_what_another_operator_switched_is_shown() -> None:
    app = opened()
    running().tracking.switch.set(True, "Maria")
    assert app.run().toggle[0].value is True


def test_what_waits_and_what_stands_in_the_way() -> None:
    parts = running().tracking
    parts.switch.set(True, "Olof")
    parts.sessions.refresh()
    store = running().store
    store.settle(attempt(None, session=parts.sessions.session()), 60.0)
    Report(store, parts.sessions._clock, "").failed(ValueError("http://joe:secret@tracker is <b>down</b>"))
    text = said(opened())
    assert "0 sent, 1 waiting, the oldest since 2 Mar 2026, 13:00:00." in text
    assert "is <b>down</b>. Nothing is lost" in text
    assert "secret" not in text


def test_an_experiment_begins_and_ends() -> None:
    app = opened()
    app.toggle[0].set_value(True).run()
    app.button(key="tracking-begin").click().run()
    assert "Give the experiment a name" in app.error[0].value
    app.text_input(key="tracking-name").set_value("threshold 0.50").run()
    app.button(key="tracking-begin").click().run()
    assert not app.exception
    experiment = running().tracking.sessions.experiment()
    assert experiment is not None
    assert experiment.name == "threshold 0.50"
    assert "Experiment **threshold 0.50** is under way." in said(opened())
    app = opened()
    app.button(key="tracking-end").click().run()
    assert running().tracking.sessions.experiment() is None
