"""The pictures' second tree: it holds what the export holds and nothing else, and what is done to it gets into no export."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from attendance.export.hold import held
from attendance.export.layout import Part
from tests.export_makers import check_whole, contents, export, fill, marks, twin_of
from tests.store_makers import MODEL, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attendance.domain.model import Person
    from attendance.store.base import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "site/export"


def check_twin(folder: Path) -> None:
    """The twin is there and has the export's pictures, file by file; nothing else in the workplace has any."""
    twin = twin_of(folder)
    assert twin is not None
    assert marks(twin) == marks(folder / "images")
    assert {path.name for path in twin.iterdir()} == {path.name for path in (folder / "images").iterdir()}
    outside = [path for path in folder.parent.rglob("*.jpg") if not path.is_relative_to(folder)]
    assert all(path.is_relative_to(twin) for path in outside)


def inodes(folder: Path) -> set[int]:
    return {inode for path, (inode, _) in marks(folder).items() if path.startswith("images/")}


def test_it_follows_whatever_changes(store: Store, folder: Path, tmp_path: Path) -> None:
    first, second, third = fill(store)

    def settle() -> None:
        store.settle(attempt(third, after(500)), 60)

    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: store.add_references(first.person_id, references(2), MODEL),
        lambda: store.add_person(person("Katherine Johnson"), references(2), MODEL),
        settle,
        lambda: store.remove_reference(store.references(second.person_id)[1].reference_id),
        lambda: store.update_person(third.person_id, name="Somebody Else"),
        lambda: store.add_person(person("Nobody's Picture"), [], MODEL),
        lambda: store.remove_person(first.person_id),
    ]
    for number, change in enumerate(changes):
        change()
        before = inodes(folder) if folder.exists() else set()
        export(store, folder)
        check_twin(folder)
        check_whole(folder)
        export(store, tmp_path / f"fresh-{number}")
        assert contents(folder) == contents(tmp_path / f"fresh-{number}")
        assert len(inodes(folder) - before) <= 9  # what stayed is the same file
    [index] = folder.with_name(".export.work").glob("index-*")
    written = index.stat().st_mtime_ns
    assert not export(store, folder).changed
    assert index.stat().st_mtime_ns == written  # nobody was looked at again, not even who has no picture
    swap = store.people()
    names = [one.name for one in swap]
    store.update_person(swap[0].person_id, name="For A Moment")
    store.update_person(swap[1].person_id, name=names[0])
    store.update_person(swap[0].person_id, name=names[1])
    export(store, folder)
    check_twin(folder)
    export(store, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")


def test_who_was_removed_is_nowhere_once_an_export_has_ended(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    gone = inodes(folder / "images/Grace Hopper") | {path.stat().st_ino for path in folder.glob("images/Grace Hopper/*")}
    store.remove_person(people[1].person_id)
    export(store, folder)
    left = {path.stat().st_ino for path in folder.parent.rglob("*") if path.is_file()}
    assert gone
    assert not gone & left
    check_twin(folder)


def _extra(twin: Path) -> None:
    (twin / "Grace Hopper/Grace Hopper_9.jpg").write_bytes(b"a stranger")


def _extra_folder(twin: Path) -> None:
    (twin / "Bob").mkdir(mode=0o700)
    (twin / "Bob/Bob_0.jpg").write_bytes(b"a stranger")


def _file(twin: Path) -> None:
    (twin / "Bob").write_bytes(b"no folder")


def _missing(twin: Path) -> None:
    (twin / "Grace Hopper/Grace Hopper_1.jpg").unlink()


def _missing_folder(twin: Path) -> None:
    shutil.rmtree(twin / "Grace Hopper")


def _copied(twin: Path) -> None:
    victim = twin / "Grace Hopper/Grace Hopper_1.jpg"
    shutil.copy2(victim, twin.with_name("copy"))
    twin.with_name("copy").replace(victim)


def _replaced(twin: Path) -> None:
    victim = twin / "Grace Hopper/Grace Hopper_1.jpg"
    status = victim.stat()
    victim.unlink()
    victim.write_bytes(b"x" * status.st_size)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))


def _changed(twin: Path) -> None:
    (twin / "Grace Hopper/Grace Hopper_1.jpg").write_bytes(b"both names of it")


def _exchanged(twin: Path) -> None:
    one, other = (twin / f"Grace Hopper/Grace Hopper_{number}.jpg" for number in (0, 1))
    one.rename(twin / "kept")
    other.rename(one)
    (twin / "kept").rename(other)


