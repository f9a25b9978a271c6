"""Pictures of every page and state at three widths, light and dark, in build/screenshots: `make screenshots`, then look.

They are tests as well: a page that scrolls sideways fails.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from attendance.bootstrap import build
from attendance.settings import load
from tests.browser import kiosk_harness as kiosk
from tests.browser.conftest import ready, sign_in
from tests.demo_office import fill
from tests.real_server import ROOT, serving, set_password, setup_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.real_server import App

pytestmark = [pytest.mark.browser, pytest.mark.screenshots]
OUT = ROOT / "build" / "screenshots"
SIZES = {"1440": (1440, 900), "1024": (1024, 768), "768": (768, 1024), "390": (390, 844)}
OFFICE = ["records", "people", "register", "settings", "thresholds", "versions", "status"]
KIOSK: dict[str, Any] = {
    "ready": kiosk.WAITING,
    "closer": kiosk.CLOSER,
    "found": kiosk.FOUND,
    "several": kiosk.SEVERAL,
    "deciding": kiosk.DECIDING,
    "checked-in": kiosk.CHECKED_IN,
    "already": kiosk.ALREADY,
    "not-recognised": kiosk.MISS,
    "away": kiosk.AWAY,
    "busy": kiosk.BUSY,
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """The app with a made-up office in it."""
    folder = tmp_path_factory.mktemp("office")
    application = build(load(store_url=f"sqlite:///{folder}/attendance.db", model_dir=model_dir, offline=True))
    fill(application.store, application.model.model_id, ZoneInfo("Europe/Stockholm"), datetime.now(UTC))
    application.close()
    with serving(folder, model_dir, ATTEND_SITE="Main entrance") as app:
        set_password(app)
        yield app


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(SIZES))
def visitor(chromium: Browser, scheme: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Somebody with a screen of this width and theme."""
    width, height = SIZES[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def shot(page: Page, name: str) -> None:
    """Keep a picture of the whole page."""
    size, scheme = page.viewport_size, page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert size is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{name} scrolls sideways"
    height = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
    if height > size["height"]:
        page.set_viewport_size({"width": size["width"], "height": min(int(height), 4000)})
        page.wait_for_timeout(400)  # charts and tables are drawn anew
    OUT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=OUT / f"{name}-{size['width']}{'-dark' if scheme else ''}.png")
    page.set_viewport_size(size)


def test_the_office(office: App, visitor: Page) -> None:
    visitor.goto(f"{office.url}/in/sign-in")
    shot(visitor, "sign-in")
    sign_in(visitor, office)
    for name in OFFICE:
        visitor.goto(f"{office.url}/{name}")
        expect(visitor.locator("h1")).to_be_visible()
        ready(visitor)
        visitor.wait_for_timeout(800)  # pictures and the chart
        shot(visitor, name)


def test_the_pages_with_nobody_in_them(chromium: Browser, tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path, model_dir) as app, chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(app.url)
        shot(page, "not-set-up")
        page.goto(f"{app.url}/in/setup?token={setup_token(app)}")
        shot(page, "setup")
        set_password(app)
        sign_in(page, app)
        for name in OFFICE:
            page.goto(f"{app.url}/{name}")
            expect(page.locator("h1")).to_be_visible()
            ready(page)
            shot(page, f"{name}-empty")


def test_the_kiosk(visitor: Page) -> None:
    with kiosk.harness() as server:
        for name, answer in KIOSK.items():
            server.reset()
            server.frame = answer
            visitor.goto("about:blank")
            visitor.goto(server.url)
            headline = (answer[1] if isinstance(answer, tuple) else answer)["headline"]  # a refusal has its status first
            expect(visitor.get_by_role("heading", name=headline)).to_be_visible()
            visitor.wait_for_timeout(300)
            shot(visitor, f"kiosk-{name}")
