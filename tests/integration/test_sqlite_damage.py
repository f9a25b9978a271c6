"""The embedded database when its file is damaged or somebody else's, and what is left in it of a removed picture."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.audit import first_broken
from attendance.domain.model import RecordFilter, Review
from attendance.errors import AttendanceError, CorruptRecordError, PersonNotFoundError, StoreError
from attendance.store.connect import connect
from tests.store_makers import MODEL, NOON, PICTURE, after, attempt, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attendance.store.base import Store


@pytest.mark.parametrize("content", [b"\x00" * 4096, b"SQLite format 3\x00", b"name,time\nAda,12:00\n" * 500])
def test_no_database(path: Path, open_path: Callable[[Path], Store], content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CorruptRecordError) as caught:
        open_path(path)
    assert str(path) in caught.value.record
    assert path.read_bytes() == content


def test_an_empty_file_is_a_new_database(path: Path, open_path: Callable[[Path], Store]) -> None:
    path.parent.mkdir()
    path.touch()
    assert open_path(path).count_people() == 0


def walk(store: Store) -> None:
    """Use everything that a store has."""
    store.info()
    store.count_check_ins()
    store.template_coverage()
    for one in [*store.people(), *store.people(search="a")]:
        store.find_person(one.name)
        for stored in store.references(one.person_id):
            store.picture(stored.reference_id)
            store.picture_owner(str(stored.sha256))
    for model_id in (MODEL, "another"):
        store.gallery_changes(model_id)
        store.references_without_template(model_id)
    for attempted in store.attempts():
        store.attempt_picture(attempted.attempt_id)
    list(store.check_ins())
    which = RecordFilter(review=Review.NONE, person_ids=frozenset(one.person_id for one in store.people()))
    for found in (store.attempt_page(which, limit=9), store.check_in_page(which, limit=9), store.all_kept("session")):
        assert len(found) <= 12
    store.count_attempts(which)
    store.count_check_ins(which)
    store.last_seen(which.person_ids or ())
    first_broken(store.audit())
    ada = store.add_person(person("New"), references(1), MODEL)
    settled = store.settle(attempt(ada), 60.0, PICTURE).attempt
    store.set_review(settled.attempt_id, Review.VOID, actor="a", at_utc=NOON, expected=Review.NONE)
    store.keep("session", "new", {"n": 1})
    store.forget_expired(NOON)
    store.update_person(ada.person_id, name="Newer")
    store.append_audit("a", "b", {}, NOON)
    store.remove_person(ada.person_id)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a database with a little of everything in it."""
    path = tmp_path_factory.mktemp("filled") / "attendance.db"
    store = connect(f"sqlite:///{path}", timeout_s=1)
    for number in range(12):
        one = store.add_person(person(f"Person {number}", external_id=str(number)), references(2), MODEL)
        store.settle(attempt(one, after(number)), 60.0, PICTURE[:5000])
        store.keep("session", str(number), {"n": number}, expires_at=after(number * 10**9))
        store.append_audit("a", "enrol", {"number": number}, NOON)
    store.close()
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(100))
def test_damaged_bytes(path: Path, open_path: Callable[[Path], Store], filled: bytes, seed: int) -> None:
    """Bytes overwritten anywhere, or the end cut off: right answers or one of our errors, no other and no crash."""
    chance = np.random.default_rng(seed)
    content = bytearray(filled)
    start = int(chance.integers(100 if seed % 4 == 0 else len(content)))
    damage = chance.bytes(int(chance.choice([1, 16, 300, 5000])))
    content[start : start + len(damage)] = damage
    if seed % 10 == 9:
        del content[int(chance.integers(len(content))) :]
    path.parent.mkdir()
    path.write_bytes(content)
    with contextlib.suppress(AttendanceError):
        walk(open_path(path))


def test_a_damaged_header_is_told_at_once(path: Path, open_path: Callable[[Path], Store], filled: bytes) -> None:
    content = bytearray(filled)
    content[:16] = b"damaged in here!"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CorruptRecordError):
        open_path(path)


def test_a_damaged_picture_is_never_given_out(path: Path, open_path: Callable[[Path], Store]) -> None:
    store = open_path(path)
    ada = store.add_person(person(), [reference(PICTURE)], MODEL)
    store.close()
    content = path.read_bytes()
    assert content.count(PICTURE[:256] * 4)
    path.write_bytes(content.replace(PICTURE[:256] * 4, b"!" * 1024, 1))
    again = open_path(path)
    with pytest.raises(CorruptRecordError):
        again.picture(again.references(ada.person_id)[0].reference_id)


def all_bytes(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def test_removed_pictures_are_overwritten(path: Path, store: Store) -> None:
    ada = store.add_person(person("Ada"), [reference(b"SECRET PICTURE " * 3000), reference(seed=5)], MODEL)
    template = references(1)[0].embedding.tobytes()
    ben = store.add_person(person("Ben"), [reference(b"ANOTHER PICTURE " * 3000), *references(1)], MODEL)
    assert b"SECRET PICTURE" in all_bytes(path)
    store.remove_person(ada.person_id)
    assert b"SECRET PICTURE" not in all_bytes(path)
    assert b"ANOTHER PICTURE" in all_bytes(path)
    assert template in all_bytes(path)
    for stored in store.references(ben.person_id):
        store.remove_reference(stored.reference_id)
    assert b"ANOTHER PICTURE" not in all_bytes(path)
    assert template not in all_bytes(path)


def test_a_reader_puts_the_overwriting_off(path: Path, store: Store, open_path: Callable[[Path], Store]) -> None:
    ada = store.add_person(person("Ada"), [reference(b"SECRET PICTURE " * 3000)], MODEL)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM people").fetchone()
    store.remove_person(ada.person_id)
    with pytest.raises(PersonNotFoundError):
        store.person(ada.person_id)
    reader.close()
    open_path(path)
    assert b"SECRET PICTURE" not in all_bytes(path)


def test_another_programs_database(path: Path, open_path: Callable[[Path], Store]) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
        other.commit()
    with pytest.raises(StoreError, match="another program"):
        open_path(path)


def test_a_newer_version(path: Path, open_path: Callable[[Path], Store]) -> None:
    open_path(path).close()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '0042'")
        other.commit()
    with pytest.raises(StoreError, match=r"newer version .*schema 42"):
        open_path(path)
