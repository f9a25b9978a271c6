"""A real server, real Chromium and a fake webcam that plays the public-domain portrait."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
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
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


@dataclass
class App:
    """A running server."""

    url: str
    folder: Path


@pytest.fixture
def app(tmp_path: Path, model_dir: Path) -> Iterator[App]:
    """The app as `make run` starts it, on an empty database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "ATTEND_STORE_URL": f"sqlite:///{tmp_path}/attendance.db",
        "ATTEND_MODEL_DIR": str(model_dir),
        "ATTEND_ACCELERATE": "false",
        "ATTEND_TIMEZONE": "Europe/Stockholm",
    }
    log = (tmp_path / "server.log").open("wb")
    command = ["-m", "streamlit", "run", "attend_app.py", "--server.headless", "true", "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, *command, "--server.port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "server.log").read_text()
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.1)
        yield App(url, tmp_path)
    finally:
        server.terminate()
        server.wait(20)
        log.close()


@pytest.fixture(scope="session")
def webcam(tmp_path_factory: pytest.TempPathFactory, astronaut_jpeg: bytes) -> Path:
    """What the fake webcam plays: the portrait, 640x480."""
    if FFMPEG is None:
        pytest.skip("needs ffmpeg, which makes the fake webcam's film")
    folder = tmp_path_factory.mktemp("webcam")
    (folder / "face.jpg").write_bytes(astronaut_jpeg)
    shape = "scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:(ow-iw)/2:(oh-ih)/2,format=yuvj420p"
    film = ["-vf", shape, "-t", "2", "-r", "20", "-q:v", "3", "-f", "mjpeg", str(folder / "webcam.mjpeg")]
    subprocess.run([FFMPEG, "-v", "error", "-loop", "1", "-i", str(folder / "face.jpg"), *film], check=True)
    return folder / "webcam.mjpeg"


@pytest.fixture(scope="session")
def chromium(webcam: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, f"--use-file-for-fake-video-capture={webcam}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()
