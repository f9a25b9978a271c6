"""Taking everything out of a store and putting it back, on every engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from attendance.domain.audit import first_broken
from attendance.domain.model import CheckIn, Outcome, Review
from attendance.errors import PersonExistsError
from attendance.store.archive import Broken, RestoredPerson, Snapshot, StoredPicture, StoredTemplate
from tests.export_makers import fill
from tests.store_makers import MODEL, NOON, OTHER_MODEL, after, attempt, embedding, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store

OLD = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def everything(snapshot: Snapshot) -> dict[str, Any]:
    """All records of a store in an order of their own, with values that can be compared."""
    people = [found.person for found in snapshot.people() if not isinstance(found, Broken)]
    ids = [one.person_id for one in people]
    pictures = [one for one in snapshot.pictures(ids) if not isinstance(one, Broken)]
    templates = [one for one in snapshot.templates(ids) if not isinstance(one, Broken)]
    names = ("reference_id", "person_id", "image_index", "size", "sha256", "created_at", "quality", "picture")
    return {
        "people": [(one.person_id, one.name, one.external_id, one.group, one.status, one.created_at) for one in people],
        "pictures": sorted(tuple(str(getattr(one, name)) for name in names) for one in pictures),
        "templates": sorted((one.model_id, one.reference_id, one.embedding or b"", str(one.failure)) for one in templates),
        "check_ins": sorted(snapshot.check_ins(), key=str),
        "attempts": sorted(snapshot.attempts(), key=str),
        "audit": list(snapshot.audit()),
        "kept": snapshot.kept("settings"),
        "active": snapshot.active_model(),
    }


def put_back(into: Store, out_of: Store) -> None:
    with out_of.snapshot() as snapshot:
        for found in snapshot.people():
            assert not isinstance(found, Broken)
            ids = [found.person.person_id]
            pictures = [one for one in snapshot.pictures(ids) if not isinstance(one, Broken)]
            templates = [one for one in snapshot.templates(ids) if not isinstance(one, Broken)]
            into.restore_people([RestoredPerson(found.person, pictures, templates)])
        into.restore_check_ins([(one, 1) for one in snapshot.check_ins() if not isinstance(one, Broken)])
        into.restore_attempts([one for one in snapshot.attempts() if not isinstance(one, Broken)])
        into.restore_audit([one for one in snapshot.audit() if not isinstance(one, Broken)])
        into.restore_kept(snapshot.kept("settings"))
        active = snapshot.active_model()
        assert active is not None
        into.activate_model(active)


def picture(person_id: str, content: bytes, index: int, **fields: Any) -> StoredPicture:
    new = reference(content)
    values: dict[str, Any] = {
        "reference_id": f"{index:032x}",
        "person_id": person_id,
        "image_index": index,
        "size": len(content),
        "sha256": new.sha256,
        "created_at": NOON,
        "quality": None,
        "older": False,
        "picture": content,
    }
    return StoredPicture(**{**values, **fields})


def test_what_is_put_back_is_what_was_taken_out(store: Store, tmp_path: Any) -> None:
    from attendance.store.connect import connect

    source = connect(f"sqlite:///{tmp_path}/source.db", timeout_s=10)
    people = fill(source)
    wanted = next(one for one in source.attempts() if one.outcome is Outcome.RECORDED)
    source.set_review(wanted.attempt_id, Review.DISPUTED, actor="kiosk", at_utc=after(20), expected=Review.NONE)
    source.put_templates(OTHER_MODEL, {source.references(people[0].person_id)[0].reference_id: "no face"})
    for _ in range(2):  # once more changes nothing
        put_back(store, source)
        with source.snapshot() as one, store.snapshot() as other:
            assert everything(other) == everything(one)
    assert first_broken(store.audit()) is None
    assert store.settle(wanted, 60).replayed
    changes = store.gallery_changes(MODEL)
    assert changes.active_model == MODEL
    assert {one.person_id: len(one.embeddings) for one in changes.changed} == {one.person_id: 3 for one in people}
    source.close()


def test_everybody_comes_by_id_with_a_state_that_changes_with_them(store: Store) -> None:
    people = fill(store)
    with store.snapshot() as snapshot:
        before = dict(snapshot.states())
        listed = [found for found in snapshot.people() if not isinstance(found, Broken)]
    assert list(before) == sorted(one.person_id for one in people)
    assert {found.person.person_id: found.state for found in listed} == before
    first, second, third = people
    added = store.add_references(first.person_id, references(1), MODEL)
    store.put_templates(OTHER_MODEL, {store.references(second.person_id)[0].reference_id: embedding(9)})
    with store.snapshot() as snapshot:
        now = dict(snapshot.states())
    assert now[first.person_id] != before[first.person_id]
    assert now[second.person_id] != before[second.person_id]
    assert now[third.person_id] == before[third.person_id]
    store.remove_reference(added[0].reference_id)
    with store.snapshot() as snapshot:
        assert dict(snapshot.states())[first.person_id] not in {now[first.person_id], before[first.person_id]}


def test_known_pictures_come_without_their_bytes(store: Store) -> None:
    someone = fill(store)[0]
    known = {store.references(someone.person_id)[0].reference_id}
    with store.snapshot() as snapshot:
        found = [one for one in snapshot.pictures([someone.person_id], known) if not isinstance(one, Broken)]
    assert {one.reference_id for one in found if one.picture is None} == known
    assert len(found) == 3


def test_copies_of_one_picture_and_times_that_nobody_knows_are_kept(store: Store) -> None:
    someone = person("Old Hand", created_at=None)
    twice = [picture(someone.person_id, b"the same", index, created_at=None) for index in (0, 1)]
    store.restore_people([RestoredPerson(someone, twice)])
    store.restore_people([RestoredPerson(someone, twice)])
    assert store.person(someone.person_id).created_at is None
    found = store.references(someone.person_id)
    assert [(one.image_index, one.sha256, one.created_at) for one in found] == [(n, twice[0].sha256, None) for n in (0, 1)]
    assert [store.picture(one.reference_id) for one in found] == [b"the same", b"the same"]
    with store.snapshot() as snapshot:
        again = [one for one in snapshot.pictures([someone.person_id]) if not isinstance(one, Broken)]
    assert {one.sha256 for one in again} == {twice[0].sha256}


def test_pictures_are_added_to_somebody_who_is_there(store: Store) -> None:
    someone = store.add_person(person(), references(2), MODEL)
    more = picture(someone.person_id, b"one more", 1)  # whose index is taken
    made = StoredTemplate(MODEL, someone.person_id, more.reference_id, embedding(5).tobytes(), None)
    store.restore_people([RestoredPerson(someone, [more], [made])])
    assert [one.image_index for one in store.references(someone.person_id)] == [0, 1, 2]
    [known] = store.gallery_changes(MODEL).changed
    assert any(np.array_equal(row, embedding(5)) for row in known.embeddings)
    assert [one.image_index for one in store.add_references(someone.person_id, references(1), MODEL)] == [3]


def test_a_name_that_somebody_else_has_is_refused(store: Store) -> None:
    store.add_person(person("Ada"), references(1), MODEL)
    with pytest.raises(PersonExistsError):
        store.restore_people([RestoredPerson(person("ADA"), [])])
    assert [one.name for one in store.people()] == ["Ada"]


def test_somebody_who_was_removed_is_there_again(store: Store, open_store: Callable[[], Store]) -> None:
    someone = store.add_person(person(), references(1), MODEL)
    with store.snapshot() as snapshot:
        pictures = [one for one in snapshot.pictures([someone.person_id]) if not isinstance(one, Broken)]
        templates = [one for one in snapshot.templates([someone.person_id]) if not isinstance(one, Broken)]
    store.remove_person(someone.person_id)
    cursor = store.gallery_changes(MODEL).cursor
    with store.snapshot() as snapshot:
        assert snapshot.removed([someone.person_id, "nobody"]) == {someone.person_id}
    store.restore_people([RestoredPerson(someone, pictures, templates)])
    other = open_store()
    assert [one.reference_id for one in other.references(someone.person_id)] == [pictures[0].reference_id]
    assert [one.person_id for one in other.gallery_changes(MODEL, cursor).changed] == [someone.person_id]
    with other.snapshot() as snapshot:
        assert snapshot.removed([someone.person_id]) == set()


def test_older_records_are_put_back_as_often_as_they_were(
    store: Store, add_older_record: Callable[[str, datetime], None]
) -> None:
    record = CheckIn(OLD, "ada", "Ada", 0.42)
    add_older_record("Ada", OLD)
    store.restore_check_ins([(record, 3)])
    store.restore_check_ins([(record, 3)])
    with store.snapshot() as snapshot:
        assert list(snapshot.check_ins()) == [record] * 3


def test_an_attempt_that_is_there_stays_as_it_is(store: Store) -> None:
    done = store.settle(attempt(None), 60).attempt
    with store.snapshot() as snapshot:
        [stored] = [one for one in snapshot.attempts() if not isinstance(one, Broken)]
    store.set_review(done.attempt_id, Review.UPHELD, actor="me", at_utc=after(3), expected=Review.NONE)
    store.restore_attempts([stored])
    assert [one.review for one in store.attempts()] == [Review.UPHELD]
