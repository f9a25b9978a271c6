"""Every state of the screen on a plain page: its words, that nothing moves, that everything can be reached and read."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageOps
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
    "a tablet at 200 % zoom": (512, 384),
    "an upright tablet at 200 % zoom": (410, 590),
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


@pytest.fixture(scope="module")
def still(chromium: Browser) -> Iterator[Page]:
    """One page without motion for all states and sizes: opening it anew for each would take most of the time."""
    with chromium.new_context(reduced_motion="reduce") as context:
        yield context.new_page()


@pytest.fixture(params=list(SIZES))
def sized(still: Page, request: pytest.FixtureRequest) -> Page:
    resize(still, request.param)
    return still


def resize(page: Page, size: str) -> None:
    """Another window; returns when the page is laid out in it."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


BOXES = """() => {
    const root = document.getElementById('place').shadowRoot
    const box = name => root.querySelector(name).getBoundingClientRect()
    const whole = ['.stage', '.panel', '.icon'].map(box).map(({ left, top, width, height }) => [left, top, width, height])
    return [...whole, ...['h1', '.clock'].map(box).map(({ left, top }) => [left, top])].map(edges => edges.map(Math.round))
}"""


def boxes(page: Page) -> dict[str, list[list[int]]]:
    """Where everything stands, at each size."""
    found = {}
    for size in SIZES:
        resize(page, size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"scrolls sideways at {size}"
        found[size] = page.evaluate(BOXES)
    return found


@pytest.fixture(scope="module")
def places(still: Page, server: Server) -> dict[str, list[list[int]]]:
    """Where everything stands while nobody is there."""
    return boxes(opened(still, server, "waiting"))


@pytest.mark.parametrize("state", list(STATES))
def test_a_state_at_every_size(still: Page, server: Server, places: dict[str, list[list[int]]], state: str) -> None:
    """Nothing moves from state to state, everything can be reached and hit with a finger, and read by everybody; green is
    shown for a stored check-in alone."""
    opened(still, server, state)
    colour = still.locator(".panel").evaluate("panel => getComputedStyle(panel).backgroundColor")
    assert (colour == "rgb(10, 107, 67)") == (state == "checked-in")
    assert (colour == "rgb(31, 79, 168)") == (state == "already")
    assert boxes(still) == places
    if state in {"checked-in", "not-recognised", "refused", "away"}:
        for size in SIZES:
            resize(still, size)
            reachable(still)
    for theme in ("", "dark"):
        if theme:
            opened(still, server, state, theme)
        found = [f"{v['id']}: {[n['html'][:120] for n in v['nodes']]}" for v in Axe().run(still).response["violations"]]
        assert [fault for fault in found if not fault.startswith("landmark-unique")] == []


def reachable(page: Page) -> None:
    """Every word and button, none over another, and the buttons are large enough."""
    low, high = (page.locator(part).evaluate("part => part.getBoundingClientRect().toJSON()") for part in (".help", ".acts"))
    assert low["bottom"] <= high["top"] + 1
    for part in page.locator(".acts button, .foot .link:visible, h1, .help").all():
        part.scroll_into_view_if_needed()
        expect(part).to_be_in_viewport(ratio=0.98)
    for target, least in ((".acts button", 48), (".foot .link:visible", 44)):
        for one in page.locator(target).all():
            box = one.bounding_box()
            assert box is not None
            assert box["height"] >= least


def test_words_and_their_ground_change_together(page: Page, server: Server) -> None:
    """A ground that fades while its words are changed at once leaves them unreadable meanwhile, pale upon pale."""
    opened(page, server, "checked-in")
    slow = "p => getComputedStyle(p).transitionDuration"
    for part in (".panel", "h1", ".fact", ".help", ".site", ".clock", ".btn", ".link"):
        assert page.locator(part).first.evaluate(slow) == "0s", part


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
    # At the left of the frame, which is at the right of the mirror.
    server.frame = k.FOUND | {"boxes": [[0.1, 0.2, 0.2, 0.4]]}
    drawn = page.locator(".overlay path").last
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    wanted = [stage["x"] + 0.7 * stage["width"], stage["y"] + 0.2 * stage["height"], 0.2 * stage["width"]]
    for _ in range(50):
        box = drawn.bounding_box()
        if box is not None and [box["x"], box["y"], box["width"]] == pytest.approx(wanted, abs=14):
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail(f"drawn at {box}, not at {wanted}")


def test_what_is_judged_is_what_is_seen(sized: Page, server: Server) -> None:
    """Who stands outside the part of the picture that the screen shows must not count as a second person."""
    opened(sized, server, "several")
    sized.evaluate("document.getElementById('place').shadowRoot.querySelector('.overlay').style.display = 'none'")
    stage = sized.locator(".stage")
    box = stage.bounding_box()
    assert box is not None
    seen = ImageOps.mirror(Image.open(io.BytesIO(stage.screenshot())).convert("RGB"))
    sent = Image.open(io.BytesIO(server.last)).convert("RGB")
    assert sent.width / sent.height == pytest.approx(box["width"] / box["height"], rel=0.01)
    assert max(sent.size) <= 640
    shown, judged = (np.asarray(one.resize((64, 64)), np.float32)[4:-4, 4:-4] for one in (seen, sent))
    assert np.abs(shown - judged).mean() < 4, "another part of the picture"


def test_times_and_clock_are_the_servers(page: Page, server: Server) -> None:
    page.clock.set_system_time("2031-01-01T00:00:00Z")  # whatever the device believes
    opened(page, server, "already")
    expect(page.locator(".clock")).to_have_text("09:02")
    expect(page.locator(".site")).to_have_text("Harbour HouseFri 20 Nov")
    expect(page.locator(".fact s")).to_have_text(":40")


NAMES = [
    "Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine",
    "Ana Maria de Todos os Santos " * 3 + "e Albuquerque e Castro-Men",
]


@pytest.mark.parametrize("name", NAMES, ids=["50 letters", "112 letters"])
def test_a_long_name_wraps_and_leaves_the_buttons_in_sight(still: Page, server: Server, name: str) -> None:
    opened(still, server, "waiting")
    server.frame = k.CHECKED_IN | {"headline": name.strip(), "hold_ms": 60_000}
    heading = still.get_by_role("heading", level=1)
    expect(heading).to_have_text(name.strip())
    for size in SIZES:
        resize(still, size)
        assert heading.evaluate("h => h.scrollWidth <= h.clientWidth + 1"), size
        panel = still.locator(".panel")
        assert panel.evaluate("p => p.scrollWidth <= p.clientWidth + 1"), size
        not_me = still.get_by_role("button", name="Not me")
        if "zoom" in size:  # there the panel scrolls
            not_me.scroll_into_view_if_needed()
        expect(not_me).to_be_in_viewport(ratio=0.98)


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
