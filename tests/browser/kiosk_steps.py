"""What the tests of the check-in do again and again: people in the store, films for the webcam, and what the panel says."""

from __future__ import annotations

import io
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from attendance.bootstrap import build
from attendance.services.enrol import NamedPicture
from attendance.settings import load
from attendance.store.connect import connect
from tests.browser.conftest import ALLOWED, ARGUMENTS, CHROMIUM, FFMPEG

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from attendance.domain.model import Attempt, CheckIn
    from tests.real_server import App

NAME = "Eileen Collins"
SLOW = 60_000  # ms: a machine with other work to do


def says(page: Page, state: str | re.Pattern[str], timeout: float = SLOW) -> None:
    """Wait until the panel is in this state, or one of these."""
    expect(page.locator(".panel")).to_have_attribute("data-state", state, timeout=timeout)


def note_states(page: Page) -> None:
    """Keep every state that the panel goes through, for ``states``; call it before the page is opened.

    Each change is noted, however short it stood and however busy the machine is: with the new value comes the one before.
    """
    page.add_init_script("""
        window.went = []
        const note = state => {
            if (state && state !== window.went.at(-1)?.[0]) window.went.push([state, performance.now()])
        }
        const attachShadow = Element.prototype.attachShadow
        Element.prototype.attachShadow = function (options) {
            const root = attachShadow.call(this, options)
            new MutationObserver(changes => {
                for (const change of changes) if (change.target.matches?.('.panel')) note(change.oldValue)
                note(root.querySelector('.panel')?.dataset.state)
            }).observe(root, {
                subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'], attributeOldValue: true
            })
            return root
        }""")


def states(page: Page) -> list[str]:
    """What the panel went through so far."""
    return [state for state, _ in page.evaluate("window.went")]


def enrol(url: str, model_dir: Path, name: str, *pictures: bytes) -> None:
    """Register somebody, straight in the store."""
    application = build(load(store_url=url, model_dir=model_dir, offline=True, accelerate=False))
    try:
        application.enrol.enrol(name, [NamedPicture(f"{number}.jpg", data) for number, data in enumerate(pictures)])
    finally:
        application.close()


def store_of(app: App) -> str:
    """The URL of the app's database."""
    return f"sqlite:///{app.folder}/attendance.db"


def stored(url: str) -> tuple[list[Attempt], list[CheckIn]]:
    """All attempts and all check-ins."""
    with closing(connect(url, timeout_s=10)) as store:
        return list(store.attempts()), list(store.check_ins())


def beside(*pictures: bytes) -> bytes:
    """Several pictures in one, side by side, as one JPEG of 640x480."""
    scene = Image.new("RGB", (640, 480), (128, 128, 128))
    width = 640 // len(pictures)
    for number, data in enumerate(pictures):
        one = Image.open(io.BytesIO(data)).convert("RGB")
        one.thumbnail((width, 480))
        scene.paste(one, (number * width, (480 - one.height) // 2))
    out = io.BytesIO()
    scene.save(out, "JPEG", quality=95)
    return out.getvalue()


@contextmanager
def screen(chromium: Browser, *arguments: str) -> Iterator[Page]:
    """A page in a Chromium of its own, such as with another film in its webcam."""
    assert CHROMIUM is not None
    opened = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
    try:
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(SLOW)
        yield page
    finally:
        opened.close()


def moving(video: Path, target: Path) -> Path:
    """A film of a video for the fake webcam, 640x480; it begins again at its end."""
    if FFMPEG is None:
        pytest.skip("needs ffmpeg, which makes the fake webcam's film")
    shape = "scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:(ow-iw)/2:(oh-ih)/2,format=yuvj420p"
    how = ["-vf", shape, "-r", "20", "-q:v", "3", "-an", "-f", "mjpeg", str(target)]
    subprocess.run([FFMPEG, "-y", "-v", "error", "-i", str(video), *how], check=True)
    return target


def showing(film: Path) -> list[str]:
    """The arguments for a webcam that is allowed and plays this film."""
    return [ALLOWED, f"--use-file-for-fake-video-capture={film}"]
