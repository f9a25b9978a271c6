"""A real server, real Chromium and a fake webcam that plays the public-domain portrait."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from attendance.store.connect import connect
from tests.browser import kiosk_harness
from tests.real_server import OPERATOR_PASSWORD, App, answers, free_port, serving, set_password, setup_token, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser.kiosk_harness import Server

__all__ = ["OPERATOR_PASSWORD", "App", "answers", "free_port", "serving", "set_password", "setup_token", "until"]
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
FFMPEG = shutil.which("ffmpeg")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]
ALLOWED = "--use-fake-ui-for-media-stream"  # leave it out where the camera is to be refused: it overrides that


@pytest.fixture(scope="session")
def running_app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """The app with the operator's password set and the models loaded; one for all, since its start takes long."""
    with serving(tmp_path_factory.mktemp("app"), model_dir) as running:
        set_password(running)
        until(lambda: answers(running, "/readyz"), running, 120)
        yield running


@pytest.fixture
def app(running_app: App) -> App:
    """The same on an empty database."""
    empty(running_app)
    return running_app


@pytest.fixture(scope="module")
def harness() -> Iterator[Server]:
    """The kiosk's own code on a plain page, for a module."""
    with kiosk_harness.harness() as running:
        yield running


@pytest.fixture
def server(harness: Server) -> Server:
    """The same, with nothing left of the test before."""
    harness.reset()
    return harness


def empty(app: App) -> None:
    """Take everything out of the app's database but what says who may come in."""
    file = app.folder / "attendance.db"
    with closing(connect(f"sqlite:///{file}", timeout_s=10)) as store:
        for person in list(store.people()):
            store.remove_person(person.person_id)
    with closing(sqlite3.connect(file, timeout=10)) as raw, raw:
        for table in ("attempt_pictures", "attendance", "attempts"):
            raw.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand above
        were_saved = raw.execute("DELETE FROM kept WHERE kind NOT IN ('account', 'server')").rowcount
    if were_saved:
        time.sleep(1.2)  # within a second the server follows: docs/server.md, Several processes


@pytest.fixture(scope="session")
def webcam(tmp_path_factory: pytest.TempPathFactory, astronaut_jpeg: bytes) -> Path:
    """What the fake webcam plays: the portrait, 640x480."""
    folder = tmp_path_factory.mktemp("webcam")
    (folder / "face.jpg").write_bytes(astronaut_jpeg)
    return film(folder / "face.jpg", folder / "webcam.mjpeg")


def film(picture: Path, target: Path) -> Path:
    """A film of one picture for the fake webcam, 640x480."""
    if FFMPEG is None:
        pytest.skip("needs ffmpeg, which makes the fake webcam's film")
    shape = "scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:(ow-iw)/2:(oh-ih)/2,format=yuvj420p"
    how = ["-vf", shape, "-t", "2", "-r", "20", "-q:v", "3", "-f", "mjpeg", str(target)]
    subprocess.run([FFMPEG, "-y", "-v", "error", "-loop", "1", "-i", str(picture), *how], check=True)
    return target


@contextmanager
def browser(*arguments: str) -> Iterator[Browser]:
    """Chromium with further arguments, such as another film for its webcam."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def chromium(webcam: Path) -> Iterator[Browser]:
    """For a module at most: while Playwright is open its event loop runs here, and no other test could start one."""
    with browser(ALLOWED, f"--use-file-for-fake-video-capture={webcam}") as opened:
        yield opened


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A visitor who is not signed in."""
    return context.new_page()


@pytest.fixture
def operator(chromium: Browser, app: App) -> Iterator[Page]:
    """An operator who has signed in already and has opened no page yet, in a profile of their own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(60_000)
    signed_in = context.request.post(
        f"{app.url}/in/sign-in", form={"password": OPERATOR_PASSWORD}, headers={"Origin": app.url}, max_redirects=0
    )
    assert signed_in.status == 303
    yield context.new_page()
    context.close()


def sign_in(page: Page, app: App, password: str = OPERATOR_PASSWORD) -> None:
    """Through the real form, until the office is there."""
    page.goto(f"{app.url}/in/sign-in")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("stApp")).to_be_visible()
    ready(page)


def ready(page: Page) -> None:
    """Wait until the page's script has run to its end and nothing is a placeholder any more."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=120_000)
    expect(page.locator("[data-testid=stSkeleton], [data-testid=stAppSkeleton]")).to_have_count(0)
