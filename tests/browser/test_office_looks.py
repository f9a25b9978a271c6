"""How the office looks at every width, and what its pages do by themselves: one server and one operator for all checks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from attendance.api.streamlit_private import message_kind
from attendance.bootstrap import build
from attendance.settings import load
from tests.browser.conftest import ready, sign_in
from tests.demo_office import fill, where_it_is_day
from tests.real_server import answers, serving, set_password, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, WebSocket

    from tests.real_server import App

pytestmark = pytest.mark.browser
OFFICE = ("records", "people", "register", "settings", "status")
NARROW = ((768, 1024), (390, 844))
STILL = (
    0.1  # of the browser's own measure for what moves while a page loads (web.dev: at most this is good, above 0.25 poor)
)
# What moves within half a second of a press is somebody's doing, and not counted.
NOTE_SHIFTS = """
window.moved = []
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved.push(entry.value)
}).observe({ type: "layout-shift", buffered: true })
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """A made-up office of forty people."""
    folder = tmp_path_factory.mktemp("looks")
    application = build(load(store_url=f"sqlite:///{folder}/attendance.db", model_dir=model_dir, offline=True))
    now = datetime.now(UTC)
    zone = where_it_is_day(now)  # at night today's table is empty
    fill(application.store, application.model.model_id, ZoneInfo(zone), now, days=2)
    application.close()
    with serving(folder, model_dir, ATTEND_TIMEZONE=zone) as running:
        set_password(running)
        until(lambda: answers(running, "/readyz"), running, 120)
        yield running


@pytest.fixture(scope="module")
def operator(chromium: Browser, app: App) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.clock.install()
        sign_in(page, app)
        yield page


def show(page: Page, app: App, path: str, size: tuple[int, int] = (1280, 900)) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{app.url}/{path}")
    ready(page)


@pytest.mark.parametrize("size", [(1440, 900), (820, 1180), (390, 844)], ids=["1440", "820", "390"])
def test_nothing_jumps_while_a_page_loads(chromium: Browser, app: App, size: tuple[int, int]) -> None:
    moved = {}
    with chromium.new_context() as context:
        context.set_default_timeout(60_000)
        context.add_init_script(NOTE_SHIFTS)
        page = context.new_page()
        sign_in(page, app)
        for path in ("", *OFFICE, "thresholds", "versions"):
            show(page, app, path, size)
            page.wait_for_timeout(1500)  # pictures and charts
            moved[path or "check-in"] = round(sum(page.evaluate("window.moved")), 3)
    assert max(moved.values()) <= STILL, moved


def test_a_page_that_looks_again_by_itself_is_no_activity(operator: Page, app: App) -> None:
    """Else nobody who leaves Records open would ever be signed out. Nor does opening a page log a fault."""
    heard: list[tuple[str, bool]] = []
    faults: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda data: heard.append(message_kind(data if isinstance(data, bytes) else data.encode())))

    operator.on("websocket", listen)
    operator.on("response", lambda answer: faults.append(answer.url) if answer.status >= 400 else None)
    for path in ("records", "status"):
        show(operator, app, path)
        before = len(heard)
        operator.clock.fast_forward(16_000)
        for _ in range(100):
            if len(heard) > before:
                break
            operator.wait_for_timeout(50)
        assert heard[before:], "it looked again"
        assert set(heard[before:]) == {("rerun_script", False)}
    for path in OFFICE:
        show(operator, app, path)
    assert faults == []


