"""What tracking adds to a check-in with MLflow's server healthy, dead and hung, against the same calls made directly.

The check-ins are those of the app, on an embedded database, with recognition replaced by something that takes no time. They
come thirty a second, while the product's own ``bootstrap.sender.Sender`` starts and keeps the process that sends. What is
added is measured where it is added: asking for the session. Whole check-ins stand beside it, since the sender also takes its
turns at the processors and at the database: with tracking and without in turn, so that the machine's load is in both.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attendance import logs
from attendance.bootstrap.sender import Sender
from attendance.bootstrap.tracking import tracking_of
from attendance.services.checkin import CheckInPolicy, CheckInService
from attendance.settings import load
from attendance.tracking.attempt_values import at_ms, metrics
from attendance.tracking.client import bounded, open_client
from bench.measure import Row, sized
from tests.fakes import House, picture
from tests.mlflow_server import MlflowServer
from tests.tracked_attempts import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.bootstrap.tracking import Tracking

CHECK_INS, PAUSE_S = sized(300), 0.033
BLOCK = 50  # check-ins, with tracking and without in turn
BEGIN_S = 90.0  # for the sender to start, to import mlflow and to send
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


def _check_ins(service: CheckInService, first: int) -> list[float]:
    taken = []
    for number in range(first, first + BLOCK):
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
            for state in DIRECT:
                with _state(server, state):
                    found += _rows_of(state, house, server, run)
        finally:
            server.kill()
            house.real_store.close()
    return found


def _rows_of(state: str, house: House, server: MlflowServer, run: str) -> list[Row]:
    os.environ["MLFLOW_TRACKING_URI"] = server.url  # which the process that sends inherits, as in the product
    settings = load(store_url=house.url, tracking=True)
    parts = tracking_of(house.real_store, settings, None, server=True)
    sender = Sender(settings, parts)
    asked = Timed(parts.sessions.session)
    services = _service(house, asked), _service(house, lambda: None)
    services[0].attempt(picture(0, 10_000))  # the first one looks at the store, which the server does when it starts
    sender.start()
    _wait_for_sender(parts, state)
    asked.taken.clear()
    tracked: list[float] = []
    without: list[float] = []
    for first in range(0, CHECK_INS, BLOCK):
        for service, taken in zip(services, (tracked, without), strict=True):
            taken.extend(_check_ins(service, first))
    sender.stop()
    direct = _direct(server.url, run, DIRECT[state])
    what = f"what tracking adds to a check-in, server {state}"
    whole = f"whole check-in: p50 {_p(tracked, 50):.2f}, p99 {_p(tracked, 99):.2f} ms; without tracking"
    note = f"{whole}, in turn, {_p(without, 50):.2f} and {_p(without, 99):.2f}"
    peer = "log_batch, called directly"
    p50, p99 = (_p(asked.taken, share) for share in (50, 99))
    return [
        Row(f"{what}, p50", p50, peer, _p(direct, 50), _p(direct, 50) / p50, None, note),
        Row(f"{what}, p99", p99, peer, _p(direct, 99), _p(direct, 99) / p99, None),
        Row(f"{what}, p99", p99, "goal 0.05 ms", None, GOAL_MS / p99, 1.0),
    ]


def _wait_for_sender(parts: Tracking, state: str) -> None:
    """Until the process has sent something or, where the server does not take it, has said that it failed."""
    ends = time.monotonic() + BEGIN_S
    at_first = parts.outbox.state()
    while time.monotonic() < ends:
        now = parts.outbox.state()
        if now.sent > at_first.sent if state == "healthy" else now.last_error_at_utc != at_first.last_error_at_utc:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the sender did nothing within {BEGIN_S:.0f} s")


def _p(values: list[float], share: float) -> float:
    return float(np.percentile(values, share))
