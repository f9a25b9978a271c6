"""What a gallery learns of changes: nothing is left out, whoever made it, and it is told at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain.model import PersonStatus
from tests.store_makers import MODEL, OTHER_MODEL, embedding, person, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import GalleryChanges, Store


class Follower:
    """Takes over changes as a gallery does."""

    def __init__(self, store: Store, model_id: str = MODEL) -> None:
        self._store, self._model_id = store, model_id
        self.cursor: str | None = None
        self.people: dict[str, tuple[str, PersonStatus, int]] = {}

    def follow(self) -> GalleryChanges:
        changes = self._store.gallery_changes(self._model_id, self.cursor)
        for person_id in changes.removed:
            self.people.pop(person_id, None)
        for one in changes.changed:
            assert len(one.reference_ids) == len(one.embeddings)
            self.people[one.person_id] = (one.name, one.status, len(one.embeddings))
        self.cursor = changes.cursor
        return changes


def test_an_empty_store(store: Store) -> None:
    changes = store.gallery_changes(MODEL)
    assert (changes.active_model, changes.changed, changes.removed) == (None, (), ())
    assert store.gallery_changes(MODEL, changes.cursor).changed == ()


def test_everything_at_first_then_nothing(store: Store) -> None:
    ada = store.add_person(person("Ada"), references(3), MODEL)
    ben = store.add_person(person("Ben", status=PersonStatus.INACTIVE), references(1), MODEL)
    cleo = store.add_person(person("Cleo"), [], MODEL)
    follower = Follower(store)
    changes = follower.follow()
    assert changes.active_model == MODEL
    assert follower.people == {
        ada.person_id: ("Ada", PersonStatus.ACTIVE, 3),
        ben.person_id: ("Ben", PersonStatus.INACTIVE, 1),
        cleo.person_id: ("Cleo", PersonStatus.ACTIVE, 0),
    }
    again = follower.follow()
    assert (again.changed, again.removed, again.active_model) == ((), (), MODEL)
    assert again.cursor == changes.cursor


def test_templates_belong_to_their_references(store: Store) -> None:
    ada = store.add_person(person(), references(4), MODEL)
    (one,) = store.gallery_changes(MODEL).changed
    by_id = dict(zip(one.reference_ids, one.embeddings, strict=True))
    for stored in store.references(ada.person_id):
        assert np.array_equal(by_id[stored.reference_id], embedding(stored.image_index))
    assert one.embeddings.dtype == np.float32


def test_only_templates_of_the_asked_model(store: Store) -> None:
    ada = store.add_person(person(), references(2), MODEL)
    key = store.references(ada.person_id)[1].reference_id
    store.put_templates(OTHER_MODEL, {key: np.ones(512, np.float32)})
    (one,) = store.gallery_changes(OTHER_MODEL).changed
    assert one.embeddings.shape == (1, 512)
    assert one.reference_ids == (key,)
    (two,) = store.gallery_changes(MODEL).changed
    assert two.embeddings.shape == (2, 128)


def test_each_kind_of_change_by_another_process(open_store: Callable[[], Store]) -> None:
    writer, follower = open_store(), Follower(open_store())
    follower.follow()
    ada = writer.add_person(person("Ada"), references(2), MODEL)
    ben = writer.add_person(person("Ben"), references(1), MODEL)
    follower.follow()
    assert follower.people[ada.person_id] == ("Ada", PersonStatus.ACTIVE, 2)

    writer.add_references(ada.person_id, references(1), MODEL)
    follower.follow()
    assert follower.people[ada.person_id][2] == 3

    writer.remove_reference(writer.references(ada.person_id)[0].reference_id)
    follower.follow()
    assert follower.people[ada.person_id][2] == 2

    writer.update_person(ada.person_id, name="Ada King")
    writer.update_person(ben.person_id, status=PersonStatus.INACTIVE)
    follower.follow()
    assert follower.people[ada.person_id][0] == "Ada King"
    assert follower.people[ben.person_id][1] is PersonStatus.INACTIVE

    writer.update_person(ben.person_id, status=PersonStatus.ACTIVE)
    follower.follow()
    assert follower.people[ben.person_id] == ("Ben", PersonStatus.ACTIVE, 1)

    writer.remove_person(ada.person_id)
    assert ada.person_id in follower.follow().removed
    assert set(follower.people) == {ben.person_id}

    key = writer.references(ben.person_id)[0].reference_id
    writer.put_templates(MODEL, {key: "cannot be read"})
    follower.follow()
    assert follower.people[ben.person_id][2] == 0

    writer.activate_model(OTHER_MODEL)
    assert follower.follow().active_model == OTHER_MODEL


def test_the_pictures_of_a_person_who_came_and_went_are_in_no_gallery(open_store: Callable[[], Store]) -> None:
    writer, follower = open_store(), Follower(open_store())
    follower.follow()
    ada = writer.add_person(person("Ada"), references(2), MODEL)
    writer.remove_person(ada.person_id)
    assert all(one.person_id != ada.person_id for one in follower.follow().changed)
    assert all(one.person_id != ada.person_id for one in writer.gallery_changes(MODEL).changed)


def test_a_cursor_outlives_the_store_it_came_from(open_store: Callable[[], Store]) -> None:
    first = open_store()
    ada = first.add_person(person("Ada"), references(1), MODEL)
    cursor = first.gallery_changes(MODEL).cursor
    first.close()
    second = open_store()
    second.update_person(ada.person_id, name="Ada King")
    assert [one.name for one in second.gallery_changes(MODEL, cursor).changed] == ["Ada King"]


def test_nothing_is_left_out_under_concurrent_writers(open_store: Callable[[], Store]) -> None:
    """Writers add, rename and remove while a gallery follows; once they are done it holds exactly what is stored."""
    writers, each = 4, 6
    stores = [open_store() for _ in range(2)]
    follower = Follower(open_store())
    follower.follow()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        store = stores[number % 2]
        try:
            for index in range(each):
                one = store.add_person(person(f"Person {number} {index}"), references(2), MODEL)
                if index % 3 == 1:
                    store.update_person(one.person_id, name=f"Renamed {number} {index}")
                elif index % 3 == 2:
                    store.remove_person(one.person_id)
                else:
                    store.add_references(one.person_id, references(1), MODEL)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        follower.follow()
    for thread in threads:
        thread.join()
    assert not failures
    follower.follow()
    stored = {one.person_id: (one.name, one.status, one.reference_count) for one in stores[0].people()}
    assert len(stored) == writers * each * 2 // 3
    assert follower.people == stored
