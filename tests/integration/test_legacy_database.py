"""Databases of older apps are opened as they are: their people appear, and nothing of theirs is rewritten or lost."""

from __future__ import annotations

import base64
import hashlib
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pymongo
import pytest
from bson import Binary, ObjectId
from bson.datetime_ms import DatetimeMS

from attendance.domain.model import Outcome
from attendance.errors import CorruptRecordError, DuplicatePictureError, PersonExistsError, PersonNotFoundError
from attendance.services.reembed import ReembedService
from attendance.services.status import Status, template_findings
from attendance.store import mongo_gallery
from tests.fakes import FakeEngine, picture
from tests.mongo_server import opened
from tests.older_app import contents, old_picture, old_record
from tests.store_makers import MODEL, NOON, OTHER_MODEL, attempt, embedding, person, reference, references

if TYPE_CHECKING:
    from pymongo.database import Database

    from attendance.store.base import Store

Document = dict[str, Any]


def test_people_appear_and_can_check_in_and_nothing_is_rewritten(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture(name, index) for name in ("Ada", "Bo Li") for index in range(4)])
    mongo_database["attendance"].insert_many([old_record("Ada", 0), old_record("Bo Li", 5), old_record("Ada", 10)])
    before = contents(mongo_database)
    with opened(mongo_url) as store:
        ada, bo = store.people()
        assert (ada.name, bo.name, ada.reference_count) == ("Ada", "Bo Li", 4)
        assert ada.created_at == datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
        known = store.references(ada.person_id)
        assert [one.image_index for one in known] == [0, 1, 2, 3]
        assert [store.picture(one.reference_id) for one in known] == [f"picture {n} of Ada".encode() for n in range(4)]
        assert {one.size for one in known} == {16}

        everything = store.references_without_template(MODEL)
        assert len(everything) == store.count_references() == 8
        assert store.active_model() is None
        store.put_templates(MODEL, {one.reference_id: embedding(n) for n, one in enumerate(everything)})
        assert store.active_model() == MODEL
        assert store.references_without_template(MODEL) == []
        assert {p.name: len(p.reference_ids) for p in store.gallery_changes(MODEL).changed} == {"Ada": 4, "Bo Li": 4}

        given = attempt(ada)
        assert store.settle(given, 60.0).outcome is Outcome.RECORDED
        records = list(store.check_ins())
        assert [one.matched_identity for one in records] == ["Ada", "Bo Li", "Ada", "Ada"]
        assert [one.person_id for one in records] == [ada.person_id, bo.person_id, ada.person_id, ada.person_id]
        assert (records[0].entered_name, records[0].distance, records[0].attempt_id) == ("ada", 0.42, None)
        assert len(list(store.check_ins(person_id=ada.person_id))) == 3
        assert [one.attempt_id for one in store.check_ins(limit=2)] == [None, given.attempt_id]
        assert store.count_check_ins() == 4
    new = mongo_database["attendance"].find_one({"_id": given.attempt_id})
    assert new is not None
    assert (new["timestamp"], new["entered_name"], new["matched_identity"]) == (NOON, "Ada", "Ada")
    mongo_database["attendance"].delete_one({"_id": given.attempt_id})
    assert contents(mongo_database) == before


def test_the_same_people_after_every_start_and_in_every_process(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture(name) for name in ("Ada", "Bo")])
    with opened(mongo_url) as first, opened(mongo_url) as second:
        assert first.people() == second.people()
        with opened(mongo_url) as third:
            assert third.people() == first.people()


