"""A real MLflow server that is down, hangs, is slow, fails, refuses or has a full disk: all attempts arrive later, once."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from attendance.services.outbox import Outbox, Round
from attendance.services.sessions import Sessions
from attendance.services.tracking_notes import Notes, pseudonyms
from attendance.store.connect import connect
from attendance.tracking.client import open_client
from attendance.tracking.sink import MlflowSink
from tests.outbox_place import QUICK, make
from tests.store_makers import MODEL, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store
    from tests.mlflow_server import MlflowServer

pytestmark = pytest.mark.slow
PER_ATTEMPT = ("verification_threshold", "verification_match")


def outbox_to(uri: str, experiment: str, store: Store, *, hidden: bool = False) -> Outbox:
    names = pseudonyms(store) if hidden else None
    sessions = Sessions(store, lambda: False)
    return Outbox(store, lambda: MlflowSink(uri, experiment, Notes(store), pseudonyms=names), sessions=sessions, pace=QUICK)


def steps(uri: str, experiment: str) -> Counter[int]:
    """How often each attempt's number is in MLflow, in each of its metrics; it has to be once."""
    client = open_client(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    counted: list[Counter[int]] = []
    for name in PER_ATTEMPT:
        counts: Counter[int] = Counter()
        for run in client.search_runs([found.experiment_id]):
            counts.update(one.step for one in client.get_metric_history(run.info.run_id, name))
        counted.append(counts)
    assert counted[0] == counted[1]
    return counted[0]


def once(count: int) -> Counter[int]:
    return Counter(range(1, count + 1))


class Between(ThreadingHTTPServer):
    """In front of the server: passes on, slowly, or answers by itself.

    Attributes:
        status: answered instead of passing on, where it is not 0.
        after: so many requests are still passed on.
        pause_s: before each answer.
    """

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.url, self.status, self.after, self.pause_s, self.refused = url, 0, 0, 0.0, 0
        self.client = httpx.Client(timeout=20)


class _Passing(BaseHTTPRequestHandler):
    server: Between

    def do_GET(self) -> None:
        between = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(between.pause_s)
        if between.status and between.after <= 0:
            between.refused += 1
            self._answer(
                between.status, b'{"error_code": "X", "message": "no, says http://user:secret@proxy"}', "application/json"
            )
            return
        between.after -= 1
        kept = {key: value for key, value in self.headers.items() if key.lower() not in {"host", "content-length"}}
        got = between.client.request(self.command, between.url + self.path, content=body, headers=kept)
        self._answer(got.status_code, got.content, got.headers.get("content-type", "application/json"))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class calls these

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the caller gave up
            return

    def log_message(self, *_: Any) -> None:
        """Nothing on the test's stderr."""


@contextmanager
def between(server: MlflowServer) -> Iterator[tuple[str, Between]]:
    with Between(server.url) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}", proxy
        proxy.shutdown()
        proxy.client.close()


def test_down_and_back(server: MlflowServer, store: Store, experiment: str) -> None:
    make(store, 4)
    outbox = outbox_to(server.url, experiment, store)
    assert outbox.flush(60).sent == 4
    server.kill()
    make(store, 4, start=100)
    assert outbox.run_once() is Round.FAILED
    state = outbox.state()
    assert (state.sent, state.waiting, state.failing) == (4, 4, True)
    server.start()
    assert outbox.flush(60).sent == 8
    assert not outbox.state().failing
    assert steps(server.url, experiment) == once(8)


def test_hung_and_awake(server: MlflowServer, store: Store, experiment: str) -> None:
    make(store, 4)
    outbox = outbox_to(server.url, experiment, store)
    assert outbox.flush(60).sent == 4
    server.signal(signal.SIGSTOP)
    make(store, 4, start=100)
    assert outbox.run_once() is Round.FAILED
    assert outbox.state().waiting == 4
    server.signal(signal.SIGCONT)
    assert outbox.flush(60).sent == 8
    assert steps(server.url, experiment) == once(8)


@pytest.mark.parametrize("status", [500, 401])
def test_errors_and_refused_credentials_at_any_request(
    server: MlflowServer, store: Store, experiment: str, status: int
) -> None:
    count = 0
    with between(server) as (url, proxy):
        outbox = outbox_to(url, experiment, store)
        for passed in range(0, 12, 2):
            make(store, 2, start=10 * passed)
            count += 2
            proxy.status, proxy.after = status, passed
            outbox.run_once()
            proxy.status = 0
        assert proxy.refused >= 3
        state = outbox.flush(60)
        assert (state.sent, state.waiting) == (count, 0)
        assert "secret" not in (state.last_error or "")
    assert steps(server.url, experiment) == once(count)


def test_a_slow_server_is_waited_for(server: MlflowServer, store: Store, experiment: str) -> None:
    make(store, 3)
    with between(server) as (url, proxy):
        proxy.pause_s = 0.5
        assert outbox_to(url, experiment, store).flush(120).sent == 3
        proxy.pause_s = 8.0  # longer than a request may take
        make(store, 3, start=100)
        outbox = outbox_to(url, experiment, store)
        assert outbox.run_once() is Round.FAILED
        proxy.pause_s = 0.0
        assert outbox.flush(60).sent == 6
    assert steps(server.url, experiment) == once(6)


def test_a_full_disk(store: Store, url: str, tmp_path: Path, experiment: str) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    make(store, 2)
    assert outbox_to(uri, experiment, store).flush(120).sent == 2
    make(store, 300, start=100)
    limit = (tmp_path / "mlflow.db").stat().st_size + 20_000
    child = multiprocessing.get_context("spawn").Process(target=send_on_a_full_disk, args=(url, uri, experiment, limit))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    state = outbox_to(uri, experiment, store).flush(120)
    assert (state.sent, state.waiting) == (302, 0)
    assert steps(uri, experiment) == once(302)


def send_on_a_full_disk(url: str, uri: str, experiment: str, limit: int) -> None:
    """In a process of its own, whose files may not grow beyond ``limit`` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = connect(url, timeout_s=5)
    outbox = outbox_to(uri, experiment, store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    done = [outbox.run_once() for _ in range(3)]
    # Not the state: the store may be on the same disk.
    sys.exit(0 if done[-1] is Round.FAILED and "disk" in outbox._report._said else 1)


def test_what_an_engineer_sees(server: MlflowServer, store: Store, experiment: str) -> None:
    ada = store.add_person(person("Ada"), references(2), MODEL)
    sessions = Sessions(store, lambda: True, site="Main door")
    session = sessions.session()
    for step in range(6):
        given = attempt(ada if step % 2 else None, after(step), session=session, threshold=0.5 + step // 3 / 10)
        store.settle(given, 0.0)
    sessions.stop()
    assert outbox_to(server.url, experiment, store, hidden=True).flush(60).sent == 6
    client = open_client(server.url)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in runs if run is not parent]
    assert len(children) == 2
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.info.run_name.startswith("Main door ")
    assert {run.data.metrics["dataset_num_images"] for run in children} == {2}
    assert 6 in parent.data.metrics.values()  # its summary
    assert {run.data.params["threshold"] for run in children} == {"0.5", "0.6"}
    said = {run.data.tags.get("verified_identity", "") for run in runs}
    assert all(name.startswith("person-") for name in said if name)
    assert any(said)
    assert steps(server.url, experiment) == once(6)
