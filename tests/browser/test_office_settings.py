"""Settings and Status in a real browser: nothing jumps, nothing overlaps, and what is saved is used at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from attendance.services.choices import Choices
from attendance.store.connect import connect
from tests.browser.conftest import ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import App

pytestmark = pytest.mark.browser

THRESHOLD = "Threshold (dlib's ResNet)"
WIDTHS = [(1440, 900), (390, 844)]


def visit(page: Page, app: App, path: str) -> None:
    page.goto(f"{app.url}/{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    ready(page)


def type_number(page: Page, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).fill(value)
    page.keyboard.press("Enter")
    ready(page)


def faults(page: Page) -> list[str]:
    """What axe calls serious or worse, but for Streamlit's own list of pages, which is a list with a headline in it."""
    found = Axe().run(page, context={"exclude": [["[data-testid=stSidebarNavItems]"]]}).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in serious for node in one["nodes"]]


def test_a_threshold_is_tried_saved_with_its_reason_and_used(operator: Page, app: App) -> None:
    visit(operator, app, "settings")
    type_number(operator, THRESHOLD, "7")
    expect(operator.get_by_text("Must be more than 0.00 and at most 2.00.")).to_be_visible()
    type_number(operator, THRESHOLD, "0.45")
    expect(operator.get_by_text("There are no attempts with this model yet")).to_be_visible()
    operator.get_by_label("Why this change").fill("Two of us look alike")
    operator.get_by_role("button", name="Save 0.45").click()
    expect(operator.get_by_text("Saved. Used from the next attempt on.")).to_be_visible()
    store = connect(f"sqlite:///{app.folder}/attendance.db", timeout_s=2.5)
    try:
        (change,) = Choices(store).history()
        assert (change.actor, change.after, change.why) == ("operator", 0.45, "Two of us look alike")
    finally:
        store.close()
    visit(operator, app, "status")
    expect(operator.get_by_text(re.compile(r"thresholds\.dlib is 0\.45 \(0\.53 there\)"))).to_be_visible()
    expect(operator.get_by_text(re.compile("threshold 0.45, computed by"))).to_be_visible()


def test_another_operators_save_is_told_before_anything_is_overwritten(operator: Page, app: App) -> None:
    visit(operator, app, "settings")
    type_number(operator, THRESHOLD, "0.45")
    save = operator.get_by_role("button", name="Save 0.45")
    expect(save).to_be_visible()  # otherwise the save below may come first, and is told at once
    store = connect(f"sqlite:///{app.folder}/attendance.db", timeout_s=2.5)
    try:
        Choices(store).save({"thresholds.dlib": 0.6}, expected_version=0, actor="maria@example.org")
        save.click()
        expect(operator.get_by_text(re.compile(r"maria@\u2060example\.org saved meanwhile"))).to_be_visible()
        expect(operator.get_by_role("link", name=re.compile("maria"))).to_have_count(0)
        assert Choices(store).current().values == {"thresholds.dlib": 0.6}
    finally:
        store.close()


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_the_change_stays_in_sight_and_the_pages_hold_together(operator: Page, app: App, width: int, height: int) -> None:
    operator.set_viewport_size({"width": width, "height": height})
    for scheme in ("light", "dark"):
        operator.emulate_media(color_scheme=scheme)
        for path in ("settings", "status"):
            visit(operator, app, path)
            wide = operator.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
            assert wide <= width, f"{path} scrolls sideways"
            assert faults(operator) == []
    visit(operator, app, "settings")
    type_number(operator, "Pause between check-ins, seconds", "5")
    save = operator.get_by_role("button", name="Save 5 s")
    expect(save).to_be_in_viewport()
    operator.get_by_label(THRESHOLD, exact=True).scroll_into_view_if_needed()
    expect(save).to_be_in_viewport()


def test_the_status_is_looked_at_again_without_a_jump(operator: Page, app: App) -> None:
    visit(operator, app, "status")
    looked = operator.get_by_text(re.compile(r"Looked at \d\d:\d\d:\d\d"))
    before = looked.inner_text()
    place = operator.get_by_text("Installation", exact=True).bounding_box()
    expect(looked).not_to_have_text(before, timeout=30_000)
    ready(operator)
    assert operator.get_by_text("Installation", exact=True).bounding_box() == place
    expect(operator.get_by_text("All well.")).to_be_visible()


def test_a_screen_is_paired_and_unpaired_by_an_operator(operator: Page, app: App) -> None:
    store = connect(f"sqlite:///{app.folder}/attendance.db", timeout_s=2.5)
    try:
        from attendance.services.devices import Devices

        code = Devices(store).code_for("e" * 32)
        visit(operator, app, "status")
        operator.get_by_label("Code on the screen").fill(code)
        operator.get_by_label("Name of the screen").fill("Main entrance")
        operator.get_by_role("button", name="Pair this screen").click()
        expect(operator.get_by_text("Main entrance is paired and may check people in.")).to_be_visible()
        assert Devices(store).is_paired("e" * 32)
        operator.get_by_role("button", name="Unpair Main entrance", exact=True).click()
        operator.get_by_role("dialog").get_by_role("button", name="Unpair Main entrance").click()
        expect(operator.get_by_text("Main entrance is unpaired.")).to_be_visible()
        assert not Devices(store).is_paired("e" * 32)
    finally:
        store.close()
