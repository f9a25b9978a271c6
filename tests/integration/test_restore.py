"""An export put back: into an empty store, after a kill, beside other people, and what is refused before it is written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from attendance.domain.audit import first_broken
from attendance.domain.model import Review
from attendance.errors import ExportError, StoreUnavailableError
from attendance.store.connect import connect
from tests.export_makers import contents, export, fill, restore
from tests.mongo_server import MongoServer, mongo_server
from tests.older_app import old_picture, old_record
from tests.store_makers import MODEL, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.store.base import Store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    with mongo_server(tmp_path_factory.mktemp("mongodb"), standalone=True) as running:
        yield running


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    opened: list[Store] = []

    def make(url: str) -> Store:
        opened.append(connect(url if "://" in url else f"sqlite:///{tmp_path}/{url}.db", timeout_s=10))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a store with something of everything."""
    place = tmp_path_factory.mktemp("source")
    source = connect(f"sqlite:///{place}/source.db", timeout_s=10)
    fill(source)
    one = next(source.attempts())
    source.set_review(one.attempt_id, Review.VOID, actor="me", at_utc=after(99), expected=Review.NONE)
    export(source, place / "export")
    source.close()
    return place / "export"


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of it, as on another machine."""
    return Path(shutil.copytree(exported, tmp_path / "export"))


@pytest.mark.parametrize("engine", ["sqlite", "mongodb"])
def test_an_export_of_what_was_restored_has_the_same_bytes(
    engine: str, server: MongoServer, folder: Path, tmp_path: Path, made: Callable[[str], Store]
) -> None:
    target = made(server.fresh_url() if engine == "mongodb" else "target")
    done = restore(target, folder)
    assert (done.plan.add["people"], done.plan.add["pictures"], done.merged) == (3, 9, False)
    export(target, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)
    assert first_broken(target.audit()) is None
    assert not restore(target, folder).plan.add.total()
    someone = target.find_person("Ada Lovelace")
    assert target.settle(attempt(someone, after(2)), 60).check_in is not None


def test_what_could_not_be_read_leaves_no_trace_in_the_bytes(
    server: MongoServer, tmp_path: Path, made: Callable[[str], Store]
) -> None:
    url = server.fresh_url()
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        old = client.get_default_database()
        old.face_images.insert_many([old_picture("Ada", 0), old_picture("Ada", 1, image_bytes="no picture")])
        old.attendance.insert_many([old_record("Ada", 0), old_record("Ada", 1, timestamp=None)])
    store = made(url)
    for _ in range(2):
        told = export(store, tmp_path / "export")
        assert told.problems.counts == {"face_images": 1, "attendance": 1}
    assert not told.changed
    target = made("target")
    restore(target, tmp_path / "export")
    assert export(target, tmp_path / "again").problems.total == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "export")


def test_a_restore_that_was_cut_off_is_run_again(
    folder: Path, tmp_path: Path, made: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in ("restore_check_ins", "restore_attempts", "restore_kept", "restore_audit"):
        target = made(f"cut-{call}")

        def fail(*_: object) -> None:
            raise StoreUnavailableError("gone", reason="unreachable")

        with monkeypatch.context() as patch:
            patch.setattr(target, call, fail)
            with pytest.raises(StoreUnavailableError):
                restore(target, folder)
        restore(target, folder)
        export(target, tmp_path / call)
        assert contents(tmp_path / call) == contents(folder)


def test_a_store_with_other_data_is_refused_with_what_would_change(folder: Path, made: Callable[[str], Store]) -> None:
    target = made("other")
    target.add_person(person("Somebody Else"), references(2), MODEL)
    with pytest.raises(ExportError, match=r"would get 3 people, 9 pictures.*alone has 1 people, 2 pictures.*--merge"):
        restore(target, folder)
    assert [one.name for one in target.people()] == ["Somebody Else"]
    assert list(target.audit()) == []
    assert restore(target, folder, dry_run=True).plan.add["people"] == 3
    assert target.count_people() == 1


def test_a_merge_keeps_what_is_there_and_leaves_a_trace(folder: Path, made: Callable[[str], Store]) -> None:
    target = made("other")
    mine = target.add_person(person("Somebody Else"), references(2), MODEL)
    target.append_audit("me", "something", {}, after(0))
    done = restore(target, folder, merge=True)
    assert done.merged
    assert max(one.name for one in target.people()) == "Émilie du Châtelet"
    assert target.person(mine.person_id).reference_count == 2
    assert [entry.action for entry in target.audit()] == ["something", "restore"]
    assert first_broken(target.audit()) is None
    restore(target, folder, merge=True)
    assert [entry.action for entry in target.audit()] == ["something", "restore"]


def test_what_was_changed_since_stays_in_a_merge(folder: Path, made: Callable[[str], Store]) -> None:
    target = made("later")
    restore(target, folder)
    someone = target.find_person("Ada Lovelace")
    target.update_person(someone.person_id, group="moved")
    with pytest.raises(ExportError, match="1 people, and would keep"):
        restore(target, folder)
    restore(target, folder, merge=True)
    assert target.person(someone.person_id).group == "moved"


def test_somebody_who_was_removed_comes_back_only_when_that_is_said(folder: Path, made: Callable[[str], Store]) -> None:
    target = made("erased")
    restore(target, folder)
    for someone in target.people():
        target.remove_person(someone.person_id)
    with pytest.raises(ExportError, match="3 people were removed here"):
        restore(target, folder)
    assert target.count_people() == 0
    restore(target, folder, merge=True)
    assert target.count_references() == 9


def test_two_people_of_one_name_are_not_merged(folder: Path, made: Callable[[str], Store]) -> None:
    target = made("namesake")
    target.add_person(person("ADA LOVELACE"), references(1), MODEL)
    with pytest.raises(ExportError, match="has the name of ADA LOVELACE"):
        restore(target, folder, merge=True)
    assert target.count_people() == 1


def rewrite(folder: Path, path: str, content: bytes) -> None:
    """Change a file and let the manifest agree, as somebody who means harm would."""
    (folder / path).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    entries = ",\n".join(
        json.dumps({path: known}, separators=(",", ":"), ensure_ascii=False)[1:-1]
        for path, known in sorted(manifest["files"].items())
    )
    tail = {name: manifest[name] for name in ("format", "identities")}
    text = '{"files":{\n' + entries + "\n}," + json.dumps(tail, separators=(",", ":"))[1:] + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def replaced(folder: Path, path: str, old: bytes, new: bytes) -> None:
    content = (folder / path).read_bytes()
    assert old in content
    rewrite(folder, path, content.replace(old, new, 1))


def renamed_entry(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"].pop("audit.jsonl")
    write_manifest(folder, manifest)


def linked(folder: Path, path: str) -> None:
    (folder / path).rename(folder.parent / "elsewhere")
    (folder / path).symlink_to(folder.parent / "elsewhere")


def piped(folder: Path, path: str) -> None:
    (folder / path).unlink()
    os.mkfifo(folder / path)


PICTURE = "images/Ada Lovelace/Ada Lovelace_0.jpg"
HARM: dict[str, Callable[[Path], object]] = {
    "a changed picture": lambda folder: (folder / PICTURE).write_bytes(b"x" * (folder / PICTURE).stat().st_size),
    "a missing picture": lambda folder: (folder / PICTURE).unlink(),
    "a picture more": lambda folder: (folder / "images/Ada Lovelace/x.jpg").write_bytes(b"x"),
    "a huge picture": lambda folder: os.truncate(folder / PICTURE, 2**40),
    "a link": lambda folder: linked(folder, PICTURE),
    "a link to a folder": lambda folder: linked(folder, "templates"),
    "a pipe": lambda folder: piped(folder, PICTURE),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: os.truncate(folder / "manifest.json", 700),
    "a way out": lambda folder: renamed_entry(folder, "../audit.jsonl"),
    "a way out in the middle": lambda folder: renamed_entry(folder, "images/../../a.jpg"),
    "an absolute path": lambda folder: renamed_entry(folder, "/etc/passwd"),
    "a newer format": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace('"format":1', '"format":2')
    ),
    "a newer schema": lambda folder: replaced(folder, "metadata.json", b'"schema_version":', b'"schema_version":99'),
    "somebody twice": lambda folder: rewrite(folder, "people.jsonl", (folder / "people.jsonl").read_bytes() * 2),
    "half a record": lambda folder: rewrite(folder, "attempts.jsonl", (folder / "attempts.jsonl").read_bytes()[:-9]),
    "a wrong type": lambda folder: replaced(folder, "people.jsonl", b'"group":"crew"', b'"group":["crew"]'),
    "no time": lambda folder: replaced(folder, "attendance.json", b'"timestamp":"2026', b'"timestamp":"soon'),
    "a wrong word": lambda folder: replaced(folder, "attempts.jsonl", b'"decision":"accepted"', b'"decision":"maybe"'),
    "nobody's picture": lambda folder: replaced(folder, "pictures.jsonl", b'"person_id":"', b'"person_id":"x'),
    "another file's picture": lambda folder: replaced(folder, "pictures.jsonl", b"Lovelace_0.jpg", b"Lovelace_1.jpg"),
    "no numbers": lambda folder: replaced(folder, next(iter(templates(folder))), b'"embedding":"', b'"embedding":"!'),
    "deep nesting": lambda folder: rewrite(folder, "settings.json", b"[" * 200_000 + b"\n"),
}


def templates(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in (folder / "templates").iterdir()]


@pytest.mark.parametrize("harm", sorted(HARM))
def test_a_damaged_export_is_refused_before_anything_is_written(
    harm: str, folder: Path, made: Callable[[str], Store]
) -> None:
    HARM[harm](folder)
    target = made("target")
    with pytest.raises(ExportError):
        restore(target, folder, merge=True)
    assert (target.count_people(), target.active_model(), list(target.attempts()), list(target.audit())) == (0, None, [], [])
