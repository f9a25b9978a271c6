"""Pictures of every page and state at four sizes, light and dark, in build/screenshots: `make screenshots`, then look.

They are tests as well: a page that scrolls sideways fails. The people are drawn or, at the camera, NASA's public-domain
portrait; the names are made up.
"""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from attendance.bootstrap import build
from attendance.services.enrol import NamedPicture
from attendance.settings import load
from attendance.store.connect import connect
from tests.browser.conftest import ready, sign_in
from tests.browser.kiosk_steps import says
from tests.browser.shots import OUT, SCHEMES, SIZES, shot, smaller, visit
from tests.browser.test_office_register import NEXT, begin, files, give, jpeg
from tests.demo_office import fill, where_it_is_day
from tests.real_server import answers, serving, set_password, setup_token, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from playwright.sync_api import Browser, Page

    from tests.real_server import App

pytestmark = [pytest.mark.browser, pytest.mark.screenshots]
OFFICE = ["records", "people", "register", "settings", "thresholds", "versions", "status"]
AT_THE_DOOR = "Ingrid Falk"  # whom the webcam shows


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, astronaut_jpeg: bytes) -> Iterator[App]:
    """The app with a made-up office in it, and one person whom the webcam shows."""
    folder = tmp_path_factory.mktemp("office")
    application = build(load(store_url=f"sqlite:///{folder}/attendance.db", model_dir=model_dir, offline=True))
    now = datetime.now(UTC)
    zone = where_it_is_day(now)
    fill(application.store, application.model.model_id, ZoneInfo(zone), now)
    application.enrol.enrol(AT_THE_DOOR, [NamedPicture("1.jpg", astronaut_jpeg)])
    application.close()
    with serving(folder, model_dir, ATTEND_SITE="Main entrance", ATTEND_TIMEZONE=zone) as app:
        set_password(app)
        until(lambda: answers(app, "/readyz"), app, 120)
        yield app


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """The app as it is after its first start: no password, nobody in it."""
    with serving(tmp_path_factory.mktemp("empty"), model_dir) as app:
        until(lambda: answers(app, "/readyz"), app, 120)
        yield app


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(SIZES))
def visitor(chromium: Browser, scheme: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with visit(chromium, request.param, scheme) as page:
        yield page


def show(page: Page, app: App, path: str) -> None:
    """Open a page of the office, and wait until it is whole."""
    page.goto(f"{app.url}/{path}")
    expect(page.locator("h1").first).to_be_visible()
    ready(page)
    page.wait_for_timeout(800)  # pictures and the charts


# First, while nobody has set a password.
def test_before_there_is_a_password(empty: App, visitor: Page) -> None:
    visitor.goto(empty.url)
    shot(visitor, "not-set-up")
    visitor.goto(f"{empty.url}/in/setup?token={setup_token(empty)}")
    shot(visitor, "setup")
    visitor.goto(f"{empty.url}/in/setup?token=used")
    shot(visitor, "setup-link-used")


def test_the_pages_with_nobody_in_them(empty: App, visitor: Page) -> None:
    if visitor.request.get(f"{empty.url}/in/sign-in").status == 503:  # nobody has set it yet
        set_password(empty)
    sign_in(visitor, empty)
    for name in OFFICE:
        show(visitor, empty, name)
        shot(visitor, f"{name}-empty")
    visitor.goto(empty.url)
    says(visitor, "nobody-registered")
    shot(visitor, "check-in-empty")


def test_the_readme(office: App, chromium: Browser) -> None:
    """The pictures in docs/images: `cp build/screenshots/readme/* docs/images/`."""
    folder = OUT / "readme"
    folder.mkdir(parents=True, exist_ok=True)
    with visit(chromium, "readme", "light") as page:
        page.goto(office.url)
        says(page, "checked-in")
        smaller(shot(page, "check-in"), folder / "check-in.png")
        sign_in(page, office)
        page.set_viewport_size({"width": 1200, "height": 1200})
        show(page, office, "records")
        smaller(shot(page, "records", whole=False), folder / "records.png")


def test_signing_in(office: App, visitor: Page) -> None:
    visitor.goto(f"{office.url}/in/sign-in")
    shot(visitor, "sign-in")
    visitor.goto(f"{office.url}/in/sign-in?ended=1")
    shot(visitor, "sign-in-ended")
    visitor.get_by_label("Password", exact=True).fill("wrong")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("alert")).to_be_visible()
    shot(visitor, "sign-in-wrong")
    visitor.goto(f"{office.url}/nothing-here")
    shot(visitor, "not-found")


