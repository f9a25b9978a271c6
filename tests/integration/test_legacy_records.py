"""Attendance records of older apps, and attempts of version 1: listed, filtered and counted as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pymongo
import pytest
from bson.datetime_ms import DatetimeMS

from attendance.domain.model import Decision, Outcome, Reason, RecordFilter, Review
from attendance.errors import ConflictError
from attendance.store.base import SCHEMA_VERSION
from tests.mongo_server import opened
from tests.older_app import contents, old_picture, old_record
from tests.store_makers import MODEL, NOON, after, attempt, person, references

if TYPE_CHECKING:
    from pymongo.database import Database

    from attendance.store.mongo import MongoStore

Document = dict[str, Any]

ALL = RecordFilter()


def all_pages(store: MongoStore, which: RecordFilter, size: int) -> list[datetime]:
    """The moments of all records that fit, a page after the other, until one is empty."""
    found: list[datetime] = []
    while page := store.check_in_page(which, limit=size, offset=len(found)):
        found += [record.timestamp for record, _ in page]
    assert store.count_check_ins(which) == len(found)
    return found


def test_odd_attendance_hides_nothing(mongo_url: str, mongo_database: Database[Document]) -> None:
    records: list[Document] = [
        old_record("Ada", 0),
        old_record("Ada", 1, timestamp="2025-01-26T12:30:00"),
        old_record("Ada", 2, timestamp="2025-01-26T13:00:00+01:00"),
        old_record("Ada", 3, timestamp="yesterday"),
        old_record("Ada", 4, timestamp=None),
        old_record("Ada", 5, distance="0.5", entered_name=None),
        old_record("Ada", 6, distance=None),
        {"timestamp": NOON - timedelta(days=300)},
        {},
    ]
    mongo_database["attendance"].insert_many(records)
    before = contents(mongo_database)
    with opened(mongo_url) as store:
        found = list(store.check_ins())
        assert [one.timestamp for one in found] == sorted(one.timestamp for one in found)
        assert len(found) == 6
        assert datetime(2025, 1, 26, 12, 0, tzinfo=UTC) in {one.timestamp for one in found}
        assert found[-1].matched_identity == ""
        since = datetime(2025, 1, 26, 12, 15, tzinfo=UTC)
        assert [one.timestamp for one in store.check_ins(since=since, until=since + timedelta(hours=1))] == [
            datetime(2025, 1, 26, 12, 30, tzinfo=UTC)
        ]
        assert list(store.check_ins(limit=3)) == found[-3:]
        assert all(one.person_id is None for one in found)
        assert [one.distance for one in found].count(None) == 2
    assert contents(mongo_database) == before


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pages_with_times_that_are_texts_among_them(mongo_url: str, mongo_database: Database[Document], size: int) -> None:
    texts = {
        minutes: (NOON - timedelta(days=400) + timedelta(minutes=minutes)).isoformat() for minutes in (3, 4, 11, 19, 40)
    }
    records = [old_record("Ada", minutes) for minutes in range(20) if minutes not in texts]
    records += [old_record("Ada", minutes, timestamp=text) for minutes, text in texts.items()]
    mongo_database["attendance"].insert_many(records)
    with opened(mongo_url) as store:
        expected = [record.timestamp for record in store.check_ins()][::-1]
        assert len(expected) == 21
        assert all_pages(store, ALL, size) == expected
        which = RecordFilter(since=expected[-5], until=expected[3], review=Review.NONE, reason=Reason.MATCH)
        assert all_pages(store, which, size) == expected[4:-4]
        assert all_pages(store, RecordFilter(review=Review.VOID), size) == []


def test_what_older_records_fit(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture("Ada"), old_picture("Bo")])
    mongo_database["attendance"].insert_many([old_record("Ada", 0), old_record("Bo", 1), old_record("Ada", 2)])
    with opened(mongo_url) as store:
        ada = store.find_person("Ada")
        for fits in (
            RecordFilter(decision=Decision.ACCEPTED, reason=Reason.MATCH, outcome=Outcome.RECORDED, review=Review.NONE),
            RecordFilter(person_ids=frozenset({ada.person_id, store.find_person("Bo").person_id})),
        ):
            assert len(all_pages(store, fits, 10)) == 3
        assert len(all_pages(store, RecordFilter(person_ids=frozenset({ada.person_id})), 10)) == 2
        for fits_not in (
            RecordFilter(decision=Decision.REJECTED),
            RecordFilter(reason=Reason.AMBIGUOUS),
            RecordFilter(outcome=Outcome.ALREADY),
            RecordFilter(review=Review.UPHELD),
            RecordFilter(model_id=MODEL),
        ):
            assert all_pages(store, fits_not, 10) == []
        assert store.count_attempts(ALL) == 0


def test_a_name_belongs_to_who_bore_it_then(mongo_url: str, mongo_database: Database[Document]) -> None:
    """Somebody who was enrolled later with the name of somebody renamed takes over none of the old records."""
    mongo_database["face_images"].insert_one(old_picture("Ada"))
    mongo_database["attendance"].insert_many([old_record("Ada", 0), old_record("Ada", 1)])
    with opened(mongo_url) as store:
        first = store.update_person(store.find_person("Ada").person_id, name="Ada Lovelace")
        second = store.add_person(person("Ada"), references(1), MODEL)
        store.settle(attempt(second), 60.0)
        for who, expected in ((first, 2), (second, 1)):
            which = RecordFilter(person_ids=frozenset({who.person_id}))
            assert len(all_pages(store, which, 10)) == len(list(store.check_ins(person_id=who.person_id))) == expected
            assert {record.person_id for record, _ in store.check_in_page(which, limit=10)} == {who.person_id}
        seen = store.last_seen([first.person_id, second.person_id])
        assert seen == {first.person_id: NOON - timedelta(days=400, minutes=-1), second.person_id: NOON}
        assert store.last_seen([second.person_id]) == {second.person_id: NOON}


def test_last_seen_among_odd_records(mongo_url: str, mongo_database: Database[Document]) -> None:
    mongo_database["face_images"].insert_many([old_picture(name) for name in ("Ada", "Bo", "Cy")])
    late = NOON - timedelta(days=1)
    odd: list[Document] = [
        old_record("Ada", 0),
        old_record("Ada", 1, timestamp=late.isoformat()),
        old_record("Ada", 2, timestamp="yesterday"),
        old_record("Ada", 3, timestamp=None),
        old_record("Ada", 4, timestamp=DatetimeMS(2**50)),
        old_record("Bo", 5, timestamp="2025-01-26T11:30:00"),
        old_record("Bo", 6),
        old_record("Ada", 7, matched_identity=["Ada", "Cy"], timestamp=NOON),
        old_record("Ada", 8, matched_identity=None, timestamp=NOON),
    ]
    for document in odd:
        try:
            mongo_database["attendance"].insert_one(document)
        except pymongo.errors.PyMongoError:  # a server that checks dates
            assert isinstance(document["timestamp"], DatetimeMS)
    with opened(mongo_url) as store:
        ada, bo, cy = store.people()
        then = NOON - timedelta(days=400) + timedelta(minutes=6)
        assert store.last_seen([ada.person_id, bo.person_id, cy.person_id]) == {ada.person_id: late, bo.person_id: then}
        assert all_pages(store, RecordFilter(person_ids=frozenset({ada.person_id})), 2)[0] == late
        assert len(all_pages(store, ALL, 2)) == 6


def test_a_database_of_version_1(mongo_url: str, mongo_database: Database[Document]) -> None:
    """Its attempts have no review, which is nobody's doubt; its index makes room for the one that pages need."""
    with opened(mongo_url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)
        given = [store.settle(attempt(ada, after(100 * number)), 60.0, b"picture").attempt for number in range(3)]
    unset = {"review": "", "reviewed_by": "", "reviewed_at_utc": ""}
    mongo_database["attempts"].update_many({}, {"$unset": unset})
    mongo_database["attempts"].drop_indexes()
    mongo_database["attempts"].create_index({"at_utc": 1, "_id": 1}, name="attend_at_utc__id")
    mongo_database["meta"].update_one({"_id": "schema"}, {"$set": {"version": 1}})
    before = contents(mongo_database)
    with opened(mongo_url) as store, opened(mongo_url) as other:
        assert store.info().schema_version == other.info().schema_version == SCHEMA_VERSION
        names = set(mongo_database["attempts"].index_information())
        assert "attend_at_utc__id" not in names
        assert len(names) == 8
        doubted = RecordFilter(review=Review.DISPUTED)
        undoubted = RecordFilter(review=Review.NONE)
        assert store.attempt_page(undoubted, limit=9) == given[::-1]
        assert store.count_attempts(undoubted) == store.count_check_ins(undoubted) == 3
        assert store.count_attempts(doubted) == store.count_check_ins(doubted) == 0

        first = given[0].attempt_id
        disputed = store.set_review(first, Review.DISPUTED, actor="kiosk", at_utc=NOON, expected=Review.NONE)
        with pytest.raises(ConflictError):
            other.set_review(first, Review.VOID, actor="office", at_utc=NOON, expected=Review.NONE)
        assert other.attempt_page(doubted, limit=9) == [disputed]
        assert [by for _, by in other.check_in_page(doubted, limit=9)] == [disputed]
        assert other.count_attempts(undoubted) == other.count_check_ins(undoubted) == 2
        assert other.settle(attempt(ada, after(1)), 60.0).outcome is Outcome.RECORDED
        assert other.settle(attempt(ada, after(101)), 60.0).outcome is Outcome.ALREADY
        assert other.attempt_picture(first) == b"picture"
    mongo_database["attendance"].delete_one({"timestamp": after(1)})
    assert contents(mongo_database) == before
