"""The process that helps a large first export: the same files, every damage told, and nothing left where anything dies."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from attendance.export import people, place, stage, swap, writing
from attendance.export.exporter import Wish
from attendance.export.exporter import export as run
from attendance.export.scribe import mark_of
from attendance.export.writing import DamagedContentError, Writer
from attendance.store.connect import connect
from tests.disks import mount
from tests.export_makers import check_whole, contents, export, fill
from tests.store_makers import MODEL, person, references

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = connect(f"sqlite:///{tmp_path}/attendance.db", timeout_s=10)
    fill(store)
    for number in range(30):
        store.add_person(person(f"Person {number}"), references(20), MODEL)
    yield store
    store.close()


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    yield opened
    os.close(opened)


def helped(monkeypatch: pytest.MonkeyPatch) -> list[Writer]:
    """Let small exports be helped, on one processor, too; who helped."""
    seen: list[Writer] = []

    class Seen(Writer):
        def __init__(self, lock: int, twin: tuple[Path, Path] | None = None) -> None:
            super().__init__(lock, twin)
            seen.append(self)

    monkeypatch.setattr(stage, "MANY", 0)
    monkeypatch.setattr(people, "_PEOPLE", 5)
    monkeypatch.setattr("attendance.export.writing.Writer", Seen)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return seen


def sent(writer: Writer, path: Path, content: bytes) -> int:
    return writer.write(str(path), hashlib.sha256(content).hexdigest(), content)


@pytest.mark.parametrize("shared", [writing._SHARED, 8_192, None])
def test_files_are_written_as_they_are_sent_and_their_marks_told(
    shared: int | None, tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the memory is that both processes have, and where a system has none."""
    chance = random.Random(7)
    sizes = [chance.choice([0, 1, 20_000, 6_000_000 if number < 60 else 4_000]) for number in range(3_600)]
    contents = [chance.randbytes(chance.randint(size // 2, size)) for size in sizes]  # more than memory and pipes hold
    if shared is None:
        monkeypatch.setattr(writing, "_shared", lambda: (bytearray(), -1))
    else:
        monkeypatch.setattr(writing, "_SHARED", shared)
    with Writer(lock) as writer:
        for part in (range(2_500), range(2_500, len(contents))):
            numbers = [sent(writer, tmp_path / f"{number} é.jpg", contents[number]) for number in part]
            assert numbers == list(range(len(part)))
            marks = writer.marks()
            assert marks == [mark_of(os.lstat(tmp_path / f"{number} é.jpg")) for number in part]
    assert all((tmp_path / f"{number} é.jpg").read_bytes() == content for number, content in enumerate(contents))
    assert (tmp_path / "0 é.jpg").stat().st_mode & 0o777 == 0o600


def test_what_is_not_what_it_should_be_is_not_written(tmp_path: Path, lock: int) -> None:
    with Writer(lock) as writer:
        writer.write(str(tmp_path / "a"), hashlib.sha256(b"b").hexdigest(), b"a")
        with pytest.raises(DamagedContentError):
            writer.marks()
    assert not (tmp_path / "a").exists()


def test_a_file_that_cannot_be_written_says_why(tmp_path: Path, lock: int) -> None:
    with Writer(lock) as writer:
        sent(writer, tmp_path / "nowhere" / "a", b"a")
        with pytest.raises(FileNotFoundError):
            send_many(writer, tmp_path)  # soon, without being asked for it


def test_a_process_that_is_killed_is_an_error_and_no_wait(tmp_path: Path, lock: int) -> None:
    with Writer(lock) as writer:
        writer._process.kill()
        writer._process.wait()
        with pytest.raises(BrokenPipeError):
            sent(writer, tmp_path / "a", b"a")
    with Writer(lock) as writer:
        os.kill(writer._process.pid, signal.SIGSTOP)
        sent(writer, tmp_path / "b", b"b")
        writer._process.kill()
        with pytest.raises(BrokenPipeError):
            writer.marks()


def test_it_has_the_lock_as_long_as_it_writes(tmp_path: Path) -> None:
    mine = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(mine, fcntl.LOCK_EX)
    with Writer(mine):
        os.close(mine)  # as when the export is killed
        other = os.open(tmp_path / "lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)


def send_many(writer: Writer, folder: Path) -> None:
    for number in range(100_000):
        sent(writer, folder / f"{number}", b"x" * 1_000)


def test_an_export_with_help_is_the_same_as_without(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = export(store, tmp_path / "alone")
    writers = helped(monkeypatch)
    with_help = export(store, tmp_path / "helped")
    assert len(writers) == 1
    assert contents(tmp_path / "helped") == contents(tmp_path / "alone")
    assert (with_help.files_written, with_help.counts) == (alone.files_written, alone.counts)
    # What was learnt of the files is true: the next one reads nothing, and one that trusts nothing finds nothing.
    assert not export(store, tmp_path / "helped").changed
    assert not export(store, tmp_path / "helped", verify=True).changed
    assert len(writers) == 1  # a first export alone is helped


def test_who_writes_a_picture_gives_it_its_second_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helped(monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("not in this process")

    with monkeypatch.context() as without:
        without.setattr(os, "link", refuse)
        export(store, tmp_path / "e")
    [twin] = (tmp_path / ".e.work").glob("images-*")
    named = {path.relative_to(tmp_path / "e/images"): path.stat().st_ino for path in (tmp_path / "e/images").rglob("*.jpg")}
    assert named == {path.relative_to(twin): path.stat().st_ino for path in twin.rglob("*.jpg")}
    store.add_person(person("Late"), references(3), MODEL)
    export(store, tmp_path / "e")  # which takes the twin
    check_whole(tmp_path / "e")


def test_in_a_project_of_dvc_no_picture_gets_a_second_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = helped(monkeypatch)
    (tmp_path / ".dvc").mkdir()
    export(store, tmp_path / "e")
    assert writers
    assert {path.stat().st_nlink for path in (tmp_path / "e/images").rglob("*.jpg")} == {1}


def test_a_picture_that_gets_no_second_name_is_written_all_the_same(tmp_path: Path, lock: int) -> None:
    with Writer(lock, (tmp_path / "there", tmp_path / "nowhere" / "twin")) as writer:
        (tmp_path / "there" / "of").mkdir(parents=True)
        sent(writer, tmp_path / "there" / "of" / "a", b"a")
        assert writer.marks() == [mark_of(os.lstat(tmp_path / "there" / "of" / "a"))]


def test_a_damaged_picture_is_told_as_without_help(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(tmp_path / "attendance.db") as file:
        bad = [row[0] for row in file.execute("SELECT reference_id FROM face_images ORDER BY random() LIMIT 3")]
        for one in bad:
            file.execute("UPDATE face_images SET image_bytes = x'00' WHERE reference_id = ?", (one,))
    alone = export(store, tmp_path / "alone")
    writers = helped(monkeypatch)
    with_help = export(store, tmp_path / "helped")
    assert len(writers) == 1
    assert contents(tmp_path / "helped") == contents(tmp_path / "alone")
    assert with_help.problems == alone.problems
    assert {found["record"] for found in with_help.problems.first} == {f"face_images/{one}" for one in bad}
    assert (with_help.files_written, with_help.counts) == (alone.files_written, alone.counts)
    check_whole(tmp_path / "helped")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_told_and_leaves_nothing(store: Store, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writers = helped(monkeypatch)
    with pytest.raises(OSError, match="No space left") as caught:
        export(store, disk / "e")
    assert caught.value.errno == errno.ENOSPC
    assert writers
    assert [path.name for path in disk.rglob("*") if path.is_file()] == ["lock"]
    mount(disk, "-o", "remount,size=50m")
    export(store, disk / "e")
    check_whole(disk / "e")


def test_where_the_process_cannot_be_started_the_export_goes_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helped(monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr("subprocess.Popen", refuse)
    export(store, tmp_path / "e")
    check_whole(tmp_path / "e")


def export_with_help(url: str, folder: Path) -> None:
    """In a process that is killed."""
    vars(stage)["MANY"] = 0
    vars(people)["_PEOPLE"] = 5
    vars(os)["cpu_count"] = lambda: 2
    with_store = connect(url, timeout_s=10)
    export(with_store, folder)
    with_store.close()


def test_whatever_is_killed_the_next_export_is_whole(store: Store, tmp_path: Path) -> None:
    chance = random.Random(3)
    export(store, tmp_path / "whole")
    spawn = multiprocessing.get_context("spawn")
    for turn in range(12):
        folder = tmp_path / f"e{turn}"
        process = spawn.Process(target=export_with_help, args=(f"sqlite:///{tmp_path}/attendance.db", folder))
        process.start()
        work = folder.with_name(f".{folder.name}.work")
        while process.is_alive() and not work.exists():
            time.sleep(0.001)
        time.sleep(chance.random() * 0.3)
        process.kill()
        process.join()
        if folder.exists():
            check_whole(folder)
        export(store, folder)  # waits for the other process, where that still writes
        assert contents(folder) == contents(tmp_path / "whole")
        assert not (work / "new").exists()


def test_a_write_that_the_disk_lost_ends_the_export_though_it_is_told_only_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(store, tmp_path / "e")
    before = contents(tmp_path / "e")
    store.add_person(person("Late"), references(3), MODEL)
    told: list[Path] = []
    reached = threading.Event()

    def once(folder: Path) -> None:
        if not told:
            told.append(folder)
            reached.set()
            raise OSError(errno.EIO, "Input/output error")

    def slowly(step: str, _done: int, _total: int | None) -> None:
        assert step != "Pictures" or reached.wait(10)

    monkeypatch.setattr(swap, "_OFTEN_S", 0.0)
    monkeypatch.setattr(swap, "flush", once)
    monkeypatch.setattr(place, "flush", once)
    with pytest.raises(OSError, match="Input/output"):
        run(store, tmp_path / "e", Wish(), slowly)
    assert contents(tmp_path / "e") == before
