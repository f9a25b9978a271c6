"""Kill -9 at any moment of an export: the folder is a whole export each time, and the next run finishes the work."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from attendance.export import place
from attendance.store.connect import connect
from tests.export_makers import check_whole, contents, export, fill, marks, restore, twin_of
from tests.store_makers import MODEL, person, references

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event
    from pathlib import Path


def go_on(url: str, folder: Path, seed: int, exchanges: bool, ready: Event) -> None:
    """Change the store and export it, over and over, until this process is killed."""
    if not exchanges:
        vars(place)["exchange"] = lambda _one, _other: False  # a file system that cannot
    chance = random.Random(seed)
    store = connect(url, timeout_s=10)
    ready.set()
    while True:
        someone = chance.choice(store.people())
        match chance.randrange(4):
            case 0:
                store.add_references(someone.person_id, references(chance.randrange(1, 4)), MODEL)
            case 1:
                store.add_person(person(f"Person {chance.randrange(10**9)}"), references(2), MODEL)
            case 2 if store.count_people() > 5:
                store.remove_person(someone.person_id)
            case _:
                store.update_person(someone.person_id, name=f"Person {chance.randrange(10**9)}")
        export(store, folder, verify=chance.random() < 0.2)


def export_until(url: str, folder: Path, step: int, steps: Synchronized[int]) -> None:
    """One export that kills itself before its so many-th change of a file's or folder's name."""
    store = connect(url, timeout_s=10)
    changes = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}

    def count(event: str, _arguments: tuple[object, ...]) -> None:
        if event in changes:
            steps.value += 1
            if steps.value == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    export(store, folder)


def put_back(url: str, folder: Path) -> None:
    """One restore, as long as it is let."""
    store = connect(url, timeout_s=10)
    restore(store, folder)
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("exchanges", "kills"), [(True, 100), (False, 30)], ids=["one-step", "two-steps"])
def test_a_hundred_kills_never_leave_half_an_export(tmp_path: Path, exchanges: bool, kills: int) -> None:
    url, folder = f"sqlite:///{tmp_path}/attendance.db", tmp_path / "export"
    store = connect(url, timeout_s=10)
    fill(store, tuple(f"Person {number}" for number in range(30)))
    export(store, folder)
    chance = random.Random(7)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.export_makers", "attendance.store.sql"])
    versions = set()
    for seed in range(kills):
        ready = context.Event()
        child = context.Process(target=go_on, args=(url, folder, seed, exchanges, ready))
        child.start()
        assert ready.wait(60)
        time.sleep(chance.uniform(0.0, 1.5))
        child.kill()
        child.join()
        if not folder.exists():  # between two steps, where the system cannot swap folders; the next run puts it back
            assert not exchanges
            place.Place(folder).work.joinpath("old").rename(folder)
        check_whole(folder)
        versions.add((folder / "manifest.json").read_bytes())
    assert len(versions) > kills // 10  # it was not always killed before it had begun
    export(store, folder)
    export(store, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")
    assert {path.name.partition("-")[0] for path in (tmp_path / ".export.work").iterdir()} == {"lock", "index", "images"}
    twin = twin_of(folder)
    assert twin is not None
    assert marks(twin) == marks(folder / "images")
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_kill_at_each_step_of_an_export_leaves_nobody_behind(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/attendance.db", tmp_path / "export"
    store = connect(url, timeout_s=10)
    fill(store)
    export(store, folder)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.export_makers", "attendance.store.sql"])
    step, most = 0, 1
    while step < most:  # until one ends by itself
        step += 1
        gone, other = store.people()[:2]
        store.remove_person(gone.person_id)
        store.add_person(person(f"Person {step}"), references(3), MODEL)
        store.add_references(other.person_id, references(1), MODEL)
        steps = context.Value("i", 0)
        child = context.Process(target=export_until, args=(url, folder, step, steps))
        child.start()
        child.join(120)
        most = max(most, steps.value + (child.exitcode != 0))
        check_whole(folder)
        export(store, folder)
        check_whole(folder)
        twin = twin_of(folder)
        assert twin is not None
        assert marks(twin) == marks(folder / "images")
        kept = {path.stat().st_ino for path in folder.glob("images/*/*")}
        assert {path.stat().st_ino for path in tmp_path.rglob("*.jpg")} == kept
        if step % 10 == 0:
            export(store, tmp_path / "fresh")
            assert contents(folder) == contents(tmp_path / "fresh")
            shutil.rmtree(tmp_path / "fresh")
            shutil.rmtree(tmp_path / ".fresh.work")
    assert child.exitcode == 0
    assert step > 20
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_restore_that_is_killed_again_and_again_ends_whole(tmp_path: Path) -> None:
    source = connect(f"sqlite:///{tmp_path}/source.db", timeout_s=10)
    people = fill(source, tuple(f"Person {number}" for number in range(60)))
    for someone in people[:20]:
        source.add_references(someone.person_id, references(30), MODEL)
    export(source, tmp_path / "export")
    source.close()
    url = f"sqlite:///{tmp_path}/target.db"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.export_makers", "attendance.store.sql"])
    chance = random.Random(11)
    for _ in range(25):
        child = context.Process(target=put_back, args=(url, tmp_path / "export"))
        child.start()
        child.join(chance.uniform(0.05, 1.2))
        child.kill()
        child.join()
    target = connect(url, timeout_s=10)
    restore(target, tmp_path / "export")
    export(target, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "export")
    target.close()
