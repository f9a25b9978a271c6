"""10,000 attempts while the server and the app are killed five times each: all of them arrive, and each once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.measure import Row, sized
from bench.tracking_app import EXPERIMENT, store_of
from tests.mlflow_server import MlflowServer
from tests.tracked_attempts import Seen

ROOT = Path(__file__).resolve().parent.parent
ATTEMPTS, KILLS, GOAL_S = sized(10_000), 5, 180.0


def run(attempts: int = ATTEMPTS, kills: int = KILLS) -> float:
    """Seconds it took.

    Raises:
        RuntimeError: an attempt is missing, or there twice.
    """
    folder = Path(tempfile.mkdtemp(prefix="attend-bench-"))
    server = MlflowServer(folder / "mlflow")
    started = time.monotonic()
    app = None
    try:
        server.start()
        store = store_of(folder)
        command = [sys.executable, "-m", "bench.tracking_app", str(folder), server.url, str(attempts)]
        for number in range(2 * kills):
            app = app or subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            enough = attempts * (number + 1) // (2 * kills + 1)
            while store.outbox().sent < enough and app.poll() is None:
                time.sleep(0.02)
            if number % 2:
                server.kill()
                server.start()
            else:
                app.kill()
                app.wait()
                app = None
        (app or subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)).wait()
        app = None
        taken = time.monotonic() - started
        store.close()
        _check(server.url, attempts, kills)
        return taken
    finally:
        if app is not None:
            app.kill()
            app.wait()
        server.kill()
        shutil.rmtree(folder)


def _check(uri: str, attempts: int, kills: int) -> None:
    seen = Seen(uri, EXPERIMENT)
    wanted = Counter(dict.fromkeys(range(1, attempts + 1), 1))
    in_tables = Counter(int(row["number"]) for run in seen.children for row in seen.rows(run))
    if seen.steps() != wanted or in_tables != wanted:
        for place, found in (("metrics", seen.steps()), ("tables", in_tables)):
            print(f"{place}: lost {sorted(wanted - found)[:20]}, double {sorted(found - wanted)[:20]}")
        raise RuntimeError("attempts are missing, or there twice")
    if not 0 < len(seen.parents) <= kills + 1 or len(seen.children) != len(seen.parents):
        raise RuntimeError(f"{len(seen.parents)} sessions with {len(seen.children)} parameter sets")


def rows() -> list[Row]:
    """One row: how long it took, against three minutes."""
    taken = run()
    name = f"{ATTEMPTS:,} attempts through {KILLS} kills of the server and {KILLS} of the app: all there, once"
    return [Row(name, taken * 1e3, f"goal {GOAL_S:.0f} s", None, GOAL_S / taken, 1.0, f"{taken:.0f} s")]