def _linked(twin: Path) -> None:
    (twin / "Grace Hopper").rename(twin.parents[2] / "elsewhere")
    (twin / "Grace Hopper").symlink_to(twin.parents[2] / "elsewhere")


def _link(twin: Path) -> None:
    victim = twin / "Grace Hopper/Grace Hopper_1.jpg"
    victim.rename(twin.parents[2] / "elsewhere.jpg")
    victim.symlink_to(twin.parents[2] / "elsewhere.jpg")


def _opened_to_all(twin: Path) -> None:
    (twin / "Grace Hopper").chmod(0o755)


def _nested(twin: Path) -> None:
    (twin / "Grace Hopper/more").mkdir()


HARMS = [
    *(_extra, _extra_folder, _file, _missing, _missing_folder, _copied, _replaced, _changed),
    *(_exchanged, _linked, _link, _opened_to_all, _nested),
]


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("change", ["records", "people"])
def test_what_was_done_to_it_gets_into_no_export(
    store: Store, folder: Path, tmp_path: Path, harm: Callable[[Path], None], change: str
) -> None:
    people = fill(store)
    export(store, folder)
    twin = twin_of(folder)
    assert twin is not None
    harm(twin)
    if change == "records":
        store.settle(attempt(people[2], after(500)), 60)
    else:
        store.add_references(people[1].person_id, references(1), MODEL)
        store.remove_person(people[0].person_id)
    assert export(store, folder).changed
    export(store, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")
    check_whole(folder)
    assert {oct(path.stat().st_mode & 0o077) for path in (folder, *folder.rglob("*"))} == {"0o0"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    check_twin(folder)


@pytest.mark.parametrize("harm", [_extra, _missing, _changed, _replaced, _link, _exchanged, _linked])
def test_what_was_done_to_the_folder_is_put_right_from_it_or_the_database(
    store: Store, folder: Path, harm: Callable[[Path], None]
) -> None:
    fill(store)
    export(store, folder)
    whole = contents(folder)
    aside = folder.parents[1] / "aside/deep"
    aside.mkdir(parents=True)
    (folder / "images").rename(aside / "images")
    harm(aside / "images")
    (aside / "images").rename(folder / "images")
    assert export(store, folder).changed
    assert contents(folder) == whole
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    check_twin(folder)


def test_it_is_dropped_with_the_folder_and_where_the_folder_is_another_version(store: Store, folder: Path) -> None:
    fill(store)
    export(store, folder)
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    store.add_person(person("Katherine Johnson"), references(2), MODEL)
    export(store, folder)
    shutil.rmtree(folder)
    other.rename(folder)  # as after a checkout of an older version
    export(store, folder, dry_run=True)
    assert twin_of(folder) is None
    export(store, folder)
    check_twin(folder)
    shutil.rmtree(folder)
    export(store, folder, dry_run=True)
    assert list(folder.parent.rglob("*.jpg")) == []


def test_a_part_has_none_and_a_dry_run_leaves_it(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    store.settle(attempt(people[2], after(500)), 60)
    export(store, folder, dry_run=True)
    check_twin(folder)
    export(store, folder, parts=frozenset({Part.ATTENDANCE}))
    assert twin_of(folder) is None
    store.remove_person(people[0].person_id)
    export(store, folder, parts=frozenset({Part.IMAGES}))
    check_twin(folder)
    check_whole(folder)


def test_while_somebody_reads_the_export_before_it_is_made_anew(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    before = contents(folder)
    with held(folder) as version:
        store.remove_person(people[0].person_id)
        export(store, folder)
        assert contents(version) == before
        twin = twin_of(folder)
        assert twin is not None
        assert marks(twin) == marks(folder / "images")
    store.remove_person(people[1].person_id)
    export(store, folder)
    check_twin(folder)


def test_in_a_project_of_dvc_there_is_none(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    check_twin(folder)
    (folder.parents[1] / ".dvc").mkdir()
    for change in (lambda: None, lambda: store.add_references(people[0].person_id, references(1), MODEL)):
        change()
        kept = inodes(folder)
        export(store, folder)
        assert twin_of(folder) is None
        assert kept <= inodes(folder)
        assert {path.stat().st_nlink for path in folder.rglob("*.jpg")} == {1}


def test_without_hard_links_there_is_none(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people: list[Person] = fill(store)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        export(store, folder)
        assert twin_of(folder) is None
        check_whole(folder)
        store.add_references(people[0].person_id, references(1), MODEL)
