"""A store that can be read and not written: closed by the first failure, opened by the first proof."""

from __future__ import annotations

import threading
import time

import pytest

from attendance.api.writes import Writes
from attendance.errors import StoreUnavailableError

LOCKED = StoreUnavailableError("The database is locked.", reason="busy")


class Disk:
    """What writing does; counts the trials."""

    def __init__(self) -> None:
        self.locked = threading.Event()
        self.locked.set()
        self.tries = 0

    def prove(self) -> None:
        self.tries += 1
        if self.locked.is_set():
            raise LOCKED


@pytest.fixture
def disk() -> Disk:
    return Disk()


def until_open(writes: Writes) -> None:
    for _ in range(2000):
        try:
            return writes.require()
        except StoreUnavailableError:
            time.sleep(0.005)
    pytest.fail("still closed")


def test_one_failure_closes_it_and_one_proof_opens_it(disk: Disk) -> None:
    writes = Writes(disk.prove, threading.Event(), every_s=0.01)
    writes.require()
    writes.failed(LOCKED)
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match="locked") as told:
            writes.require()
        assert told.value.reason == "busy"
    disk.locked.clear()
    until_open(writes)
    disk.locked.set()
    writes.failed(LOCKED)  # and again
    with pytest.raises(StoreUnavailableError):
        writes.require()
    disk.locked.clear()
    until_open(writes)


def test_many_failures_are_tried_by_one_thread(disk: Disk) -> None:
    stopped = threading.Event()
    writes = Writes(disk.prove, stopped, every_s=0.01)
    for _ in range(20):
        writes.failed(LOCKED)
    assert sum(thread.name == "attend-writes" for thread in threading.enumerate()) == 1
    stopped.set()
    for thread in threading.enumerate():
        if thread.name == "attend-writes":
            thread.join(5)
    before = disk.tries
    time.sleep(0.05)
    assert disk.tries == before, "nothing is tried after the end"
