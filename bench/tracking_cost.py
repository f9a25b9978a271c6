"""What tracking adds to a check-in with MLflow's server healthy, dead and hung, against the same calls made directly.

The check-ins are those of the app, on an embedded database, with recognition replaced by something that takes no time. They
come thirty a second, while the sender works in a process of its own, as beside the server. What is added is measured where
it is added: asking for the session. Whole check-ins with tracking and without stand beside it, since the sender also takes
its turns at the processors and at the database.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attendance import logs
from attendance.services.checkin import CheckInPolicy, CheckInService
from attendance.services.sessions import Sessions
from attendance.tracking.attempt_values import at_ms, metrics
from attendance.tracking.client import bounded, open_client
from bench.measure import Row
from tests.fakes import House, picture
from tests.mlflow_server import MlflowServer
from tests.tracked_attempts import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
CHECK_INS, PAUSE_S = 300, 0.033
GOAL_MS = 0.050
DIRECT = {"healthy": 40, "dead": 20, "hung": 2}
BOUND_S = 3.0  # of the direct calls; MLflow's own default is 120 s, five times over


class Timed:
    """Calls a function and keeps how long each call took, in milliseconds."""

    def __init__(self, inner: Callable[[], str | None]) -> None:
        self._inner = inner
        self.taken: list[float] = []

    def __call__(self) -> str | None:
        """Call it."""
        started = time.perf_counter()
        answer = self._inner()
        self.taken.append((time.perf_counter() - started) * 1e3)
        return answer


def _service(house: House, session: Callable[[], str | None]) -> CheckInService:
    return CheckInService(house.store, house.engine, house.roster, CheckInPolicy(cooldown_s=0.0), session=session)


def _check_ins(service: CheckInService) -> list[float]:
    taken = []
    for number in range(CHECK_INS):
        time.sleep(PAUSE_S)
        started = time.perf_counter()
        service.attempt(picture(number % 3, number))
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def _direct(uri: str, run: str, times: int) -> list[float]:
    """An attempt sent the plain way: its metrics and its identity, in the thread of the check-in."""
    from mlflow.entities import Metric, RunTag
    from mlflow.exceptions import MlflowException

    client = open_client(uri)
    taken = []
    for number in range(times):
        one = attempt(number + 1)
        found = [Metric(key, value, at_ms(one), number) for key, value in metrics(one)]
        started = time.perf_counter()
        with bounded(BOUND_S), suppress(MlflowException):
            client.log_batch(run, metrics=found, tags=[RunTag("verified_identity", str(one.person_name))])
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


@contextmanager
def _state(server: MlflowServer, name: str) -> Iterator[None]:
    if name == "dead":
        server.kill()
    if name == "hung":
        server.start()
        server.signal(signal.SIGSTOP)
    yield


def rows() -> list[Row]:
    """For each state of the server p50 and p99 of what is added, and the p99 of whole check-ins."""
    logs.configure(level="error")
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="attend-bench-") as name:
        server = MlflowServer(Path(name) / "mlflow")
        house = House(Path(name))
        for number in range(3):
            house.add(f"Person {number}", number)
        try:
            server.start()
            run = open_client(server.url).create_run("0").info.run_id
            without = _check_ins(_service(house, lambda: None))
            for state in DIRECT:
                with _state(server, state):
                    found += _rows_of(state, Path(name), house, server, run, without)
        finally:
            server.kill()
            house.real_store.close()
    return found


def _rows_of(state: str, folder: Path, house: House, server: MlflowServer, run: str, without: list[float]) -> list[Row]:
    sessions = Sessions(house.real_store, lambda: True)
    command = [sys.executable, "-m", "bench.tracking_app", str(folder), server.url, "0"]
    sender = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)
    asked = Timed(sessions.session)
    service = _service(house, asked)
    service.attempt(picture(0, 10_000))  # the first one looks at the store, which the server does when it starts
    time.sleep(6)  # for the sender to start and to import mlflow
    asked.taken.clear()
    tracked = _check_ins(service)
    sender.communicate()
    direct = _direct(server.url, run, DIRECT[state])
    what = f"what tracking adds to a check-in, server {state}"
    whole = f"whole check-in: p50 {_p(tracked, 50):.2f}, p99 {_p(tracked, 99):.2f} ms; without tracking"
    note = f"{whole} {_p(without, 50):.2f} and {_p(without, 99):.2f}"
    peer = "log_batch, called directly"
    p50, p99 = (_p(asked.taken, share) for share in (50, 99))
    return [
        Row(f"{what}, p50", p50, peer, _p(direct, 50), _p(direct, 50) / p50, None, note),
        Row(f"{what}, p99", p99, peer, _p(direct, 99), _p(direct, 99) / p99, None),
        Row(f"{what}, p99", p99, "goal 0.05 ms", None, GOAL_MS / p99, 1.0),
    ]


def _p(values: list[float], share: float) -> float:
    return float(np.percentile(values, share))