def test_two_spellings_of_one_name_are_one_person(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many(
        [old_picture("Ada", 0), old_picture("ada ", 1), old_picture("\uff21\uff24\uff21", 2)]
    )
    mongo_database["attendance"].insert_many([old_record("ada ", 0)])
    with opened(mongo_url) as store:
        (ada,) = store.people()
        assert ada.reference_count == len(store.references(ada.person_id)) == 3
        assert len(list(store.check_ins(person_id=ada.person_id))) == 1


def test_names_are_data_and_nothing_else(mongo_url: str, mongo_database: Database[Document]) -> None:
    names = ["$where", "a.b.c", "../../etc/passwd", "{'$gt': ''}", "Ada\nBo", "\u202eevil", "x" * 5000, ".*", "Zoë"]
    mongo_database["face_images"].insert_many([old_picture(name) for name in names])
    with opened(mongo_url) as store:
        assert {one.name for one in store.people()} == set(names)
        assert [one.name for one in store.people(search=".*")] == [".*"]
        for name in names:
            assert store.find_person(name).name == name
        store.remove_person(store.find_person("$where").person_id)
        assert store.count_people() == len(names) - 1
        assert store.count_references() == len(names) - 1


def test_odd_documents_hide_nobody(mongo_url: str, mongo_database: Database[Document]) -> None:
    good = old_picture("Ada", 0)
    odd: list[Document] = [
        old_picture("Ada", 1, image_bytes=base64.b64encode(b"a picture as text").decode()),
        old_picture("Ada", 2, image_bytes="no base64 at all!"),
        old_picture("Ada", 3, created_at="2024-05-06T07:08:09", size="many"),
        old_picture("Ada", 4, created_at=DatetimeMS(2**50), size=None),
        {"name": "Ada", "image_bytes": b"index missing"},
        {"name": "Ada", "image_index": 6},
        {"image_bytes": b"no name"},
        old_picture(None),
        old_picture(7),
        old_picture(["Ada"]),
        old_picture({"$gt": ""}),
        old_picture("   "),
        old_picture("Nobody", image_bytes=None),
        old_picture("Number", _id=17),
        old_picture("Text", _id="chosen/by.the$app"),
        old_picture("Bytes", _id=Binary(uuid.uuid4().bytes, 4)),
        old_picture("Compound", _id={"a": 1, "b": "c"}),
        {},
    ]
    # A server that checks dates refuses some of these; each alone, so that the rest is there.
    for document in [good, *odd]:
        try:
            mongo_database["face_images"].insert_one(document)
        except pymongo.errors.PyMongoError:
            assert isinstance(document.get("created_at"), DatetimeMS)
    before = contents(mongo_database)
    with opened(mongo_url) as store:
        assert [one.name for one in store.people()] == ["Ada", "Bytes", "Compound", "Number", "Text"]
        known = store.references(store.find_person("Ada").person_id)
        assert store.find_person("Ada").reference_count == len(known) in {6, 7}
        pictures = {}
        for one in known:
            with suppress(CorruptRecordError):  # of the one that is asked for, and of no other
                pictures[one.image_index, one.size] = store.picture(one.reference_id)
        assert b"a picture as text" in pictures.values()
        assert b"index missing" in pictures.values()
        assert len(pictures) == len(known) - 2  # one is no base64, one has no bytes
        assert all(size > 0 for _, size in pictures)
        for name in ("Number", "Text", "Bytes", "Compound"):
            (one,) = store.references(store.find_person(name).person_id)
            assert store.picture(one.reference_id) == f"picture 0 of {name}".encode()
        todo = store.references_without_template(MODEL)
        assert [one.reference_id for one in todo] == sorted(one.reference_id for one in todo)
        assert len(todo) == store.count_references() == len(known) + 4
        readable = [one for one in todo if has_picture(store, one.reference_id)]
        assert len(readable) == len(todo) - 2
        store.put_templates(MODEL, {one.reference_id: embedding(n) for n, one in enumerate(readable)})
        left = store.references_without_template(MODEL)
        assert [one.reference_id for one in left] == [one.reference_id for one in todo if one not in readable]
        store.put_templates(MODEL, {one.reference_id: "unreadable_picture" for one in left})
        assert store.references_without_template(MODEL) == []
        coverage = store.template_coverage()
        assert [(one.references, one.templates, one.failed) for one in coverage] == [(len(todo), len(readable), 2)]
    assert contents(mongo_database) == before


def has_picture(store: Store, reference_id: str) -> bool:
    with suppress(CorruptRecordError):
        return bool(store.picture(reference_id))
    return False


def test_what_holds_no_picture_is_tried_once_and_then_the_doctor_asks_for_nothing_more(
    mongo_url: str, mongo_database: Database[Document]
) -> None:
    good = old_picture("Ada", image_bytes=picture(0))
    mongo_database["face_images"].insert_many([good, old_picture("Ada", 1, image_bytes="no base64!"), {"name": "Ada"}])
    before = contents(mongo_database)
    with opened(mongo_url) as store:
        first = ReembedService(store, FakeEngine()).prepare_new()
        assert (first.total, first.done, [one.reason for one in first.failed]) == (3, 1, ["unreadable_picture"] * 2)
        again = ReembedService(store, FakeEngine()).run()
        assert (again.total, again.done, again.failed, again.complete) == (0, 0, [], True)
        (finding,) = template_findings(store)
        assert (finding.status, finding.message) == (Status.OK, "1 of 3 pictures have a template; 2 cannot have one.")
    assert contents(mongo_database) == before


def test_pages_of_references_of_every_kind_of_id(mongo_url: str, mongo_database: Database[Document]) -> None:
    ids = (
        [ObjectId() for _ in range(20)]
        + [f"own-{n}" for n in range(5)]
        + list(range(5))
        + [uuid.uuid4().hex for _ in range(5)]
    )
    mongo_database["face_images"].insert_many([old_picture(f"Person {n % 7}", n, _id=key) for n, key in enumerate(ids)])
    with opened(mongo_url) as store:
        store.add_person(person("Ours"), references(5), OTHER_MODEL)
        found: list[str] = []
        while page := store.references_without_template(MODEL, limit=4, after=found[-1] if found else None):
            found += [one.reference_id for one in page]
        assert len(found) == 40
        assert found == sorted(found)
        assert {str(key) for key in ids} <= set(found)


def test_a_renamed_person_keeps_old_pictures_and_records(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture("Ada", index) for index in range(2)])
    mongo_database["attendance"].insert_one(old_record("Ada", 0))
    before = contents(mongo_database)
    with opened(mongo_url) as store:
        ada = store.find_person("Ada")
        renamed = store.update_person(ada.person_id, name="Ada Lovelace")
        assert (renamed.person_id, renamed.reference_count) == (ada.person_id, 2)
        (record,) = store.check_ins(person_id=ada.person_id)
        assert (record.matched_identity, record.person_id) == ("Ada", ada.person_id)
    with opened(mongo_url) as store:
        assert [one.name for one in store.people()] == ["Ada Lovelace"]
    assert contents(mongo_database) == before


