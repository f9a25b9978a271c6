"""Somebody who opens an export's files one after another, while another export takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.errors import ExportError
from attendance.export.hold import held
from attendance.export.validation import validate
from tests.export_makers import check_whole, contents, export, fill
from tests.store_makers import MODEL, references

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.store.base import Store


def pictures_outside(folder: Path) -> list[Path]:
    """Those that the export does not hold, under whatever name."""
    inside = {path.stat().st_ino for path in folder.rglob("*.jpg")}
    return [path for path in folder.parent.rglob("*.jpg") if path.stat().st_ino not in inside]


def test_a_held_version_stays_whole_until_it_is_let_go(store: Store, tmp_path: Path) -> None:
    people, folder = fill(store), tmp_path / "export"
    export(store, folder)
    before = contents(folder)
    with held(folder) as version:
        for someone in people[:2]:
            store.remove_person(someone.person_id)
            assert export(store, folder).people.removed == 1
            check_whole(folder)
            assert contents(version) == before
        assert pictures_outside(folder) != []
        with held(folder) as newer:
            assert contents(newer) == contents(folder)
    assert not export(store, folder).changed
    assert pictures_outside(folder) == []
    assert {path.name.partition("-")[0] for path in (tmp_path / ".export.work").iterdir()} == {"lock", "index", "images"}


def test_two_hold_one_version(store: Store, tmp_path: Path) -> None:
    people, folder = fill(store), tmp_path / "export"
    export(store, folder)
    before = contents(folder)
    with held(folder) as first:
        with held(folder) as second:
            store.remove_person(people[0].person_id)
            export(store, folder)
            assert contents(second) == before
        export(store, folder, verify=True)  # the first still holds it
        assert contents(first) == before


def test_a_validation_finds_one_version_whatever_is_exported_meanwhile(store: Store, tmp_path: Path) -> None:
    people, folder = fill(store), tmp_path / "export"
    export(store, folder)
    seen: list[bytes] = []

    def faces(picture: bytes) -> int:
        if not seen:
            store.remove_person(people[2].person_id)
            store.add_references(people[0].person_id, references(2), MODEL)
            assert export(store, folder).changed
        seen.append(picture)
        return 1

    with held(folder) as version:
        found = validate(version, faces)
    assert (found.whole, found.pictures, sum(found.counts.values())) == (True, 9, 0)
    with held(folder) as version:
        assert validate(version, faces).pictures == 8


def test_what_is_wrong_is_told_with_the_folder_that_was_given(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="missing"), held(tmp_path / "missing"):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match=f"^{tmp_path}/empty is no export"), held(tmp_path / "empty") as version:
        validate(version, len)
