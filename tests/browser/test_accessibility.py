"""No page has a serious or critical fault by axe-core's rules, light and dark, on a desktop and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.app.office import with_records
from tests.browser.conftest import ready, sign_in
from tests.real_server import serving, set_password, setup_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.real_server import App

pytestmark = pytest.mark.browser
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
PAGES = ["", "records", "people", "register", "settings", "thresholds", "versions", "status"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    with serving(tmp_path_factory.mktemp("axe"), model_dir) as app:
        set_password(app)
        yield app


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(SIZES))
def visitor(chromium: Browser, scheme: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    size = SIZES[request.param]
    context = chromium.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]  # both are given by us
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def faults(page: Page) -> list[str]:
    """The serious and critical ones; nothing is excused."""
    return [
        f"{violation['id']} {node['target']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def test_the_check_in_and_the_plain_pages(visitor: Page, office: App) -> None:
    visitor.goto(office.url)
    ready(visitor)
    expect(visitor.get_by_role("link", name="Office sign-in")).to_be_visible()
    assert not faults(visitor)
    for path in ("/in/sign-in", "/in/sign-in?ended=1", "/in/setup?token=used", "/nothing"):
        visitor.goto(office.url + path)
        expect(visitor.get_by_role("heading", level=1)).to_be_visible()
        assert not faults(visitor), path


def test_the_office(visitor: Page, office: App) -> None:
    sign_in(visitor, office)
    for path in PAGES:
        visitor.goto(f"{office.url}/{path}")
        expect(visitor.locator("h1").first).to_be_visible(timeout=120_000)
        ready(visitor)
        assert not faults(visitor), path or "check-in"


def test_the_office_with_people_and_records(visitor: Page, tmp_path: Path, model_dir: Path) -> None:
    house = with_records(tmp_path)
    maria = house.people.find("Maria <b>L</b>").person_id
    house.real_store.close()
    lists = ["people", f"people?id={maria}", "records?when=All+days", "records?when=All+days&show=All+attempts"]
    with serving(tmp_path, model_dir) as app:
        set_password(app)
        sign_in(visitor, app)
        for path in lists:
            visitor.goto(f"{app.url}/{path}")
            shown = visitor.get_by_role("heading", level=1) if "id=" in path else visitor.get_by_test_id("stDataFrame")
            expect(shown.first).to_be_visible(timeout=120_000)
            ready(visitor)
            assert not faults(visitor), path


def test_before_there_is_a_password_and_on_an_unpaired_screen(visitor: Page, tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path, model_dir, ATTEND_KIOSK_ACCESS="paired") as app:
        visitor.goto(app.url)
        expect(visitor.get_by_role("heading", name="Attend is not set up yet")).to_be_visible()
        assert not faults(visitor)
        visitor.goto(f"{app.url}/in/setup?token={setup_token(app)}")
        expect(visitor.get_by_label("New password", exact=True)).to_be_visible()
        assert not faults(visitor)
        set_password(app)
        visitor.goto(app.url)
        expect(visitor.get_by_role("heading", name="This screen is not paired")).to_be_visible()
        assert not faults(visitor)
