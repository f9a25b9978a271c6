"""Register in a real browser: from the camera, from files, a look-alike, a database that goes away, a double click."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import ALLOWED, browser, ready, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from playwright.sync_api import FilePayload

    from tests.browser.conftest import App

pytestmark = pytest.mark.browser
NEXT = "Next: check and save"
OWN = ("data:", "blob:")  # addresses that ask nobody


def jpeg(image: NDArray[np.uint8] | Image.Image) -> bytes:
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, "JPEG", quality=92)
    return out.getvalue()


def files(astronaut: NDArray[np.uint8], *degrees: float) -> list[FilePayload]:
    """The portrait, tilted a little each time: different pictures of one person."""
    image = Image.fromarray(astronaut)
    tilted = [jpeg(image.rotate(by, resample=Image.Resampling.BICUBIC)) for by in degrees]
    return [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": data} for n, data in enumerate(tilted, 1)]


@pytest.fixture
def moving(tmp_path: Path, astronaut: NDArray[np.uint8], app: App) -> Iterator[Page]:
    """An operator before a webcam in which the head moves a little, as heads do, so that no two photos are the same file."""
    image = Image.fromarray(astronaut).resize((480, 480))
    tilted = [image.rotate(4 * np.sin(number / 10), resample=Image.Resampling.BICUBIC) for number in range(60)]
    film = []
    # Half a minute at 30 a second, and no frame twice in it: two photos of one frame are one picture.
    for number in range(900):
        frame = Image.new("RGB", (640, 480), (120, 125, 130))
        frame.paste(tilted[number % 60], (70 + number // 60, 0))
        film.append(jpeg(frame))
    path = tmp_path / "moving.mjpeg"
    path.write_bytes(b"".join(film))
    with browser(ALLOWED, f"--use-file-for-fake-video-capture={path}") as chromium:
        page = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.set_default_timeout(60_000)
        sign_in(page, app)
        yield page


def begin(page: Page, app: App, name: str) -> None:
    page.goto(f"{app.url}/register")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Next: pictures").click()
    expect(page.get_by_text("Step 2 of 3 · Four pictures")).to_be_visible()
    ready(page)


def give(page: Page, pictures: list[FilePayload]) -> None:
    page.get_by_text("Files", exact=True).click()
    page.locator("input[type=file]").set_input_files(pictures)


def take_photo(page: Page) -> None:
    """Wait for the camera, and press the button. (The page's Content-Security-Policy forbids ``wait_for_function``.)

    The film begins anew with each opening of the camera: each photo is taken later in it, so that no two are one frame.
    """
    camera = page.get_by_test_id("stCameraInput")
    begins_s = 0.7 * page.locator(".register-crop").count()
    for _ in range(300):
        if camera.locator("video").evaluate_all(
            "(all, begins) => all.length > 0 && all[0].videoWidth > 0 && all[0].currentTime > begins", begins_s
        ):
            break
        page.wait_for_timeout(100)
    page.get_by_test_id("stCameraInputButton").click()


def rows(app: App, table: str) -> int:
    with closing(sqlite3.connect(f"file:{app.folder}/attendance.db?mode=ro", uri=True)) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own table names


def faults(page: Page) -> list[str]:
    """What axe calls serious or worse, but for Streamlit's own list of pages."""
    found = Axe().run(page, context={"exclude": [["[data-testid=stSidebarNavItems]"]]}).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']}: {node['html']}" for one in serious for node in one["nodes"]]


def test_four_photos_on_a_phone_one_double_click_and_the_check_in(moving: Page, app: App) -> None:
    outside: list[str] = []
    moving.on("request", lambda asked: outside.append(asked.url) if not asked.url.startswith((*OWN, app.url)) else None)
    begin(moving, app, "Eileen Collins")
    expect(moving.get_by_text("Add four pictures to go on.")).to_be_visible()
    for headline in ("Look straight at the camera", "Turn a little to your left", "Turn a little to your right"):
        expect(moving.get_by_role("heading", name=headline)).to_be_visible()
        take_photo(moving)
    expect(moving.get_by_role("heading", name="Change the light")).to_be_visible()
    assert moving.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    camera = moving.get_by_test_id("stCameraInput").bounding_box()
    crop = moving.get_by_alt_text("Picture 1").bounding_box()
    assert camera is not None
    assert crop is not None
    assert camera["y"] < crop["y"], "the camera stands before the crops"
    take_photo(moving)
    expect(moving.get_by_text("All four pictures are there")).to_be_visible()
    moving.get_by_role("button", name=NEXT).click()
    moving.get_by_role("button", name="Register Eileen Collins").dblclick()
    expect(moving.get_by_text("Eileen Collins is registered with 4 pictures.")).to_be_visible()
    assert (rows(app, "people"), rows(app, "face_images")) == (1, 4)
    moving.get_by_role("link", name="Try it now").click()
    expect(moving).to_have_url(f"{app.url}/")
    expect(moving.get_by_role("heading", name="Eileen Collins", level=1)).to_be_visible()
    assert rows(app, "attendance") == 1
    assert not outside, "a page must ask nobody but its own server"


def test_files_are_judged_at_once_and_a_look_alike_is_decided_about(
    operator: Page, app: App, astronaut: NDArray[np.uint8]
) -> None:
    begin(operator, app, "Eileen Collins")
    wall = jpeg(Image.new("RGB", (640, 480), (180, 170, 160)))
    given = files(astronaut, 0, 4)
    give(operator, [*given, given[0], {"name": "wall.jpg", "mimeType": "image/jpeg", "buffer": wall}])
    expect(operator.get_by_text("This is the same picture as picture 1.")).to_be_visible()
    expect(operator.get_by_text("No face found.")).to_be_visible()
    assert faults(operator) == []
    operator.get_by_role("button", name=NEXT).click()
    operator.get_by_role("button", name="Register Eileen Collins").click()
    expect(operator.get_by_text("Eileen Collins is registered with 2 pictures.")).to_be_visible()

    operator.get_by_role("button", name="Register another").click()
    begin(operator, app, "Maria Lindqvist")
    give(operator, files(astronaut, 8))
    expect(operator.get_by_text("This may be someone already registered.")).to_be_visible()
    expect(operator.get_by_alt_text("The picture on file")).to_be_visible()
    expect(operator.get_by_role("button", name=NEXT)).to_be_disabled()
    assert faults(operator) == []
    operator.get_by_role("button", name="Different people").click()
    operator.get_by_role("button", name=NEXT).click()
    expect(operator.get_by_text("Kept as two people: not Eileen Collins.")).to_be_visible()
    assert faults(operator) == []
    operator.get_by_role("button", name="Register Maria Lindqvist").click()
    expect(operator.get_by_text("Maria Lindqvist is registered with 1 picture.")).to_be_visible()
    assert rows(app, "people") == 2


def test_a_database_that_is_away_loses_nothing(operator: Page, app: App, astronaut: NDArray[np.uint8]) -> None:
    name = "<b>Eve</b> [x](y)"
    begin(operator, app, name)
    give(operator, files(astronaut, 0, 4))
    operator.get_by_role("button", name=NEXT).click()
    save = operator.get_by_role("button", name=f"Register {name}")
    expect(save).to_be_enabled()
    with closing(sqlite3.connect(app.folder / "attendance.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        save.click()
        expect(operator.get_by_text("The database is away.").first).to_be_visible(timeout=60_000)
        other.execute("ROLLBACK")
    ready(operator)
    save.click()
    expect(operator.get_by_text(f"{name} is registered with 2 pictures.")).to_be_visible()
    assert rows(app, "people") == 1


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_never_scrolls_sideways(operator: Page, app: App, width: int) -> None:
    operator.set_viewport_size({"width": width, "height": 844})
    operator.goto(f"{app.url}/register")
    expect(operator.get_by_role("heading", name="Register a person", level=1)).to_be_visible()
    ready(operator)
    assert operator.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert faults(operator) == []


def test_a_reload_keeps_what_was_gathered(operator: Page, app: App, astronaut: NDArray[np.uint8]) -> None:
    operator.goto(f"{app.url}/register")
    operator.get_by_label("Name", exact=True).fill("Maria Lindqvist")
    operator.get_by_role("button", name="Next: pictures").click()
    operator.get_by_text("Files", exact=True).click()
    operator.locator("input[type=file]").set_input_files(files(astronaut, 0))
    expect(operator.locator(".register-crop")).to_have_count(1)
    operator.reload()
    ready(operator)
    expect(operator.get_by_text("Step 2 of 3")).to_be_visible()
    expect(operator.locator(".register-crop")).to_have_count(1)
    second = operator.context.new_page()
    second.goto(f"{app.url}/register")
    ready(second)
    expect(second.get_by_text("Step 1 of 3")).to_be_visible()  # while the first is open, this one begins its own
