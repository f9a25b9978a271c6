"""Every state of the screen on a plain page: its words, that nothing moves, that everything can be reached and read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import kiosk_harness as k

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.browser.kiosk_harness import Server

pytestmark = pytest.mark.browser
SIZES = {
    "1440": (1440, 900),
    "1024": (1024, 768),
    "768": (768, 1024),
    "390": (390, 844),
    "844": (844, 390),
    "beside the sidebar": (784, 768),
    "200 % zoom": (720, 450),
}
# What brings each state: the query of the page, and the answer to each frame.
STATES: dict[str, tuple[str, Any]] = {
    "starting": ("camera=never", k.WAITING),
    "asking": ("camera=prompt", k.WAITING),
    "waiting": ("scene=nobody", k.WAITING),
    "closer": ("scene=far", k.CLOSER),
    "found": ("", k.FOUND),
    "several": ("scene=two", k.SEVERAL),
    "deciding": ("", k.DECIDING),
    "checked-in": ("", k.CHECKED_IN),
    "already": ("", k.ALREADY),
    "not-recognised": ("", k.MISS),
    "disputed": ("", k.DISPUTED),
    "refused": ("camera=denied", k.WAITING),
    "missing": ("camera=NotFoundError", k.WAITING),
    "in-use": ("camera=NotReadableError", k.WAITING),
    "insecure": ("insecure", k.WAITING),
    "unknown": ("camera=TypeError", k.WAITING),
    "away": ("", k.AWAY),
    "busy": ("", k.BUSY),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with k.harness() as running:
        yield running


def opened(page: Page, server: Server, state: str, more: str = "") -> Page:
    """The page in a state."""
    query, answer = STATES[state]
    server.reset()
    server.frame = answer
    if state == "away":
        server.status = answer
    page.goto(f"{server.url}/?{query}&{more}")
    expect(page.locator(".panel")).to_have_attribute("data-state", state, timeout=20_000)
    return page


@pytest.fixture(params=list(SIZES))
def sized(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = SIZES[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


BOXES = """() => {
    const root = document.getElementById('place').shadowRoot
    const box = name => root.querySelector(name).getBoundingClientRect()
    const whole = ['.stage', '.panel', '.icon'].map(box).map(({ left, top, width, height }) => [left, top, width, height])
    return [...whole, ...['h1', '.clock'].map(box).map(({ left, top }) => [left, top])].map(edges => edges.map(Math.round))
}"""


def test_nothing_moves_from_state_to_state(sized: Page, server: Server) -> None:
    places = {state: sized_boxes(sized, server, state) for state in STATES}
    first = places["waiting"]
    assert {state: boxes for state, boxes in places.items() if boxes != first} == {}


def sized_boxes(page: Page, server: Server, state: str) -> list[list[int]]:
    opened(page, server, state)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{state} scrolls sideways"
    found: list[list[int]] = page.evaluate(BOXES)
    return found


@pytest.mark.parametrize("state", ["checked-in", "not-recognised", "refused", "away"])
def test_every_word_and_button_can_be_reached(sized: Page, server: Server, state: str) -> None:
    opened(sized, server, state)
    for part in sized.locator(".acts button, .foot .link:visible, h1, .help").all():
        part.scroll_into_view_if_needed()
        expect(part).to_be_in_viewport(ratio=0.98)


@pytest.mark.parametrize("theme", ["", "dark"])
@pytest.mark.parametrize("state", list(STATES))
def test_no_fault_of_accessibility(page: Page, server: Server, state: str, theme: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    opened(page, server, state, theme)
    found = [f"{v['id']}: {[n['html'][:120] for n in v['nodes']]}" for v in Axe().run(page).response["violations"]]
    assert [fault for fault in found if not fault.startswith("landmark-unique")] == []


def test_targets_are_large_enough_for_a_finger(sized: Page, server: Server) -> None:
    for state in ("not-recognised", "checked-in", "away", "refused"):
        opened(sized, server, state)
        for button in sized.locator(".acts button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 48
        for link in sized.locator(".foot .link:visible").all():
            box = link.bounding_box()
            assert box is not None
            assert box["height"] >= 44


def test_green_is_shown_for_a_stored_check_in_alone(page: Page, server: Server) -> None:
    page.emulate_media(reduced_motion="reduce")
    tones = {}
    for state in STATES:
        opened(page, server, state)
        tones[state] = page.locator(".panel").evaluate("panel => getComputedStyle(panel).backgroundColor")
    assert [state for state, colour in tones.items() if colour == "rgb(10, 107, 67)"] == ["checked-in"]
    assert tones["already"] == "rgb(31, 79, 168)"


def test_the_ring_shows_how_many_frames_agreed(page: Page, server: Server) -> None:
    opened(page, server, "deciding")
    expect(page.locator(".overlay .arc[data-filled]")).to_have_count(3)
    expect(page.locator(".overlay .arc[data-filled=true]")).to_have_count(2)
    server.frame = k.DECIDING | {"agreed": 1, "needed": 5}
    expect(page.locator(".overlay .arc[data-filled]")).to_have_count(5)
    expect(page.locator(".overlay .arc[data-filled=true]")).to_have_count(1)


def test_the_frame_stands_where_the_mirrored_picture_shows_the_face(page: Page, server: Server) -> None:
    page.emulate_media(reduced_motion="reduce")
    opened(page, server, "found")
    server.frame = k.FOUND | {
        "boxes": [[0.1, 0.2, 0.2, 0.4]]
    }  # at the left of what the camera sees: at the right of the mirror
    page.wait_for_timeout(600)
    stage, drawn = page.locator(".stage").bounding_box(), page.locator(".overlay path").last.bounding_box()
    assert stage is not None
    assert drawn is not None
    scale = max(stage["width"] / 1280, stage["height"] / 960)
    left = stage["x"] + stage["width"] / 2 + (0.5 - 0.3) * 1280 * scale
    top = stage["y"] + stage["height"] / 2 + (0.2 - 0.5) * 960 * scale
    assert abs(drawn["x"] - left) < 8
    assert abs(drawn["y"] - top) < 8
    assert abs(drawn["width"] - 0.2 * 1280 * scale) < 14


def test_times_and_clock_are_the_servers(page: Page, server: Server) -> None:
    page.clock.set_system_time("2031-01-01T00:00:00Z")  # whatever the device believes
    opened(page, server, "already")
    expect(page.locator(".clock")).to_have_text("09:02")
    expect(page.locator(".site")).to_have_text("Harbour HouseFri 20 Nov")
    expect(page.locator(".fact s")).to_have_text(":40")


def test_a_long_name_wraps_and_is_never_cut(sized: Page, server: Server) -> None:
    name = "Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine"
    opened(sized, server, "waiting")
    server.frame = k.CHECKED_IN | {"headline": name}
    heading = sized.get_by_role("heading", level=1)
    expect(heading).to_have_text(name)
    assert heading.evaluate("h => h.scrollWidth <= h.clientWidth + 1")
    assert sized.locator(".panel").evaluate("p => p.scrollWidth <= p.clientWidth + 1")


def test_a_name_is_never_markup(page: Page, server: Server) -> None:
    opened(page, server, "waiting")
    server.frame = k.CHECKED_IN | {"headline": "<img src=x onerror=alert(1)>", "help": "<b>bold</b>"}
    expect(page.get_by_role("heading", level=1)).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".help")).to_have_text("<b>bold</b>")


def test_without_motion_there_is_no_bar(page: Page, server: Server) -> None:
    opened(page, server, "checked-in")
    expect(page.locator(".left")).to_be_visible()
    page.emulate_media(reduced_motion="reduce")
    expect(page.locator(".left")).to_be_hidden()


def test_in_forced_colours_panel_and_picture_have_edges(page: Page, server: Server) -> None:
    page.emulate_media(forced_colors="active")
    opened(page, server, "checked-in")
    for part in (".panel", ".stage"):
        expect(page.locator(part)).to_have_css("border-top-width", "2px")


def test_camera_troubles_say_what_to_do_step_by_step(page: Page, server: Server) -> None:
    for state in ("refused", "missing", "in-use", "unknown"):
        opened(page, server, state)
        assert 2 <= page.locator(".nocam li").count() <= 3
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        expect(page.locator(".alt")).to_be_hidden()  # no other way could help
    opened(page, server, "insecure")
    expect(page.locator(".nocam code")).to_have_text(["https://", "localhost"])
    expect(page.get_by_role("button", name=re.compile("Try"))).to_have_count(0)
