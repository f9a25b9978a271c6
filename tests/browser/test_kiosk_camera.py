"""The camera: asked for with a reason, each trouble told apart, and back by itself when the trouble is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser import kiosk_harness as k
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.kiosk_steps import says, screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.kiosk_harness import Server
    from tests.real_server import App

pytestmark = pytest.mark.browser


def test_refused_by_the_browser_itself(chromium: Browser, app: App) -> None:
    with screen(chromium) as page:  # headless Chromium answers the question with no
        page.goto(app.url)
        says(page, "refused")
        expect(page.get_by_role("heading", level=1)).to_have_text("The camera is blocked")
        expect(page.locator(".nocam li")).to_have_count(3)
        page.context.grant_permissions(["camera"])
        says(page, "nobody-registered")  # by itself: it hears of the permission


def test_a_machine_without_a_camera(chromium: Browser, app: App) -> None:
    assert CHROMIUM is not None
    arguments = [argument for argument in ARGUMENTS if "fake-device" not in argument]
    bare = chromium.browser_type.launch(executable_path=CHROMIUM, args=arguments)
    try:
        page = bare.new_context(permissions=["camera"]).new_page()
        page.goto(app.url)
        says(page, "missing")
        expect(page.get_by_role("heading", level=1)).to_have_text("No camera found")
    finally:
        bare.close()


def test_why_is_said_before_the_browser_asks(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/?camera=prompt")
    says(page, "asking")
    assert page.evaluate("window.opened") is None, "the reason comes first"
    expect(page.get_by_role("heading", level=2)).to_have_text("Why the camera is needed")
    page.wait_for_function("() => window.opened === 1")


def test_allowed_before_it_opens_by_itself(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    assert page.evaluate("window.opened") == 1


@pytest.mark.parametrize(
    ("error", "state", "headline"),
    [
        ("NotAllowedError", "refused", "The camera is blocked"),
        ("NotFoundError", "missing", "No camera found"),
        ("OverconstrainedError", "missing", "No camera found"),
        ("NotReadableError", "in-use", "The camera is busy"),
        ("AbortError", "in-use", "The camera is busy"),
        ("TypeError", "unknown", "The camera can't start"),
    ],
)
def test_each_trouble_has_its_own_words_and_an_end(
    page: Page, server: Server, error: str, state: str, headline: str
) -> None:
    page.goto(f"{server.url}/?camera={error}")
    says(page, state)
    expect(page.get_by_role("heading", level=1)).to_have_text(headline)
    assert server.seen == []
    page.evaluate("window.camera = 'granted'")
    page.get_by_role("button", name="Try again").click()
    says(page, "waiting")


def test_a_camera_that_is_plugged_in_is_found_by_itself(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/?camera=NotFoundError")
    says(page, "missing")
    page.evaluate("window.camera = 'granted'; navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    says(page, "waiting")


def test_pulled_out_and_put_back(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.evaluate("window.camera = 'NotFoundError'; window.stream.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    says(page, "missing")
    expect(page.locator("video")).to_be_hidden()
    page.evaluate("window.camera = 'granted'")
    says(page, "waiting")
    expect(page.locator("video")).to_be_visible()


def test_a_page_that_is_not_secure(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/?insecure")
    says(page, "insecure")
    assert page.evaluate("window.opened") is None


def test_a_trouble_does_not_hide_that_the_database_is_away(page: Page, server: Server) -> None:
    server.status = k.AWAY
    page.goto(f"{server.url}/?camera=NotFoundError")
    says(page, "away")
    server.status = k.READY
    page.get_by_role("button", name="Try now").click()
    says(page, "missing")


def test_the_screen_is_kept_awake(page: Page, server: Server) -> None:
    page.add_init_script(
        "navigator.wakeLock.request = async kind => { window.awake = kind; return { release: async () => undefined } }"
    )
    page.goto(server.url)
    says(page, "waiting")
    assert page.evaluate("window.awake") == "screen"