def test_the_office(office: App, visitor: Page) -> None:
    sign_in(visitor, office)
    for name in OFFICE:
        show(visitor, office, name)
        shot(visitor, name)
    more = {
        "records-attempts": "records?show=All+attempts&when=Last+7+days",
        "records-range": "records?when=From+%E2%80%A6+to",
        "records-nothing": "records?person=nobody+of+this+name",
        "people-nothing": "people?search=nobody+of+this+name",
        "person": f"people?id={7:032x}",
    }
    for name, path in more.items():
        show(visitor, office, path)
        shot(visitor, name)
    for name, label in {"change": "Change name, number or group", "remove": "Remove person"}.items():
        show(visitor, office, more["person"])
        visitor.get_by_role("button", name=label, exact=True).click()
        expect(visitor.get_by_role("dialog")).to_be_visible()
        ready(visitor)
        shot(visitor, f"person-{name}", whole=False)


def test_a_record_is_settled_and_not(office: App, visitor: Page) -> None:
    """The way back leaves the record as it was, for the next size."""
    sign_in(visitor, office)
    show(visitor, office, "records")
    visitor.get_by_role("button", name=re.compile("^Stands ")).first.click()
    undo = visitor.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    ready(visitor)
    shot(visitor, "records-settled")
    undo.click()
    expect(visitor.get_by_text("Taken back.")).to_be_visible()


def test_settings_and_thresholds_with_a_change(office: App, visitor: Page) -> None:
    sign_in(visitor, office)
    show(visitor, office, "settings")
    visitor.get_by_label("Threshold (dlib's ResNet)", exact=True).fill("0.45")
    visitor.keyboard.press("Enter")
    ready(visitor)
    shot(visitor, "settings-change")
    show(visitor, office, "thresholds")
    visitor.get_by_role("button", name=re.compile("^FMR at most 1 %")).click()
    ready(visitor)
    visitor.wait_for_timeout(800)
    shot(visitor, "thresholds-trying")


def test_register(office: App, visitor: Page, astronaut: NDArray[np.uint8]) -> None:
    sign_in(visitor, office)
    show(visitor, office, "register")
    visitor.get_by_label("Name", exact=True).fill("Maria Lindqvist")  # who is there already
    visitor.get_by_role("button", name="Next: pictures").click()
    ready(visitor)
    shot(visitor, "register-name-taken")
    begin(visitor, office, "Astrid Berg")
    expect(visitor.get_by_test_id("stCameraInput").locator("video")).to_be_visible()
    visitor.wait_for_timeout(800)
    shot(visitor, "register-camera")
    wall = {"name": "wall.jpg", "mimeType": "image/jpeg", "buffer": jpeg(astronaut[:160, 300:])}
    give(visitor, [*files(astronaut, 3, 6), wall])  # type: ignore[list-item]  # a mapping of the same fields
    expect(visitor.get_by_text("This may be someone already registered.")).to_be_visible()
    ready(visitor)
    shot(visitor, "register-look-alike")
    visitor.get_by_role("button", name="Different people").click()
    ready(visitor)
    visitor.get_by_role("button", name=NEXT).click()
    expect(visitor.get_by_text("Step 3 of 3")).to_be_visible()
    ready(visitor)
    shot(visitor, "register-check")
    visitor.get_by_role("button", name="Register Astrid Berg").click()
    expect(visitor.get_by_text("Astrid Berg is registered with 2 pictures.")).to_be_visible()
    ready(visitor)
    shot(visitor, "register-done")
    with closing(connect(f"sqlite:///{office.folder}/attendance.db", timeout_s=10)) as store:
        (added,) = [person for person in store.people() if person.name == "Astrid Berg"]
        store.remove_person(added.person_id)


def test_check_in_with_a_camera(office: App, visitor: Page) -> None:
    visitor.goto(office.url)
    says(visitor, re.compile("checked-in|already"))
    shot(visitor, "check-in")
    visitor.get_by_role("link", name="Office sign-in").click()
    sign_in(visitor, office)
    visitor.goto(office.url)
    says(visitor, re.compile("checked-in|already"))
    visitor.wait_for_timeout(800)
    shot(visitor, "check-in-signed-in")
    opener = visitor.get_by_test_id("stExpandSidebarButton")
    if opener.is_visible():
        opener.click()
        visitor.wait_for_timeout(500)
        shot(visitor, "sidebar")


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """An app that lets none but paired screens check in."""
    with serving(tmp_path_factory.mktemp("paired"), model_dir, ATTEND_KIOSK_ACCESS="paired") as app:
        set_password(app)
        yield app


def test_an_unpaired_screen(paired: App, visitor: Page) -> None:
    visitor.goto(paired.url)
    expect(visitor.get_by_role("heading", name="This screen is not paired")).to_be_visible()
    visitor.locator(".code span").first.evaluate("span => { span.textContent = 'SYCAMORE' }")  # the widest of the words
    shot(visitor, "unpaired")


def test_the_way_with_a_button(office: App, visitor: Page) -> None:
    visitor.route("**/api/kiosk/frame", lambda route: route.fulfill(status=403, content_type="text/html", body="Forbidden"))
    visitor.goto(office.url)
    says(visitor, "snapshot")
    expect(visitor.get_by_role("button", name="Take picture")).to_be_enabled()
    shot(visitor, "check-in-button")
