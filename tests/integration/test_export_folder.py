"""What an export leaves in its folder, on a real database file: what is written again, what goes, and what is refused."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import PersonStatus
from attendance.errors import ExportError
from attendance.export.layout import Part
from tests.export_makers import check_whole, contents, export, fill, lines, marks
from tests.store_makers import MODEL, after, attempt, person, reference, references

if TYPE_CHECKING:
    from attendance.store.base import Store

ROOT = Path(__file__).resolve().parents[2]
SECRETS = (b"secret-session-token", b"secret-csrf-token", b"secret-password-hash")


@pytest.fixture
def folder(path: Path) -> Path:
    return path.parent / "mongodb_export"


def door(url: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "export_mongodb_for_dvc.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "ATTEND_STORE_URL": url})


def test_the_folder_holds_what_existing_users_know(store: Store, folder: Path) -> None:
    fill(store)
    summary = export(store, folder)
    assert (summary.people.added, summary.pictures.added, summary.problems.total) == (3, 9, 0)
    pictures = sorted(path.relative_to(folder).as_posix() for path in folder.glob("images/*/*"))
    assert pictures[:3] == [f"images/Ada Lovelace/Ada Lovelace_{number}.jpg" for number in range(3)]
    records = lines(folder, "attendance.json")
    assert [record["matched_identity"] for record in records] == ["Ada Lovelace", "Grace Hopper", "Émilie du Châtelet"]
    assert records == sorted(records, key=lambda record: record["timestamp"])
    assert all({"timestamp", "entered_name", "matched_identity", "distance"} <= record.keys() for record in records)
    check_whole(folder)
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["counts"] == {"people": 3, "pictures": 9, "attendance": 3, "attempts": 7, "audit": 2}
    owner = store.find_person("Ada Lovelace").person_id
    for known in store.references(owner):
        path = folder / f"images/Ada Lovelace/Ada Lovelace_{known.image_index}.jpg"
        assert path.read_bytes() == store.picture(known.reference_id)


def test_nothing_secret_and_nothing_of_this_machine_leaves(store: Store, folder: Path, tmp_path: Path) -> None:
    fill(store)
    export(store, folder)
    whole = b"".join(content for path, content in contents(folder).items() if not path.startswith("images/"))
    for secret in (*SECRETS, str(tmp_path).encode(), b"sqlite", b"mongodb://"):
        assert secret not in whole
    known = {"format", "schema_version", "parts", "counts", "models", "digests"}
    assert json.loads((folder / "metadata.json").read_text()).keys() == known
    assert {oct(path.stat().st_mode & 0o077) for path in (folder, *folder.rglob("*"))} == {"0o0"}


def test_what_did_not_change_is_the_same_file(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    before, inode = marks(folder), folder.stat().st_ino
    summary = export(store, folder)
    assert (summary.changed, summary.files_written, folder.stat().st_ino) == (False, 0, inode)
    assert marks(folder) == before
    store.add_references(people[0].person_id, references(1), MODEL)
    summary = export(store, folder)
    assert (summary.pictures.added, summary.pictures.changed, summary.people.changed) == (1, 0, 0)
    after_it = marks(folder)
    changed = {path for path in after_it if after_it[path] != before.get(path)}
    assert "images/Ada Lovelace/Ada Lovelace_3.jpg" in changed
    assert not {"attendance.json", "attempts.jsonl", "people.jsonl", "audit.jsonl"} & changed
    assert sum(path.startswith("images/") for path in changed) == 1


def test_what_was_removed_is_gone(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    store.remove_person(people[1].person_id)
    store.remove_reference(store.references(people[0].person_id)[0].reference_id)
    summary = export(store, folder)
    assert (summary.people.removed, summary.pictures.removed) == (1, 4)
    assert not (folder / "images/Grace Hopper").exists()
    assert not (folder / "images/Ada Lovelace/Ada Lovelace_0.jpg").exists()
    kept = {path.stat().st_ino for path in folder.glob("images/*/*")}
    assert {path.stat().st_ino for path in folder.parent.rglob("*.jpg")} == kept  # second names of these, and nothing else
    check_whole(folder)


def test_somebody_with_a_new_name_has_a_new_folder(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder)
    store.update_person(people[0].person_id, name="Ada King", status=PersonStatus.INACTIVE)
    summary = export(store, folder)
    assert (summary.people.changed, summary.pictures.added, summary.pictures.removed) == (1, 3, 3)
    assert min(path.name for path in (folder / "images").iterdir()) == "Ada King"
    check_whole(folder)


def test_an_export_with_an_index_is_the_same_as_one_without(store: Store, folder: Path, tmp_path: Path) -> None:
    people = fill(store)
    export(store, folder)
    store.add_person(person("Katherine Johnson"), references(2), MODEL)
    store.remove_person(people[0].person_id)
    store.put_templates("other/model", {store.references(people[1].person_id)[1].reference_id: "no face"})
    store.settle(attempt(people[2], after(500)), 60)
    export(store, folder)
    export(store, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")
    assert not export(store, folder).changed


@pytest.mark.parametrize(
    "harm", [b"\0", b"\xff", b'["a"]', b"[1,2,3,4,5]", b"{}"], ids=["zeros", "bytes", "short", "odd", "empty"]
)
def test_a_damaged_index_is_as_good_as_none(store: Store, folder: Path, tmp_path: Path, harm: bytes) -> None:
    people = fill(store)
    export(store, folder)
    whole = contents(folder)
    [index] = folder.with_name(f".{folder.name}.work").glob("index-*")
    rows = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join([rows[0], harm.ljust(len(rows[1]) - 1) + b"\n", *rows[2:]]))
    export(store, folder)
    assert contents(folder) == whole
    assert not export(store, folder).changed
    rows = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join([harm.ljust(len(rows[0]) - 1) + b"\n", *rows[1:]]))
    store.add_references(people[2].person_id, references(2), MODEL)
    assert export(store, folder).pictures.added == 2
    export(store, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")


def test_a_dry_run_tells_and_changes_nothing(store: Store, folder: Path) -> None:
    people = fill(store)
    assert export(store, folder, dry_run=True).pictures.added == 9
    assert not folder.exists()
    export(store, folder)
    before = marks(folder)
    assert not export(store, folder, dry_run=True, verify=True).changed
    store.remove_person(people[0].person_id)
    summary = export(store, folder, dry_run=True)
    assert (summary.changed, summary.people.removed, summary.pictures.removed) == (True, 1, 3)
    assert marks(folder) == before


@pytest.mark.parametrize("harm", ["change", "delete", "truncate", "link", "stranger"])
def test_what_was_done_to_the_files_is_put_right(store: Store, folder: Path, harm: str) -> None:
    fill(store)
    export(store, folder)
    whole = contents(folder)
    victim = folder / "images/Grace Hopper/Grace Hopper_1.jpg"
    match harm:
        case "change":
            victim.write_bytes(b"x" * victim.stat().st_size)
        case "delete":
            victim.unlink()
        case "truncate":
            os.truncate(victim, 5)
        case "link":
            copy = folder.parent / "elsewhere.jpg"
            victim.rename(copy)
            victim.symlink_to(copy)
        case _:
            victim.with_name("stranger.jpg").write_bytes(b"?")
    assert export(store, folder).changed
    assert contents(folder) == whole
    check_whole(folder)


def test_verify_finds_what_times_and_sizes_do_not_show(store: Store, folder: Path) -> None:
    fill(store)
    export(store, folder)
    whole = contents(folder)
    victim = folder / "images/Grace Hopper/Grace Hopper_1.jpg"
    status = victim.stat()
    victim.write_bytes(b"x" * status.st_size)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not export(store, folder).changed
    found = export(store, folder, verify=True, dry_run=True)
    assert found.repaired == ["images/Grace Hopper/Grace Hopper_1.jpg"]
    assert export(store, folder, verify=True).changed
    assert contents(folder) == whole
    assert not export(store, folder, verify=True).changed


def test_a_broken_record_is_told_each_time_and_hides_no_other(store: Store, path: Path, url: str, folder: Path) -> None:
    people = fill(store)
    bad = store.references(people[0].person_id)[1].reference_id
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE face_images SET image_bytes = x'00' WHERE reference_id = ?", (bad,))
        file.execute("UPDATE attempts SET parameters = '{' WHERE person_id = ?", (people[1].person_id,))
        file.execute("UPDATE audit SET details = 'x' WHERE sequence = 2")
    for _ in range(2):
        done = door(url, "--export-all", "--output-dir", folder, "--json")
        told = json.loads(done.stdout)
        assert done.returncode == 1
        assert told["left_out"]["total"] == 4
        assert {one["record"].partition("/")[0] for one in told["left_out"]["first"]} == {"face_images", "attempts", "audit"}
        assert f"face_images/{bad}" in {one["record"] for one in told["left_out"]["first"]}
        assert told["counts"]["pictures"] == 8
    check_whole(folder)


def test_one_part_leaves_the_others_as_they_are(store: Store, folder: Path) -> None:
    people = fill(store)
    export(store, folder, parts=frozenset({Part.ATTENDANCE}))
    assert sorted(contents(folder)) == ["attempts.jsonl", "attendance.json", "manifest.json", "metadata.json"]
    export(store, folder, parts=frozenset({Part.IMAGES}))
    before = contents(folder)
    store.settle(attempt(people[0], after(1000)), 60)
    store.remove_person(people[1].person_id)
    export(store, folder, parts=frozenset({Part.ATTENDANCE}))
    changed = {path for path, content in contents(folder).items() if before[path] != content}
    assert changed == {"attendance.json", "attempts.jsonl", "manifest.json", "metadata.json"}
    assert (folder / "images/Grace Hopper").is_dir()
    check_whole(folder)
    export(store, folder)
    assert not (folder / "images/Grace Hopper").exists()


def test_a_folder_that_holds_something_else_is_not_taken(store: Store, folder: Path) -> None:
    fill(store)
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"thesis\.tex"):
        export(store, folder)
    assert contents(folder) == {"thesis.tex": b"years of work"}


def test_the_export_of_an_older_app_is_replaced(store: Store, folder: Path) -> None:
    fill(store)
    (folder / "images/Bob").mkdir(parents=True)
    (folder / "images/Bob/Bob_0.jpg").write_bytes(b"old")
    (folder / "attendance.json").write_text("[]")
    (folder / "metadata.json").write_text("{}")
    assert export(store, folder).changed
    assert not (folder / "images/Bob").exists()
    check_whole(folder)


def test_a_picture_of_another_type_keeps_its_name_and_the_manifest_says_its_type(store: Store, folder: Path) -> None:
    store.add_person(person("Ada"), [reference(b"\x89PNG\r\n\x1a\n" + b"0" * 50)], MODEL)
    export(store, folder)
    [known] = lines(folder, "pictures.jsonl")
    assert (known["file"], known["media_type"]) == ("images/Ada/Ada_0.jpg", "image/png")
