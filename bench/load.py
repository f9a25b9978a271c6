"""`make bench-load`: twenty kiosks with real frames at one server process, and the same job in Streamlit's script thread.

    python -m bench.load [--seconds 60] [--kiosks 20] [--rate 5] [--only ours|peer] [--json FILE]

The clients run on the same machine and processors. Ten minutes (``--seconds 600``) show whether memory stays flat. The
light page is a websocket session of Streamlit that opens the check-in page (the peer's: a heading and a sentence) and ends
when its script has run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from attendance.settings import load
from bench.load_clients import Heard, play
from bench.load_wire import HttpScreen, ScriptScreen
from tests.kiosk_screen import enrol, frames_of
from tests.real_server import App, answers, free_port, serving, set_password, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT.parent / "shared" / "faces" / "people"
FRAMES_EACH = 10
WARM_UP_S = 8.0  # the compiled detector is loaded 1.5 s after the start, which takes a second
AIMS = {"answer p95": 250.0, "page p95": 200.0}  # milliseconds


def people() -> list[list[bytes]]:
    """Frames of each shared person, or of the public-domain portrait where those are not there."""
    found = []
    for folder in sorted(FACES.glob("p*")):
        with Image.open(folder / "1.jpg") as picture:
            found.append(frames_of(np.asarray(picture.convert("RGB")), FRAMES_EACH))
    if not found:
        from skimage import data

        found.append(frames_of(np.ascontiguousarray(data.astronaut()), FRAMES_EACH))
    return found


@contextmanager
def ours(folder: Path) -> Iterator[App]:
    """Our server, as `make run` starts it, with its models loaded."""
    with serving(folder, load().model_dir, ATTEND_ACCELERATE="true") as app:
        set_password(app)
        until(lambda: answers(app, "/readyz"), app, 120)
        yield app


@contextmanager
def peer(folder: Path) -> Iterator[App]:
    """The peer, with its models loaded."""
    port = free_port()
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ATTEND_STORE_URL": f"sqlite:///{folder}/attendance.db",
        "ATTEND_LOAD_FRAMES": str(folder / "frames"),
    }
    command = [sys.executable, "-m", "streamlit", "run", "bench/load_peer.py", "--server.address", "127.0.0.1"]
    command += ["--runner.postScriptGC", "true"]  # as Streamlit has it by itself; ours turns it off
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT,
            env=variables,
            stdout=log,
            stderr=log,
        )
        app = App(f"http://127.0.0.1:{port}", folder, process)
        try:
            until(lambda: answers(app, "/_stcore/health"), app)
            warm = ScriptScreen(app)
            warm.send(b"", 0)
            warm.close()
            yield app
        finally:
            process.terminate()
            process.wait(20)


def measured(which: str, given: argparse.Namespace) -> Heard:
    """One side, on a database of its own."""
    shown = people()
    with tempfile.TemporaryDirectory(prefix="attend-load-") as name:
        folder = Path(name)
        enrol(folder, load().model_dir, {f"Person {number}": frames[:2] for number, frames in enumerate(shown)})
        for number, frames in enumerate(shown):
            (folder / "frames" / str(number)).mkdir(parents=True)
            for index, frame in enumerate(frames):
                (folder / "frames" / str(number) / f"{index:03}.jpg").write_bytes(frame)
        server, screen = (ours, HttpScreen) if which == "ours" else (peer, ScriptScreen)
        with server(folder) as app:
            asked = {"kiosks": given.kiosks, "rate": given.rate, "seconds": given.seconds}
            return play(app, screen, shown, warm_up=WARM_UP_S, **asked)


def summary(heard: Heard) -> dict[str, Any]:
    """The figures of one side."""
    sent, answered = sum(heard.states.values()), len(heard.frame_ms)
    third = max(len(heard.memory_mb) // 3, 1)
    return {
        "frames answered a second": round(answered / heard.seconds, 1),
        **{f"answer p{p}": _percentile(heard.frame_ms, p) for p in (50, 95, 99)},
        "shed": f"{heard.states['shed'] / max(sent, 1):.1%}",
        "held back": f"{heard.held_back / max(sent + heard.held_back, 1):.1%}",
        "lost": heard.states["lost"],
        **{f"page p{p}": _percentile(heard.page_ms, p) for p in (50, 95)},
        **{f"first frame to result p{p}": _percentile(heard.decided_ms, p) for p in (50, 95)},
        "server's processor time, ms a frame": round(heard.server_s / max(answered, 1) * 1e3, 1),
        "processors in use, server and clients": [
            round(one / heard.seconds, 2) for one in (heard.server_s, heard.clients_s)
        ],
        "memory MB, first and last third": [round(float(np.median(heard.memory_mb[part]))) for part in _thirds(third)],
        "states": dict(heard.states.most_common()),
    }


def _thirds(third: int) -> tuple[slice, slice]:
    return slice(None, third), slice(-third, None)


def _percentile(values: list[float], share: int) -> float | None:
    return round(float(np.percentile(values, share)), 1) if values else None


def main() -> int:
    """Measure, print, and write the figures where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Twenty kiosks at one server process.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kiosks", type=int, default=20)
    parser.add_argument("--rate", type=float, default=5.0, help="frames a second and kiosk")
    parser.add_argument("--only", choices=["ours", "peer"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    for which in ("ours", "peer"):
        if given.only in {None, which}:
            sys.stderr.write(f"measuring {which} for {given.seconds:.0f} s …\n")
            found[which] = summary(measured(which, given))
    table = Table(f"{given.kiosks} kiosks, {given.rate:g} frames a second each; ms", *found, "aim")
    for row in next(iter(found.values())):
        table.add_row(row, *(str(found[which][row]) for which in found), str(AIMS.get(row, "")))
    Console(width=160).print(table)
    if given.json:
        about = {"cores": os.cpu_count(), "seconds": given.seconds, "kiosks": given.kiosks, "rate": given.rate}
        given.json.write_text(json.dumps({"about": about, **found}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
