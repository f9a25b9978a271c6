"""Attempts a second from the store to a server, and the memory it takes; against a call for each attempt."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attendance.tracking.attempt_values import at_ms, metrics
from attendance.tracking.client import open_client
from bench.measure import Row, sized
from tests.mlflow_server import MlflowServer
from tests.tracked_attempts import attempt

ROOT = Path(__file__).resolve().parent.parent
ATTEMPTS, DIRECT = sized(3_000), 60


def rows() -> list[Row]:
    """Two rows; the times are milliseconds an attempt."""
    folder = Path(tempfile.mkdtemp(prefix="attend-bench-"))
    server = MlflowServer(folder / "mlflow")
    try:
        server.start()
        # Made while nothing is sent, so that the sending alone is measured.
        command = [sys.executable, "-m", "bench.tracking_app", str(folder), server.url, str(ATTEMPTS)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        direct_ms = _direct(server.url)
    finally:
        server.kill()
        shutil.rmtree(folder)
    note = f"{told['a_second']:.0f} against {1e3 / direct_ms:.0f} attempts a second; the times are milliseconds an attempt"
    ours_ms = 1e3 / told["a_second"]
    more = told["peak_mb"] - told["before_mb"]
    return [
        Row("attempts into MLflow", ours_ms, "one run, a call an attempt", direct_ms, direct_ms / ours_ms, None, note),
        Row("memory of the sending", more, "", None, None, None, "the figure is MB, not ms: MLflow's client, mostly"),
    ]


def _direct(uri: str) -> float:
    from mlflow.entities import Metric, RunTag

    client = open_client(uri)
    run = client.create_run("0").info.run_id
    started = time.perf_counter()
    for number in range(DIRECT):
        one = attempt(number + 1)
        found = [Metric(key, value, at_ms(one), number) for key, value in metrics(one)]
        client.log_batch(run, metrics=found, tags=[RunTag("verified_identity", str(one.person_name))])
    return (time.perf_counter() - started) * 1e3 / DIRECT
