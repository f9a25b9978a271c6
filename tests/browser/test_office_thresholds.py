"""Thresholds in a real browser: a suggestion is tried, used and taken back; the page holds together at both widths."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from attendance.bootstrap import build
from attendance.services.choices import Choices
from attendance.settings import load
from attendance.store.connect import connect
from tests.browser.conftest import ready, sign_in
from tests.browser.test_office_settings import WIDTHS, faults, visit
from tests.demo_office import fill
from tests.real_server import serving, set_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.real_server import App

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """The app with forty made-up people."""
    folder = tmp_path_factory.mktemp("office")
    application = build(load(store_url=f"sqlite:///{folder}/attendance.db", model_dir=model_dir, offline=True))
    fill(application.store, application.model.model_id, ZoneInfo("Europe/Stockholm"), datetime.now(UTC), days=1)
    application.close()
    with serving(folder, model_dir) as app:
        set_password(app)
        yield app


@pytest.fixture
def manager(chromium: Browser, office: App) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    sign_in(page, office)
    yield page
    context.close()


def test_a_suggestion_is_tried_used_and_taken_back(manager: Page, office: App) -> None:
    visit(manager, office, "thresholds")
    suggested = manager.get_by_role("button", name=re.compile("^Equal error rate: "))
    suggested.click()
    ready(manager)
    use = manager.get_by_role("button", name=re.compile("^Use "))
    expect(use).to_be_visible()
    expect(manager.get_by_text(re.compile(r"Of the last \d+ accepted, \d+ would be refused\."))).to_be_visible()
    threshold = float(str(suggested.inner_text()).rpartition(" ")[2])
    use.click()
    expect(manager.get_by_text(f"{threshold:g} is used from the next attempt on.")).to_be_visible(timeout=30_000)
    ready(manager)
    store = connect(f"sqlite:///{office.folder}/attendance.db", timeout_s=2.5)
    try:
        (change,) = Choices(store).history()
        assert (change.actor, change.after) == ("operator", threshold)
        assert change.why.startswith("equal error rate")
        manager.get_by_role("button", name="Go back to 0.53").click()
        expect(manager.get_by_text("0.53 is used from the next attempt on.")).to_be_visible(timeout=30_000)
        assert Choices(store).current().values == {}
    finally:
        store.close()


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_the_page_holds_together(manager: Page, office: App, width: int, height: int) -> None:
    manager.set_viewport_size({"width": width, "height": height})
    for scheme in ("light", "dark"):
        manager.emulate_media(color_scheme=scheme)
        visit(manager, office, "thresholds")
        expect(manager.get_by_text("Errors against threshold")).to_be_visible()
        manager.get_by_role("button", name=re.compile("^FMR at most 1 %")).click()
        ready(manager)
        expect(manager.get_by_role("button", name=re.compile("^Use "))).to_be_visible()
        assert manager.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
        assert faults(manager) == []
