"""An export on a system that lacks something, on a full disk, without its database, and beside another export."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attendance.errors import ExportError, StoreError
from attendance.export import place as place_module
from attendance.export.index import IndexWriter
from attendance.export.place import Place
from attendance.store.connect import connect
from tests.export_makers import check_whole, contents, export, fill, marks
from tests.store_makers import MODEL, reference, references

if TYPE_CHECKING:
    from attendance.store.base import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(path: Path) -> Path:
    return path.parent / "mongodb_export"


def test_without_exchange_of_folders_it_is_done_in_two_steps(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = fill(store)
    monkeypatch.setattr(place_module, "exchange", lambda _one, _other: False)
    export(store, folder)
    store.remove_person(people[0].person_id)
    assert export(store, folder).changed
    check_whole(folder)
    # Killed between the two steps: the one before is put back.
    work = folder.with_name(f".{folder.name}.work")
    before = contents(folder)
    folder.rename(work / "old")
    assert not export(store, folder).changed
    assert contents(folder) == before


def test_without_hard_links_files_are_copied_with_their_times(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = fill(store)
    export(store, folder)
    before = {path: mark[1] for path, mark in marks(folder).items()}

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    store.add_references(people[0].person_id, references(1), MODEL)
    export(store, folder)
    now = {path: mark[1] for path, mark in marks(folder).items() if path.startswith("images/")}
    assert sum(before.get(path) != time for path, time in now.items()) == 1
    check_whole(folder)


def _export_small(url: str, folder: Path, limit: int) -> None:
    store = connect(url, timeout_s=10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        export(store, folder)
    except OSError:
        os._exit(8)
    os._exit(0)


def test_a_full_disk_leaves_the_export_before(store: Store, url: str, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    before = contents(folder)
    store.add_references(people[0].person_id, [reference(os.urandom(400_000))], MODEL)
    child = multiprocessing.get_context("spawn").Process(target=_export_small, args=(url, folder, 100_000))
    child.start()
    child.join(60)
    assert child.exitcode == 8
    assert contents(folder) == before
    left = [path.name.partition("-")[0] for path in Place(folder).work.iterdir()]
    assert sorted(left) == ["index", "lock"], "what was written so far takes no room any more"
    assert export(store, folder).pictures.added == 1


def test_no_room_for_the_index_alone_is_no_failure(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = fill(store)
    export(store, folder)
    store.add_references(people[0].person_id, references(1), MODEL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(IndexWriter, "finish", full)
        assert export(store, folder).pictures.added == 1
    check_whole(folder)
    assert not Place(folder).index.exists()
    assert not export(store, folder).changed


def test_a_database_that_is_gone_leaves_the_export_before(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    before = contents(folder)
    store.add_references(people[0].person_id, references(1), MODEL)
    (folder.parent / "attendance.db").rename(folder.parent / "gone.db")
    with pytest.raises(StoreError):
        export(store, folder)
    assert contents(folder) == before


def test_the_second_of_two_waits_and_says_so(store: Store, url: str, folder: Path) -> None:
    fill(store)
    command = [sys.executable, str(ROOT / "export_mongodb_for_dvc.py"), "--output-dir", str(folder)]
    with ExitStack() as first:
        first.enter_context(Place(folder).locked(lambda: None))
        variables = {**os.environ, "ATTEND_STORE_URL": url}
        second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables, cwd=folder.parent)
        assert second.stderr is not None
        assert "Waiting for another export" in second.stderr.readline()
        assert not folder.exists()
    second.communicate(timeout=60)
    assert second.returncode == 0
    check_whole(folder)


def test_who_waits_too_long_says_that_nothing_was_done(store: Store, folder: Path) -> None:
    fill(store)
    told: list[str] = []
    second = Place(folder).locked(lambda: told.append("waits"), wait_s=0.2)
    with Place(folder).locked(lambda: None), pytest.raises(ExportError, match="nothing was done"):
        second.__enter__()
    assert told == ["waits"]
