"""The embedded database when its disk, its file or its neighbours fail: a clear error, and nothing lost."""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attendance.domain.model import Outcome
from attendance.errors import StoreUnavailableError
from tests.disks import Folder, mount
from tests.store_children import fill_until_refused
from tests.store_makers import MODEL, PICTURE, attempt, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.store.base import Store


@pytest.fixture
def timeout_s() -> float:
    """Short, so that a test which waits for its end is."""
    return 0.5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    mount(folder, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "folder")
    yield made
    made.close()


def settle_pictures(store: Store, acknowledged: list[str], count: int) -> None:
    for _ in range(count):
        given = attempt(None)
        store.settle(given, 60.0, PICTURE)
        acknowledged.append(given.attempt_id)


def test_a_full_disk(small_disk: Path, open_path: Callable[[Path], Store]) -> None:
    path = small_disk / "attendance.db"
    store = open_path(path)
    ada = store.add_person(person("Ada"), references(2), MODEL)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 400_000)
    acknowledged: list[str] = []
    with pytest.raises(StoreUnavailableError) as caught:
        settle_pictures(store, acknowledged, 100)
    assert caught.value.reason == "disk_full"
    assert acknowledged
    assert sorted(one.attempt_id for one in store.attempts()) == sorted(acknowledged)
    with pytest.raises(StoreUnavailableError):
        store.add_person(person("Ben"), [reference(PICTURE * 40)], MODEL)
    assert [one.name for one in store.people()] == ["Ada"]

    ballast.unlink()
    assert store.settle(attempt(ada), 60.0).outcome is Outcome.RECORDED
    settle_pictures(store, acknowledged, 1)
    store.close()
    again = open_path(path)
    assert len(list(again.attempts())) == len(acknowledged) + 1
    assert all(again.attempt_picture(key) == PICTURE for key in acknowledged)


def test_a_new_file_on_a_full_disk(small_disk: Path, open_path: Callable[[Path], Store]) -> None:
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(StoreUnavailableError) as caught:
        open_path(small_disk / "attendance.db")
    assert caught.value.reason == "disk_full"
    ballast.unlink()
    assert open_path(small_disk / "attendance.db").count_people() == 0


def test_a_file_that_may_not_grow(path: Path, open_path: Callable[[Path], Store]) -> None:
    """A limit on the size of files, which needs no rights: in a process of its own, since it cannot be lifted again."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=fill_until_refused, args=(f"sqlite:///{path}", 1_000_000, sending))
    child.start()
    acknowledged, reason = receiving.recv()
    child.join()
    assert reason in {"disk_full", "unreachable"}
    assert acknowledged
    assert sorted(one.attempt_id for one in open_path(path).attempts()) == sorted(acknowledged)


def test_a_read_only_folder(folder: Folder, open_path: Callable[[Path], Store]) -> None:
    path = folder.path / "attendance.db"
    folder.writable(False)
    with pytest.raises(StoreUnavailableError) as caught:
        open_path(path)
    assert caught.value.reason == "read_only"
    folder.writable(True)
    open_path(path).close()
    folder.writable(False)
    with pytest.raises(StoreUnavailableError) as caught:
        open_path(path)
    assert caught.value.reason == "read_only"


def test_a_folder_that_becomes_read_only(folder: Folder, open_path: Callable[[Path], Store]) -> None:
    path = folder.path / "attendance.db"
    store = open_path(path)
    ada = store.add_person(person("Ada"), references(1), MODEL)
    store.close()  # no connection is open when the folder changes
    folder.writable(False)
    with pytest.raises(StoreUnavailableError) as caught:
        store.settle(attempt(ada), 60.0)
    assert caught.value.reason == "read_only"
    folder.writable(True)
    assert store.settle(attempt(ada), 60.0).outcome is Outcome.RECORDED
    assert store.count_check_ins() == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path, open_path: Callable[[Path], Store]) -> None:
    (tmp_path / "file").write_text("not a folder")
    for name in ("file/attendance.db", "."):
        with pytest.raises(StoreUnavailableError) as caught:
            open_path(tmp_path / name)
        assert caught.value.reason == "refused"


def test_for_the_own_account_alone(path: Path, store: Store) -> None:
    store.add_person(person(), references(1), MODEL)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_deleted_while_open(path: Path, store: Store) -> None:
    ada = store.add_person(person(), references(1), MODEL)
    path.unlink()
    calls: list[Callable[[], Any]] = [
        lambda: store.settle(attempt(ada), 60.0),
        lambda: store.add_person(person("Ben"), references(1), MODEL),
        store.info,
        store.people,
        lambda: list(store.check_ins()),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError) as caught:
            call()
        assert caught.value.reason == "missing"
    assert not path.exists()


def test_deleted_during_a_write(path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes between the first look at it and the commit: SQLite would acknowledge what is lost."""
    ada = store.add_person(person(), references(1), MODEL)

    def decide(*_: object) -> tuple[Outcome, None, None]:
        path.unlink()
        return Outcome.NONE, None, None

    monkeypatch.setattr("attendance.store.sql_attempts._decide", decide)
    with pytest.raises(StoreUnavailableError) as caught:
        store.settle(attempt(ada), 60.0)
    assert caught.value.reason == "missing"


def test_moved_away_and_back(path: Path, store: Store) -> None:
    ada = store.add_person(person(), references(1), MODEL)
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(StoreUnavailableError):
        store.settle(attempt(ada), 60.0)
    away.rename(path)
    assert store.settle(attempt(ada), 60.0).outcome is Outcome.RECORDED


def test_replaced_while_open(path: Path, store: Store) -> None:
    ada = store.add_person(person(), references(1), MODEL)
    copy = Path(shutil.copy(path, path.with_name("copy.db")))
    copy.replace(path)
    with pytest.raises(StoreUnavailableError) as caught:
        store.settle(attempt(ada), 60.0)
    assert caught.value.reason == "missing"


def test_the_journal_deleted_while_open(path: Path, store: Store) -> None:
    ada = store.add_person(person(), [], MODEL)
    path.with_name(f"{path.name}-wal").unlink()
    with pytest.raises(StoreUnavailableError) as caught:
        store.settle(attempt(ada), 60.0)
    assert caught.value.reason == "missing"


@pytest.mark.timeout(60)
def test_locked_for_longer_than_the_timeout(path: Path, store: Store, open_path: Callable[[Path], Store]) -> None:
    ada = store.add_person(person(), references(1), MODEL)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused: list[str] = []

    def try_() -> None:
        try:
            store.settle(attempt(ada), 60.0)
        except StoreUnavailableError as error:
            refused.append(error.reason)

    threads = [threading.Thread(target=try_) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["busy"] * 8
    assert store.people() == [ada]  # reading goes on
    assert open_path(path).people() == [ada]
    other.execute("ROLLBACK")
    other.close()
    assert store.settle(attempt(ada), 60.0).outcome is Outcome.RECORDED
    assert len(list(store.attempts())) == 1


def test_an_exclusive_lock(path: Path, store: Store, open_path: Callable[[Path], Store]) -> None:
    store.add_person(person(), references(1), MODEL)
    store.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailableError) as caught:
        open_path(path)
    assert caught.value.reason == "busy"
    other.execute("ROLLBACK")
    other.close()
    assert open_path(path).count_people() == 1
