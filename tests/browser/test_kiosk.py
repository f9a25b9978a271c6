"""Check in live, with a real server, real Chromium and a fake webcam: what the screen says, and what is stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from attendance.domain.model import Decision, Mode, Outcome, Review
from tests.browser.conftest import film
from tests.browser.kiosk_steps import (
    NAME,
    beside,
    enrol,
    moving,
    note_states,
    says,
    screen,
    showing,
    states,
    store_of,
    stored,
)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Request

    from tests.real_server import App

pytestmark = pytest.mark.browser


@pytest.fixture
def registered(app: App, model_dir: Path, astronaut_jpeg: bytes) -> App:
    """The app with the person whom the webcam shows."""
    enrol(store_of(app), model_dir, NAME, astronaut_jpeg)
    return app


def test_nobody_is_registered_yet(page: Page, app: App) -> None:
    page.goto(app.url)
    says(page, "nobody-registered")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nobody is registered yet")
    assert stored(store_of(app)) == ([], [])


def test_a_person_is_checked_in_and_the_screen_is_ready_again(page: Page, registered: App) -> None:
    outside: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((registered.url, "data:", "blob:")):
            outside.append(request.url)

    page.on("request", note)
    note_states(page)
    page.goto(registered.url)
    says(page, "checked-in")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.locator(".fact")).to_have_text(re.compile(r"^Checked in at\s\d\d:\d\d:\d\d$"))
    expect(page.locator(".panel")).to_have_css("background-color", "rgb(10, 107, 67)")
    expect(page.get_by_role("status")).to_contain_text(re.compile(rf"{NAME}\. Checked in at \d\d:\d\d:\d\d\."))
    expect(page).to_have_title(f"{NAME} · Attend")
    told = page.locator(".fact").inner_text().split("\xa0")[-1]
    says(page, "done")  # by itself, while the same face is still there
    assert states(page).index("deciding") < states(page).index("checked-in")

    (attempt,), (check_in,) = stored(store_of(registered))
    assert (attempt.outcome, attempt.source, attempt.mode) == (Outcome.RECORDED, "kiosk", Mode.IDENTIFICATION)
    assert check_in.attempt_id == attempt.attempt_id
    assert check_in.timestamp.strftime("%M:%S") == told[3:]  # the hour is the site's
    assert not outside, "the check-in must ask nobody but its own server"


def test_who_is_not_me_says_so_once_more_and_the_record_is_marked(page: Page, registered: App) -> None:
    page.goto(registered.url)
    says(page, "checked-in")
    page.get_by_role("button", name="Not me").click()
    expect(page.locator(".help")).to_have_text("Mark this check-in as not yours? The office settles it.")
    assert stored(store_of(registered))[0][0].review is Review.NONE
    page.get_by_role("button", name="Yes, not me").click()
    says(page, "disputed")
    (attempt,), (check_in,) = stored(store_of(registered))
    assert attempt.review is Review.DISPUTED
    assert check_in.attempt_id == attempt.attempt_id, "the record stays until the office settles it"


def test_it_is_me_after_all_leaves_the_record_as_it_is(page: Page, registered: App) -> None:
    page.goto(registered.url)
    says(page, "checked-in")
    page.get_by_role("button", name="Not me").click()
    page.get_by_role("button", name="It is me").click()
    says(page, "checked-in")
    assert stored(store_of(registered))[0][0].review is Review.NONE


def test_by_name_at_an_open_kiosk_offers_no_names(page: Page, registered: App) -> None:
    page.goto(registered.url)
    says(page, "done")  # recognised by face first, so that what follows is the name's work
    page.get_by_role("button", name="Check in by name").click()
    field = page.get_by_label("Your staff number or full name")
    expect(field).to_be_focused()
    field.fill("Eileen")
    expect(page.get_by_role("option")).to_have_count(0)
    field.fill(NAME.casefold())
    page.get_by_role("button", name="Continue").click()
    says(page, "already")
    attempt = stored(store_of(registered))[0][-1]
    assert (attempt.mode, attempt.decision) == (Mode.VERIFICATION, Decision.ACCEPTED)


def test_another_ones_name_is_not_recognised(page: Page, registered: App) -> None:
    page.goto(registered.url)
    says(page, "done")
    page.get_by_role("button", name="Check in by name").click()
    page.get_by_label("Your staff number or full name").fill("Maria Lindqvist")
    page.keyboard.press("Enter")
    says(page, "not-recognised")
    expect(page.get_by_role("button", name="Change name")).to_be_visible()
    assert NAME not in page.locator(".panel").inner_text()


def test_an_operator_picks_a_name_from_the_list(operator: Page, registered: App) -> None:
    operator.goto(registered.url)
    says(operator, "done")
    operator.get_by_role("button", name="Check in by name").click()
    field = operator.get_by_role("combobox", name="Your name or staff number")
    field.press_sequentially("ei")
    expect(operator.get_by_role("option", name=NAME)).to_have_attribute("aria-selected", "true")
    operator.keyboard.press("Enter")
    says(operator, "already")
    expect(operator.get_by_test_id("stSidebar")).to_be_visible()


def test_nobody_in_front_of_the_camera(chromium: Browser, registered: App, tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), (180, 170, 160)).save(tmp_path / "wall.png")
    with screen(chromium, *showing(film(tmp_path / "wall.png", tmp_path / "wall.mjpeg"))) as page:
        note_states(page)
        page.goto(registered.url)
        says(page, "waiting")
        page.wait_for_timeout(2000)
        assert set(states(page)) <= {"starting", "waiting"}
    assert stored(store_of(registered)) == ([], [])


def test_two_people_are_asked_to_come_one_at_a_time(
    chromium: Browser, app: App, model_dir: Path, tmp_path: Path, astronaut_jpeg: bytes
) -> None:
    enrol(store_of(app), model_dir, NAME, astronaut_jpeg)
    (tmp_path / "two.jpg").write_bytes(beside(astronaut_jpeg, astronaut_jpeg))
    with screen(chromium, *showing(film(tmp_path / "two.jpg", tmp_path / "two.mjpeg"))) as page:
        page.goto(app.url)
        says(page, "several")
        expect(page.get_by_role("heading", level=1)).to_have_text("One person at a time")
    assert stored(store_of(app)) == ([], [])


@pytest.mark.faces
def test_a_stranger_is_told_no_name(page: Page, app: App, model_dir: Path, faces_dir: Path) -> None:
    pictures = [path.read_bytes() for path in sorted((faces_dir / "people" / "p01").glob("*.jpg"))]
    enrol(store_of(app), model_dir, "Maria Lindqvist", *pictures)
    page.goto(app.url)
    says(page, "not-recognised")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not recognised this time")
    assert "Maria" not in page.content() + page.locator(".panel").inner_text()
    (attempt,), check_ins = stored(store_of(app))
    assert (attempt.decision, check_ins) == (Decision.REJECTED, [])
    page.get_by_role("button", name="Try again").click()
    says(page, "found")
    says(page, "not-recognised")
    assert stored(store_of(app))[1] == []


@pytest.mark.faces
def test_the_film_of_two_people_never_checks_in_while_both_are_there(
    chromium: Browser, app: App, model_dir: Path, tmp_path: Path, faces_dir: Path, astronaut_jpeg: bytes
) -> None:
    enrol(store_of(app), model_dir, NAME, astronaut_jpeg)
    video = moving(faces_dir / "video" / "two_people.mp4", tmp_path / "two.mjpeg")
    with screen(chromium, *showing(video)) as page:
        page.goto(app.url)
        says(page, "several")
    assert stored(store_of(app))[1] == []


def test_two_tabs_leave_one_record(context: BrowserContext, registered: App) -> None:
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto(registered.url, wait_until="commit")
    for tab in tabs:
        tab.bring_to_front()
        says(tab, re.compile("checked-in|already|done"))
    assert len(stored(store_of(registered))[1]) == 1


def test_a_refresh_in_the_middle_leaves_one_record(page: Page, registered: App) -> None:
    for _ in range(3):
        page.goto(registered.url)
        expect(page.locator(".panel")).to_have_attribute(
            "data-state", re.compile("deciding|checked-in|already"), timeout=60_000
        )
    expect(page.locator(".panel")).to_have_attribute("data-state", re.compile("checked-in|already"), timeout=60_000)
    assert len(stored(store_of(registered))[1]) == 1


def test_a_phone_shows_everything_without_scrolling(chromium: Browser, registered: App) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(registered.url)
    says(page, "checked-in")
    size = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight, innerWidth, innerHeight]"
    )
    assert size[0] <= size[2]
    assert size[1] <= size[3]
    for part in (
        page.get_by_role("heading", level=1),
        page.locator(".fact"),
        page.get_by_role("link", name="Office sign-in"),
    ):
        expect(part).to_be_in_viewport(ratio=1)
    context.close()
