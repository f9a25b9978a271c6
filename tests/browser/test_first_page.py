"""Somebody's whole path in a real browser: nobody is registered, register, check in, check in again."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Request

    from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def ready(page: Page) -> None:
    """Wait until the script has run to its end."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=120_000)


def take_photo(page: Page) -> None:
    page.wait_for_function("document.querySelector('[data-testid=stCameraInput] video')?.videoWidth > 0")
    page.get_by_test_id("stCameraInputButton").click()


def register(page: Page, app: App, name: str, picture: Path) -> None:
    page.goto(f"{app.url}/register")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Name", exact=True).press("Tab")
    page.get_by_text("Files", exact=True).click()
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.get_by_text("Good", exact=True)).to_be_visible()
    page.get_by_role("button", name=f"Register {name}").click()


def rows(app: App, table: str) -> int:
    with closing(sqlite3.connect(f"file:{app.folder}/attendance.db?mode=ro", uri=True)) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own table names


@pytest.fixture
def portrait(tmp_path: Path, astronaut_jpeg: bytes) -> Path:
    path = tmp_path / "portrait.jpg"
    path.write_bytes(astronaut_jpeg)
    return path


def test_register_then_check_in_once(page: Page, app: App, portrait: Path) -> None:
    outside: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((app.url, "data:", "blob:")):
            outside.append(request.url)

    page.on("request", note)
    page.goto(app.url)
    expect(page.get_by_text("Nobody is registered yet")).to_be_visible(timeout=120_000)
    register(page, app, "Eileen Collins", portrait)
    expect(page.get_by_text("Eileen Collins is registered with 1 picture.")).to_be_visible()

    page.goto(app.url)
    expect(page.get_by_text("Using dlib's ResNet")).to_be_visible()
    take_photo(page)
    panel = page.get_by_role("status").filter(has_text="Eileen Collins")
    expect(panel).to_contain_text(re.compile(r"Checked in at \d\d:\d\d:\d\d\."))
    assert rows(app, "attendance") == 1

    # Another run of the script with the same photo is the same attempt.
    page.keyboard.press("r")
    ready(page)
    expect(panel).to_contain_text("Checked in at")
    assert (rows(app, "attempts"), rows(app, "attendance")) == (1, 1)

    # A second photo within the cooldown says so, and nothing new is recorded.
    page.get_by_test_id("stCameraInputButton").click()
    take_photo(page)
    expect(panel).to_contain_text("Already checked in at")
    assert (rows(app, "attempts"), rows(app, "attendance")) == (2, 1)
    assert not outside, "a page must ask nobody but its own server"


def test_a_picture_without_a_face_is_refused_with_a_sentence(page: Page, app: App, tmp_path: Path) -> None:
    from PIL import Image

    wall = tmp_path / "wall.png"
    Image.new("RGB", (640, 480), (180, 170, 160)).save(wall)
    page.goto(f"{app.url}/register")
    page.get_by_text("Files", exact=True).click()
    page.locator("input[type=file]").set_input_files(wall)
    expect(page.get_by_text("No face found.")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_disabled()


def test_a_second_name_for_the_same_face_needs_a_decision(page: Page, app: App, portrait: Path, astronaut: object) -> None:
    import numpy as np
    from PIL import Image

    register(page, app, "Eileen Collins", portrait)
    expect(page.get_by_text("is registered with 1 picture.")).to_be_visible(timeout=120_000)
    mirrored = portrait.with_name("mirrored.png")
    Image.fromarray(np.asarray(astronaut)[:, ::-1]).save(mirrored)
    register(page, app, "Maria Lindqvist", mirrored)
    expect(page.get_by_text("This may be someone already registered.")).to_be_visible()
    expect(page.get_by_alt_text("The stored picture")).to_be_visible()
    page.get_by_role("button", name="Different people: register").click()
    expect(page.get_by_text("Maria Lindqvist is registered with 1 picture.")).to_be_visible()
    assert rows(app, "people") == 2


def test_a_name_cannot_become_markup(page: Page, app: App, portrait: Path) -> None:
    register(page, app, "<b>Eve</b> [x](y)", portrait)
    expect(page.get_by_text("<b>Eve</b> [x](y) is registered")).to_be_visible(timeout=120_000)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways(page: Page, app: App, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("", "/register"):
        page.goto(app.url + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=120_000)
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
