"""A local file that cannot be written holds up no block, whatever the reason; all arrives, once, when it can be again."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attendance.tracking import destinations, limits
from attendance.tracking.client import open_client
from mlflow_utils import MLflowTracker
from tests.disks import Folder, mount
from tests.sqlite_locker import Locker

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")
FOR_EVER_S = 300.0
SOON_S = 1.5  # a busy machine's 0.2; before the file's lock was asked for, it were 5


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Whatever a test leaves is sent, or given up, before its folder goes."""
    yield
    destinations.close_all()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever did wait would wait for minutes."""
    bounds = limits.Limits(
        start_s=FOR_EVER_S, write_s=FOR_EVER_S, id_s=FOR_EVER_S, silence_s=FOR_EVER_S, retries_alone=2, retry_first_s=0.1
    )
    monkeypatch.setattr(limits, "LIMITS", replace(bounds, retry_longest_s=0.2))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mlflow.db"


@pytest.fixture
def tracker(request: pytest.FixtureRequest, file: Path) -> MLflowTracker:
    return MLflowTracker(request.node.name, f"sqlite:///{file}")


def block(tracker: MLflowTracker, name: str, calls: int = 50) -> float:
    """A run of so many metrics; returns how long all of it took, in seconds."""
    began = time.perf_counter()
    with tracker.start_run(name):
        for step in range(calls):
            tracker.log_metric("m", -step, step=step)
    return time.perf_counter() - began


def check(tracker: MLflowTracker, *names: str, calls: int = 50) -> None:
    """These runs are there, each once and with all of its metrics, and no other."""
    client = open_client(tracker.tracking_uri)
    experiment = client.get_experiment_by_name(tracker.experiment_name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(str(run.info.run_name) for run in runs) == sorted(names)
    for run in runs:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "m")
        assert sorted((one.step, one.value) for one in history) == [(step, -step) for step in range(calls)]


def events(said: list[Any]) -> list[str]:
    return [entry["event"] for entry in said]


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


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("fault", ["a file for a folder", "no database"])
def test_a_file_that_cannot_be_opened_holds_up_nothing(fault: str, tmp_path: Path, said: list[Any]) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("This is no database. " * 100)
    tracker = MLflowTracker("e", f"sqlite:///{wrong / 'mlflow.db' if fault == 'a file for a folder' else wrong}")
    block(tracker, "one")
    assert events(said) == ["tracking_away"]
    block(tracker, "two")
    assert wrong.read_text().startswith("This is no database.")
    wrong.unlink()
    assert tracker.flush(FOR_EVER_S)
    assert events(said) == ["tracking_away", "tracking_back"]
    check(tracker, "one", "two")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "folder")
    yield made
    destinations.close_all()
    made.close()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("made", [True, False], ids=["with tables", "none"])
def test_a_folder_that_cannot_be_written_holds_up_nothing(
    made: bool, tracker: MLflowTracker, file: Path, folder: Folder, said: list[Any]
) -> None:
    inside = folder.path / ("mlflow.db" if made else "deep/mlflow.db")
    names = ["before"] if made else []
    for name in names:
        block(tracker, name)
        shutil.copyfile(file, inside)
    tracker = MLflowTracker(tracker.experiment_name, f"sqlite:///{inside}")
    folder.writable(False)
    for name in ("one", "two"):
        block(tracker, name)
        assert events(said) == ["tracking_away"]
    folder.writable(True)
    assert tracker.flush(FOR_EVER_S)
    assert events(said) == ["tracking_away", "tracking_back"]
    check(tracker, *names, "one", "two")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "small"
    mount(place, "-t", "tmpfs", "-o", "size=8m", "tmpfs")
    yield place
    destinations.close_all()
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("first", [True, False], ids=["from the start", "later"])
def test_a_full_disk_holds_up_nothing_and_loses_nothing(first: bool, small_disk: Path, said: list[Any]) -> None:
    """A new database is not begun on it: half of its tables would be of no use, with room again too."""
    tracker = MLflowTracker("e", f"sqlite:///{small_disk}/mlflow.db")
    names = [] if first else ["before"]
    for name in names:
        block(tracker, name)
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    for name in ("one", "two"):
        block(tracker, name)
        assert events(said) == ["tracking_away"]
    assert not tracker.flush(2)  # several tries
    ballast.unlink()
    assert tracker.flush(FOR_EVER_S)
    assert events(said) == ["tracking_away", "tracking_back"]
    check(tracker, *names, "one", "two")


def test_what_cannot_be_written_is_asked_without_a_trace(tmp_path: Path, said: list[Any]) -> None:
    """Nor is a folder made for a database that never was."""
    (tmp_path / "file").write_text("")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with MLflowTracker("e", f"sqlite:///{tmp_path}/file/deep/mlflow.db", settle_s=0.1).start_run("one"):
        pass
    destinations.close_all()
    assert events(said) == ["tracking_away", "tracking_calls_lost"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
