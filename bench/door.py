"""`make bench-door`: from standing in front of an open camera to "Checked in", in Chromium with a fake webcam at 640x480.

    python -m bench.door [--times 15] [--json FILE]

The webcam plays three seconds of nobody and four of the public-domain portrait, again and again. The clock starts with the
first picture of a face that the page's own video shows and ends when the green panel is on the screen. In between it says
where the time goes: until a frame was sent, until the first answer that found the face, until the answer that recorded.
The server, the browser and its fake webcam share the machine.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table
from skimage import data

from attendance.settings import load
from tests.browser.conftest import ALLOWED, ARGUMENTS, CHROMIUM
from tests.kiosk_screen import enrol, frames_of
from tests.real_server import App, answers, serving, set_password, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
AIM_MS = 1500.0
RATE = 20  # pictures a second, of the fake webcam
NOBODY_S, SOMEBODY_S = 3, 4
EVENTS = ("frame sent", "face found", "recorded", "Checked in")
# Notes when a face comes into the picture (its middle stops being one flat grey), what each answer to a frame said, and when
# the panel turns green.
NOTES = """
window.notes = [];
const plain = window.fetch;
window.fetch = async (...given) => {
  const sent = performance.now();
  const answer = await plain(...given);
  if (String(given[0]).endsWith('/api/kiosk/frame')) {
    const said = await answer.clone().json().catch(() => ({}));
    window.notes.push({ what: 'answer', at: performance.now(), sent, state: said.state, boxes: said.boxes?.length ?? 0 });
  }
  return answer;
};
const canvas = Object.assign(document.createElement('canvas'), { width: 16, height: 12 });
const small = canvas.getContext('2d', { willReadFrequently: true });
let someone = true;
let green = false;
const look = () => {
  const root = document.querySelector('[data-testid=stBidiComponentIsolated]')?.shadowRoot;
  const video = root?.querySelector('video');
  if (video?.videoWidth) {
    small.drawImage(video, 0, 0, 16, 12);
    const values = small.getImageData(4, 3, 8, 6).data;
    const there = Math.max(...values) - Math.min(...values.filter((_, index) => index % 4 !== 3)) > 140;
    if (there !== someone) window.notes.push({ what: there ? 'face' : 'nobody', at: performance.now() });
    someone = there;
  }
  const now = root?.querySelector('.panel')?.dataset.state === 'checked-in';
  if (now && !green) window.notes.push({ what: 'green', at: performance.now() });
  green = now;
  requestAnimationFrame(look);
};
look();
"""


def film(target: Path, portrait: bytes) -> None:
    """What the fake webcam plays: JPEG pictures one after another, which it begins again at their end."""
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (120, 120, 120)).save(out, "JPEG", quality=88)
    target.write_bytes(out.getvalue() * NOBODY_S * RATE + portrait * SOMEBODY_S * RATE)


def visits(notes: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Of each time that somebody stood there and was checked in: milliseconds from then to each of ``EVENTS``."""
    found: list[dict[str, float]] = []
    for number, note in enumerate(notes):
        if note["what"] != "face":
            continue
        after = []
        for later in notes[number + 1 :]:
            if later["what"] in {"face", "nobody"}:
                break
            after.append(later)
        shown = [one for one in after if one["what"] == "answer" and one["sent"] >= note["at"]]
        faces = [one for one in shown if one["boxes"]]
        recorded = [one for one in faces if one["state"] == "checked-in"]
        green = [one for one in after if one["what"] == "green"]
        if recorded and green:
            moments = (shown[0]["sent"], faces[0]["at"], recorded[0]["at"], green[0]["at"])
            frames = sum(one["at"] <= recorded[0]["at"] for one in shown)
            found.append({**{name: at - note["at"] for name, at in zip(EVENTS, moments, strict=True)}, "frames": frames})
    return found


def measured(page: Page, app: App, times: int) -> list[dict[str, float]]:
    """So many check-ins at one open page; the first, which warms everything up, is left out."""
    page.add_init_script(NOTES)
    page.goto(app.url)
    deadline = time.monotonic() + 60 + (times + 1) * (NOBODY_S + SOMEBODY_S) * 2
    while len(found := visits(page.evaluate("window.notes"))) <= times:
        if time.monotonic() > deadline:
            sys.exit(f"only {len(found)} check-ins were seen: {page.evaluate('window.notes')[-20:]}")
        page.wait_for_timeout(1000)
    return found[1:]


def main() -> int:
    """Measure, print, and write the figures where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.door", description="From standing there to “Checked in”.")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("This needs Chromium.")
    frames = frames_of(np.ascontiguousarray(data.astronaut()), 3)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["policy"]["cooldown_s"] = 0.0  # so that each visit leaves a record
    with tempfile.TemporaryDirectory(prefix="attend-door-") as name:
        folder = Path(name)
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        film(folder / "door.mjpeg", frames[0])
        enrol(folder, load().model_dir, {"Eileen Collins": frames[1:]})
        served = serving(folder, load().model_dir, ATTEND_ACCELERATE="true", ATTEND_PARAMS_FILE=str(folder / "params.yaml"))
        with served as app, sync_playwright() as playwright:
            set_password(app)
            until(lambda: answers(app, "/readyz"), app, 120)
            webcam = f"--use-file-for-fake-video-capture={folder / 'door.mjpeg'}"
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, ALLOWED, webcam])
            found = measured(browser.new_page(viewport={"width": 1280, "height": 900}), app, given.times)
            browser.close()
    figures = {name: [round(float(np.percentile([one[name] for one in found], p))) for p in (50, 95)] for name in found[0]}
    table = Table(f"{len(found)} check-ins; ms since the face was in the picture", "p50", "p95", "aim, p50")
    for row, (half, most) in figures.items():
        table.add_row(row, str(half), str(most), f"{AIM_MS:.0f}" if row == EVENTS[-1] else "")
    Console(width=120).print(table)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
