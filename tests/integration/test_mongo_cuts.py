"""People and pictures when our own process is cut off between any two commands that it sends to MongoDB."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from attendance.errors import AttendanceError, PersonNotFoundError
from tests.mongo_scissors import SCISSORS, assert_tidy, cut_everywhere, reopened
from tests.store_makers import MODEL, person, reference, references

if TYPE_CHECKING:
    from attendance.store.mongo import MongoStore


def shown(store: MongoStore, name: str) -> int | None:
    """How many pictures of a person there are, the same from every side; None where nobody has the name."""
    everything = {one.name: len(one.reference_ids) for one in store.gallery_changes(MODEL).changed}
    try:
        found = store.find_person(name)
    except PersonNotFoundError:
        assert name not in everything
        return None
    known = store.references(found.person_id)
    assert found.reference_count == len(known) == everything[name]
    assert all(store.picture(one.reference_id) for one in known)
    return len(known)


def totals(store: MongoStore) -> tuple[int, int]:
    return store.count_references(), sum(one.templates for one in store.template_coverage())


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_enrolment_cut_off_anywhere_is_whole_or_nothing(mongo_url: str, later: bool) -> None:
    pictures = references(3)

    def check(done: bool) -> None:
        with reopened(mongo_url, later=later) as store:
            there = shown(store, "Ada")
            assert there in ({3} if done else {None, 3})
            assert totals(store) == ((3, 3) if there else (0, 0))
            assert store.active_model() == (MODEL if there else None) or not there
            if later:
                assert_tidy(mongo_url)
            if there is None:  # nothing of it is in the way of the same pictures under another id
                store.add_person(person("Ada"), pictures, MODEL)
                assert shown(store, "Ada") == 3
            store.remove_person(store.find_person("Ada").person_id)

    cut_everywhere(lambda store: store.add_person(person("Ada"), pictures, MODEL), check, mongo_url)


def test_more_pictures_cut_off_anywhere_are_all_or_none(mongo_url: str) -> None:
    with reopened(mongo_url) as store:
        ada = store.add_person(person("Ada"), references(2), MODEL)
    more = [reference(f"more {n}", seed=n) for n in range(3)]

    def check(done: bool) -> None:
        with reopened(mongo_url, later=True) as store:
            there = shown(store, "Ada")
            assert there in ({5} if done else {2, 5})
            assert totals(store) == (there, there)
            assert_tidy(mongo_url)
            for known in store.references(ada.person_id):
                if known.sha256 in {new.sha256 for new in more}:
                    store.remove_reference(known.reference_id)
            assert shown(store, "Ada") == 2

    cut_everywhere(lambda store: store.add_references(ada.person_id, more, MODEL), check, mongo_url)


def test_removing_a_person_cut_off_anywhere_ends_with_nothing_left(mongo_url: str) -> None:
    def check(done: bool) -> None:
        with reopened(mongo_url) as store:
            there = shown(store, "Ada")
            assert there in ({None} if done else {None, 3})
            assert store.count_references() == (there or 0)
        with reopened(mongo_url, later=True):
            assert_tidy(mongo_url)

    def action(store: MongoStore) -> None:
        left, SCISSORS.left = SCISSORS.left, -1
        if not store.count_people():
            store.add_person(person("Ada"), references(3), MODEL)
        SCISSORS.left = left
        store.remove_person(store.find_person("Ada").person_id)

    cut_everywhere(action, check, mongo_url)


def test_removing_a_picture_cut_off_anywhere(mongo_url: str) -> None:
    with reopened(mongo_url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)

    def action(store: MongoStore) -> None:
        left, SCISSORS.left = SCISSORS.left, -1
        known = store.references(ada.person_id)
        if len(known) == 1:
            known += store.add_references(ada.person_id, references(1), MODEL)
        SCISSORS.left = left
        store.remove_reference(known[-1].reference_id)

    def check(done: bool) -> None:
        with reopened(mongo_url) as store:
            there = shown(store, "Ada")
            assert there in ({1} if done else {1, 2})
            assert totals(store) == (there, there)
        with reopened(mongo_url, later=True):
            assert_tidy(mongo_url)

    cut_everywhere(action, check, mongo_url)


def test_new_templates_cut_off_anywhere_reach_every_gallery(mongo_url: str) -> None:
    with reopened(mongo_url) as watching:
        ada = watching.add_person(person("Ada"), references(2), MODEL)
        keys = [one.reference_id for one in watching.references(ada.person_id)]
        cursors = [""]

        def check(done: bool) -> None:
            del done
            with reopened(mongo_url, later=True) as store:
                left = store.references_without_template("new")
                watched = watching.gallery_changes("new", cursors[-1])
                in_store = {one.person_id: one.reference_ids for one in store.gallery_changes("new").changed}
                assert len(left) + len(in_store[ada.person_id]) == 2
                if in_store[ada.person_id]:
                    assert [one.reference_ids for one in watched.changed] == [in_store[ada.person_id]]

        def action(store: MongoStore) -> None:
            left, SCISSORS.left = SCISSORS.left, -1
            with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
                client.get_default_database()["templates"].delete_many({"model_id": "new"})
            cursors.append(watching.gallery_changes("new").cursor)
            embeddings = {key: new.embedding for key, new in zip(keys, references(2), strict=True)}
            SCISSORS.left = left
            store.put_templates("new", embeddings)

        cut_everywhere(action, check, mongo_url)


def test_two_enrolments_of_the_same_pictures_never_both_win(mongo_url: str) -> None:
    pictures = references(2)
    with reopened(mongo_url) as store, ThreadPoolExecutor(4) as pool:

        def enrol(n: int) -> str:
            try:
                return store.add_person(person(f"Person {n}"), pictures, MODEL).name
            except AttendanceError as error:
                return type(error).__name__

        answers = list(pool.map(enrol, range(4)))
        assert sorted(answers)[:3] == ["DuplicatePictureError"] * 3
        assert store.count_people() == 1
        assert totals(store) == (2, 2)