@pytest.mark.parametrize("size", NARROW)
def test_on_a_narrow_screen_a_bar_with_the_name_stands_over_every_page(
    operator: Page, app: App, size: tuple[int, int]
) -> None:
    for path in ("", *OFFICE):
        show(operator, app, path, size)
        bar = operator.get_by_test_id("stHeader")
        expect(bar.get_by_test_id("stExpandSidebarButton")).to_be_visible()
        name = bar.get_by_test_id("stHeaderLogo").evaluate("e => getComputedStyle(e.parentElement, '::after').content")
        assert name == '"Attend"', path or "check-in"
        box = bar.bounding_box()
        first = operator.locator("h1" if path else ".stage").first.bounding_box()
        assert box is not None
        assert first is not None
        gap = first["y"] - (box["y"] + box["height"])
        assert 0 <= gap <= 30, f"{path or 'check-in'}: the bar overlaps, or a blank band of {gap:.0f} px"
        assert operator.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_tablet_no_table_cuts_its_last_columns_and_settings_are_one_column(operator: Page, app: App) -> None:
    for path in ("records", "people"):
        show(operator, app, path, (768, 1024))
        expect(operator.locator(".dvn-scroller").last).to_be_attached()
        over = operator.evaluate("[...document.querySelectorAll('.dvn-scroller')].map(e => e.scrollWidth - e.clientWidth)")
        assert max(over) <= 0, f"{path}: {over} px out of sight"
    show(operator, app, "settings", (768, 1024))
    group, card = (
        operator.locator(f"[class*=st-key-settings-{name}-]").first.bounding_box() for name in ("group", "review")
    )
    assert group is not None
    assert card is not None
    assert (group["x"], round(group["width"])) == (card["x"], round(card["width"]))


def test_cards_are_quieter_than_inputs_in_both_themes(operator: Page, app: App) -> None:
    for scheme, colour in (("light", "rgb(221, 225, 231)"), ("dark", "rgb(46, 54, 65)")):
        operator.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        show(operator, app, "records")
        expect(operator.locator("[class*=st-key-settle-demo]").first).to_have_css("border-top-color", colour)
    operator.emulate_media(color_scheme="light")


FOCUSED = """() => {
    let at = document.activeElement
    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
    const name = at.outerHTML.slice(0, 120)
    if (at === document.body) return [name, true]
    for (let up = 0; at instanceof Element && up < 6; up += 1, at = at.parentElement) {
        const { outlineStyle, outlineWidth } = getComputedStyle(at)
        if (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) return [name, true]
    }
    return [name, false]
}"""


def test_what_has_the_focus_can_be_seen(operator: Page, app: App) -> None:
    for path in ("", *OFFICE):
        show(operator, app, path)
        for _ in range(30):
            operator.keyboard.press("Tab")
            name, seen = operator.evaluate(FOCUSED)
            assert seen or "<canvas" in name or name.startswith("<div tabindex"), f"{path}: {name}"


def test_a_closed_sidebar_is_not_on_the_way_of_the_tab_key(operator: Page, app: App) -> None:
    show(operator, app, "records", (390, 844))
    expect(operator.get_by_test_id("stExpandSidebarButton")).to_be_visible()
    expect(operator.get_by_test_id("stSidebar").get_by_role("link", name="People")).to_have_count(0)
    operator.get_by_test_id("stExpandSidebarButton").click()
    expect(operator.get_by_test_id("stSidebar").get_by_role("link", name="People")).to_be_visible()


def test_pages_drawn_anew_do_not_ask_the_more_often_who_is_signed_in(operator: Page, app: App) -> None:
    show(operator, app, "records")
    for _ in range(8):
        operator.keyboard.press("r")  # Streamlit's own key for another run
        ready(operator)
    asked: list[str] = []
    operator.on("request", lambda request: asked.append(request.url) if request.url.endswith("/in/whoami") else None)
    operator.clock.fast_forward(5_000)
    operator.wait_for_timeout(500)
    assert len(asked) <= 2


def test_what_is_drawn_anew_stays_readable(operator: Page, app: App) -> None:
    show(operator, app, "records")
    element = operator.get_by_test_id("stElementContainer").filter(visible=True).first
    element.evaluate("e => e.dataset.stale = 'true'")
    expect(element).to_have_css("opacity", "1")
    expect(element).to_have_css("transition-duration", "0s")
