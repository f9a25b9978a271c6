"""A local file that cannot be written for another reason than a lock holds up no block either; all arrives, once, later."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from attendance.tracking import destinations
from mlflow_utils import MLflowTracker
from tests.disks import Folder, mount
from tests.tracked_blocks import FOR_EVER_S, block, check, events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Whatever a test leaves is sent, or given up, before its folder goes."""
    yield
    destinations.close_all()


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
    made: bool, tmp_path: Path, folder: Folder, said: list[Any]
) -> None:
    inside = folder.path / ("mlflow.db" if made else "deep/mlflow.db")
    names = ["before"] if made else []
    for name in names:
        block(MLflowTracker("e", f"sqlite:///{tmp_path}/mlflow.db"), name)
        shutil.copyfile(tmp_path / "mlflow.db", inside)
    tracker = MLflowTracker("e", f"sqlite:///{inside}")
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