def test_more_pictures_by_us_carry_the_old_fields_too(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture("Ada", index) for index in range(3)])
    with opened(mongo_url) as store:
        ada = store.find_person("Ada")
        new = reference("a new picture")
        (added,) = store.add_references(ada.person_id, [new], MODEL)
        assert added.image_index == 3
        assert [one.image_index for one in store.references(ada.person_id)] == [0, 1, 2, 3]
        assert store.person(ada.person_id).reference_count == 4
        with pytest.raises(PersonExistsError):
            store.add_person(person("ada"), references(1), MODEL)
    document = mongo_database["face_images"].find_one({"_id": added.reference_id})
    assert document is not None
    assert {"name", "image_index", "image_bytes", "created_at", "size"} <= document.keys()
    assert (document["name"], document["image_bytes"], document["size"]) == ("Ada", new.picture, len(new.picture))


def test_the_digest_of_an_old_picture_is_known_once_it_was_tried(mongo_url: str, mongo_database: Database[Document]) -> None:
    document = old_picture("Ada")
    mongo_database["face_images"].insert_one(document)
    digest = hashlib.sha256(document["image_bytes"]).hexdigest()
    with opened(mongo_url) as store:
        ada = store.find_person("Ada")
        store.put_templates(MODEL, {str(document["_id"]): "no face"})
        assert store.active_model() is None  # nothing that could decide
        assert store.picture_owner(digest) == ada
        assert [one.sha256 for one in store.references(ada.person_id)] == [digest]
        with pytest.raises(DuplicatePictureError):
            store.add_person(person("Bo"), [reference(document["image_bytes"])], MODEL)
        assert store.template_coverage()[0].failed == 1


def test_removing_takes_old_pictures_along_and_the_records_stay(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture(name, index) for name in ("Ada", "Bo") for index in range(2)])
    mongo_database["attendance"].insert_one(old_record("Ada", 0))
    with opened(mongo_url) as store:
        ada = store.find_person("Ada")
        everything = store.references_without_template(MODEL)
        store.put_templates(MODEL, {one.reference_id: embedding() for one in everything})
        cursor = store.gallery_changes(MODEL).cursor
        (gone, _) = store.references(ada.person_id)
        store.remove_reference(gone.reference_id)
        with pytest.raises(PersonNotFoundError):
            store.picture(gone.reference_id)
        assert store.person(ada.person_id).reference_count == 1
        store.remove_person(ada.person_id)
        assert store.gallery_changes(MODEL, cursor).removed == (ada.person_id,)
        assert [one.name for one in store.people()] == ["Bo"]
        assert [one.matched_identity for one in store.check_ins()] == ["Ada"]
    assert {one["name"] for one in mongo_database["face_images"].find()} == {"Bo"}
    with opened(mongo_url) as store:  # nobody comes back at the next start
        assert [one.name for one in store.people()] == ["Bo"]
        mongo_database["face_images"].insert_one(old_picture("Ada"))  # but the older app may enrol the name anew
    with opened(mongo_url) as store:
        assert store.find_person("Ada").person_id != ada.person_id


def test_an_old_app_that_writes_and_deletes_while_we_run(
    mongo_url: str, mongo_database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    mongo_database["face_images"].insert_many([old_picture("Ada", index) for index in range(2)])
    with opened(mongo_url) as store:
        todo = store.references_without_template(MODEL)
        store.put_templates(MODEL, {one.reference_id: embedding() for one in todo})
        cursor = store.gallery_changes(MODEL).cursor
        monkeypatch.setattr(mongo_gallery, "COMPARE_S", 0.0)  # look now rather than in a minute
        mongo_database["face_images"].insert_one(old_picture("Bo"))
        changes = store.gallery_changes(MODEL, cursor)
        assert [one.name for one in changes.changed] == ["Bo"]
        (new,) = store.references_without_template(MODEL)
        store.put_templates(MODEL, {new.reference_id: embedding(1)})
        mongo_database["face_images"].delete_one({"_id": ObjectId(todo[0].reference_id)})
        changes = store.gallery_changes(MODEL, changes.cursor)
        assert {one.name: one.reference_ids for one in changes.changed} == {
            "Ada": (todo[1].reference_id,),
            "Bo": (new.reference_id,),
        }
