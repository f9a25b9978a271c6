"""A local file that another process has locked holds up no block; all arrives, once, when it can be written again."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attendance.tracking import destinations, limits
from mlflow_utils import MLflowTracker
from tests.sqlite_locker import Locker
from tests.tracked_blocks import FOR_EVER_S, block, check, events

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")
SOON_S = 1.5  # a busy machine's 0.2; before the file's lock was asked for, it were 5


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Whatever a test leaves is sent, or given up, before its folder goes."""
    yield
    destinations.close_all()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mlflow.db"


@pytest.fixture
def tracker(request: pytest.FixtureRequest, file: Path) -> MLflowTracker:
    return MLflowTracker(request.node.name, f"sqlite:///{file}")


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("how", LOCKS)
def test_a_lock_costs_one_blink_and_all_arrives_after_it(
    how: str, journal: str, tracker: MLflowTracker, file: Path, said: list[Any]
) -> None:
    block(tracker, "before")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    with Locker(file, how) as locker:
        locker.take()
        first = block(tracker, "0")
        assert events(said) == ["tracking_away"]  # said before the block is left
        assert said[0]["log_level"] == "warning"
        assert "another process holds the file" in said[0]["error"]
        later = [block(tracker, str(number)) for number in range(1, 20)]
        assert first < SOON_S
        assert sum(later) < SOON_S
        locker.let_go()
    assert tracker.flush(FOR_EVER_S)
    assert events(said) == ["tracking_away", "tracking_back"]
    check(tracker, "before", *map(str, range(20)))


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", LOCKS)
def test_a_process_that_is_killed_while_it_holds_the_file_leaves_it_whole(
    how: str, tracker: MLflowTracker, file: Path, said: list[Any]
) -> None:
    block(tracker, "before")
    with Locker(file, how, half=True) as locker:
        locker.take()
        block(tracker, "meanwhile")
        locker.kill()
    assert tracker.flush(FOR_EVER_S)
    check(tracker, "before", "meanwhile")
    assert events(said) == ["tracking_away", "tracking_back"]
    block(tracker, "after")
    check(tracker, "before", "meanwhile", "after")  # there when the block is left, as ever


def test_a_lock_that_falls_into_a_request_costs_a_blink_too(
    tracker: MLflowTracker, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIMITS", replace(limits.LIMITS, retry_first_s=0.1, retry_longest_s=0.2))
    block(tracker, "before")
    names = ["before"]
    dice = random.Random(20)
    for attempt in range(6):
        with Locker(file, LOCKS[attempt % 2]) as locker:
            timer = threading.Timer(dice.uniform(0, 0.3), locker.begin)
            timer.start()
            for number in range(4):
                names.append(f"{attempt} {number}")
                assert block(tracker, names[-1]) < SOON_S
            timer.join()
            assert destinations.worker_for(tracker.tracking_uri).hold()  # nor does a fork wait for more
            destinations.worker_for(tracker.tracking_uri).let_go()
            locker.kill()
        assert tracker.flush(FOR_EVER_S)
    check(tracker, *names)


@pytest.mark.usefixtures("patient")
def test_a_lock_of_minutes_is_no_refusal(tracker: MLflowTracker, file: Path, said: list[Any]) -> None:
    """However often it was tried: MLflow still answers questions while somebody else writes."""
    block(tracker, "before")
    with Locker(file) as locker:
        locker.take()
        block(tracker, "meanwhile")
        assert not tracker.flush(3)  # eight tries or so, of which two would be enough for a request that fails alone
        locker.let_go()
    assert tracker.flush(FOR_EVER_S)
    assert events(said) == ["tracking_away", "tracking_back"]
    check(tracker, "before", "meanwhile")


def test_short_locks_are_waited_for(tracker: MLflowTracker, file: Path, said: list[Any]) -> None:
    """Most of the time somebody else holds the file, and writes; what was logged can still be read when a block is left."""
    names = ["before"]
    block(tracker, "before")
    with Locker(file, briefly=True) as locker:
        locker.take()
        for number in range(10):
            names.append(str(number))
            block(tracker, names[-1])
            check(tracker, *names)
        locker.let_go()
    assert said == []


OTHERS = """
import sys
from mlflow_utils import MLflowTracker
from attendance.tracking.client import open_client

tracker = MLflowTracker("e", f"sqlite:///{sys.argv[1]}")
client = None
for number in range(20):
    with tracker.start_run(f"{sys.argv[2]} {number}") as run:
        for step in range(50):
            tracker.log_metric("m", -step, step=step)
    client = client or open_client(tracker.tracking_uri)
    kept = client.get_run(run._run.run_id)
    assert (kept.info.status, kept.data.metrics) == ("FINISHED", {"m": -49}), (number, kept)
"""


def test_processes_that_log_to_one_file_read_back_at_once(file: Path) -> None:
    """From the first run on, for which both make the tables."""
    command = [sys.executable, "-c", OTHERS, str(file)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": ROOT}
    others = [subprocess.Popen([*command, name], **pipes) for name in "ab"]
    said = [other.communicate(timeout=FOR_EVER_S)[0] for other in others]
    assert [other.returncode for other in others] == [0, 0], said
    assert "tracking_away" not in "".join(said)
    check(MLflowTracker("e", f"sqlite:///{file}"), *(f"{name} {number}" for name in "ab" for number in range(20)))


FIRST = """
import sys, time
from mlflow_utils import MLflowTracker

tracker = MLflowTracker("e", f"sqlite:///{sys.argv[1]}")
for name in ("first", "second"):
    began = time.perf_counter()
    with tracker.start_run(name):
        tracker.log_metric("m", 0, step=0)
    print("took", time.perf_counter() - began)
print("mlflow" in sys.modules)
sys.stdout.flush()
began = time.perf_counter()
from attendance.tracking import destinations
destinations.close_all()
print("end", time.perf_counter() - began)
"""


@pytest.mark.parametrize("made", [True, False], ids=["with tables", "empty"])
def test_the_first_use_waits_for_no_lock_nor_does_the_end_of_the_process(made: bool, file: Path) -> None:
    tracker = MLflowTracker("e", f"sqlite:///{file}")
    if made:
        block(tracker, "before")
    with Locker(file) as locker:
        locker.take()
        done = subprocess.run(
            [sys.executable, "-c", FIRST, str(file)],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=FOR_EVER_S,
        )
        locker.let_go()
    words = done.stdout.split()
    took = [float(words[at + 1]) for at, word in enumerate(words) if word in {"took", "end"}]
    assert took[0] < SOON_S
    assert took[1] < 0.2
    assert took[2] < limits.LIMITS.exit_lock_s + SOON_S
    assert "False" in words  # mlflow was not imported for it
    assert [done.stdout.count(event) for event in ("tracking_away", "tracking_calls_lost", "calls=6")] == [1, 1, 1]


def test_the_end_of_the_process_waits_for_a_lock_that_ends_soon(
    tracker: MLflowTracker, file: Path, said: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIMITS", replace(limits.LIMITS, exit_s=FOR_EVER_S, exit_lock_s=FOR_EVER_S))
    block(tracker, "before")
    with Locker(file) as locker:
        locker.take()
        block(tracker, "late")
        timer = threading.Timer(0.7, locker.let_go)
        timer.start()
        destinations.close_all()
        timer.join()
    check(tracker, "before", "late")
    assert events(said) == ["tracking_away", "tracking_back"]
