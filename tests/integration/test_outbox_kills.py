"""Senders that are killed at every step, and several at once: everything arrives, and nothing shows twice."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING

import pytest

from attendance.services.sessions import Sessions
from attendance.store.connect import connect
from tests.mongo_server import mongo_server
from tests.outbox_place import FolderSink, make, outbox_of, send_and_die, send_until_quiet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store

pytestmark = pytest.mark.slow
CONTEXT = multiprocessing.get_context("forkserver")  # which imports once for all children
CONTEXT.set_forkserver_preload(["tests.outbox_place"])


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/a.db"
        return
    with mongo_server(tmp_path / "mongo", standalone=True) as server:
        yield server.fresh_url()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = connect(store_url, timeout_s=20)
    yield opened
    opened.close()


def ended_session(store: Store, count: int) -> str:
    """A server that made so many attempts and has stopped; its session."""
    sessions = Sessions(store, lambda: True)
    session = sessions.session()
    assert session is not None
    make(store, count, session)
    sessions.stop()
    return session


def test_killed_at_every_step(store: Store, store_url: str, tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "sink")
    sessions: list[str] = []
    # On MongoDB every second step, since the rest is the same.
    stride = 1 if store_url.startswith("sqlite") else 2
    step, kills = 0, 0
    while True:
        step += stride
        sessions.append(ended_session(store, 3))
        child = CONTEXT.Process(target=send_and_die, args=(store_url, sink.folder, step))
        child.start()
        child.join(120)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        kills += 1
    assert kills * stride >= 20  # each write of a round, before and after it, and half a batch
    total = 3 * len(sessions)
    assert sink.numbers() == list(range(1, total + 1))
    assert store.outbox().sent == total
    assert store.outbox().waiting == 0
    assert {entry[0] for entry in sink.journal("finish")} == set(sessions)
    for session in sessions:
        assert sink.summary(session)["attempts"] == 3
    again = sum(len(numbers) for _, numbers in sink.journal("send")) - total
    assert 0 < again <= 3 * kills  # some batches were sent again, which FolderSink found to be just the same


def test_killed_at_every_step_of_setting_one_aside(store: Store, store_url: str, tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "sink")
    (sink.folder / "never").write_text("[2, 5]")
    ended_session(store, 6)
    step = kills = 0
    while True:
        step += 3
        child = CONTEXT.Process(target=send_and_die, args=(store_url, sink.folder, step))
        child.start()
        child.join(120)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        kills += 1
    assert kills >= 2
    state = outbox_of(store, sink).state()
    assert (state.sent, state.waiting, state.refused.count) == (4, 0, 2)
    assert sink.numbers() == [1, 3, 4, 6]


def test_three_at_once(store: Store, store_url: str, tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "sink")
    children = [CONTEXT.Process(target=send_until_quiet, args=(store_url, sink.folder, 6)) for _ in range(3)]
    for child in children:
        child.start()
    sessions = [ended_session(store, 5) for _ in range(6)]
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0]  # FolderSink refuses two at once
    assert sink.numbers() == list(range(1, 31))
    assert sorted(number for _, numbers in sink.journal("send") for number in numbers) == list(range(1, 31))
    assert {entry[0] for entry in sink.journal("finish")} == set(sessions)
    assert store.outbox().sent == 30
