"""The way with a button, in a real browser: chosen, found out by itself, and never two records of one picture."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from attendance.domain.model import Mode, Outcome, Reason, Review
from attendance.services.choices import Choices
from attendance.store.connect import connect
from tests.browser.conftest import film, ready
from tests.browser.kiosk_steps import NAME, enrol, says, screen, showing, store_of, stored

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.real_server import App

pytestmark = pytest.mark.browser


@pytest.fixture
def registered(app: App, model_dir: Path, astronaut_jpeg: bytes) -> App:
    """The app with the person whom the webcam shows."""
    enrol(store_of(app), model_dir, NAME, astronaut_jpeg)
    return app


def without_frames(page: Page) -> None:
    """As where a site's proxy lets no frame pass."""
    page.route("**/api/kiosk/frame", lambda route: route.fulfill(status=403, content_type="text/html", body="Forbidden"))


def button_way(page: Page, app: App) -> None:
    """The page with its button, ready for a picture."""
    without_frames(page)
    page.goto(app.url)
    says(page, "snapshot")
    expect(page.get_by_role("button", name="Take picture")).to_be_enabled()


def test_where_frames_do_not_come_through_it_turns_to_the_button_by_itself(page: Page, registered: App) -> None:
    button_way(page, registered)
    expect(page.get_by_role("heading", level=1)).to_have_text("Look at the camera")
    stage, camera = (
        page.locator(".stage").bounding_box(),
        page.get_by_test_id("stCameraInput").locator("video").bounding_box(),
    )
    assert stage is not None
    assert stage == pytest.approx(camera, abs=1), "the camera stands where the live picture would"
    page.get_by_role("button", name="Take picture").click()
    says(page, "checked-in")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"Checked in at \d\d:\d\d:\d\d"))
    (attempt,), (check_in,) = stored(store_of(registered))
    assert (attempt.source, attempt.outcome, check_in.attempt_id) == ("page", Outcome.RECORDED, attempt.attempt_id)
    says(page, "snapshot")  # ready again by itself
    expect(page.get_by_role("button", name="Take picture")).to_be_enabled()


def test_a_double_click_and_another_run_are_one_attempt(page: Page, registered: App) -> None:
    button_way(page, registered)
    page.get_by_role("button", name="Take picture").dblclick()
    says(page, "checked-in")
    page.keyboard.press("r")  # Streamlit's own key for another run
    ready(page)
    says(page, "snapshot")
    attempts, check_ins = stored(store_of(registered))
    assert (len(attempts), len(check_ins)) == (1, 1)
    page.get_by_role("button", name="Take picture").click()
    says(page, "already")
    attempts, check_ins = stored(store_of(registered))
    assert (len(attempts), len(check_ins)) == (2, 1)


def test_a_picture_without_a_face_is_no_attempt_of_anybody(chromium: Browser, registered: App, tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), (180, 170, 160)).save(tmp_path / "wall.png")
    with screen(chromium, *showing(film(tmp_path / "wall.png", tmp_path / "wall.mjpeg"))) as page:
        button_way(page, registered)
        page.get_by_role("button", name="Take picture").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("No face in that picture")
        expect(page.locator(".panel")).to_have_attribute("data-tone", "quiet")
        expect(page.get_by_role("button", name="Take picture")).to_be_enabled()  # for the next one, at once
    (attempt,), check_ins = stored(store_of(registered))
    assert (attempt.reason, check_ins) == (Reason.NO_FACE, [])


def test_a_visitor_goes_there_and_back(page: Page, app: App) -> None:
    page.goto(app.url)
    says(page, "nobody-registered")
    without_frames(page)
    says(page, "snapshot")
    page.unroute("**/api/kiosk/frame")
    page.get_by_role("button", name="Use live camera").click()
    says(page, "nobody-registered")
    expect(page.get_by_test_id("stCameraInput")).to_have_count(0)


def test_the_name_first_and_then_the_button(page: Page, registered: App) -> None:
    with closing(connect(store_of(registered), timeout_s=10)) as store:
        Choices(store).save({"policy.kiosk_mode": "name"}, expected_version=0, actor="test", why="for this test")
    without_frames(page)
    page.goto(registered.url)
    field = page.get_by_label("Your staff number or full name")
    field.fill(NAME)
    field.press("Enter")
    says(page, "snapshot")
    page.get_by_role("button", name="Take picture").click()
    says(page, "checked-in")
    ((attempt,), _) = stored(store_of(registered))
    assert (attempt.mode, attempt.entered_name) == (Mode.VERIFICATION, NAME)
    expect(field).to_have_value("")  # asked anew for the next person


def test_dispute_after_a_picture(page: Page, registered: App) -> None:
    button_way(page, registered)
    page.get_by_role("button", name="Take picture").click()
    says(page, "checked-in")
    page.get_by_role("button", name="Not me").click()
    page.get_by_role("button", name="Yes, not me").click()
    says(page, "disputed")
    assert stored(store_of(registered))[0][0].review is Review.DISPUTED


def test_a_phone_keeps_everything_in_sight(chromium: Browser, registered: App) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    button_way(page, registered)
    for part in (".stage", ".panel", "h1", ".shutter", ".office"):
        expect(page.locator(part)).to_be_in_viewport(ratio=0.99)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    context.close()
