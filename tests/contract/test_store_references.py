"""Stored pictures and their templates, and the way to another model."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.errors import DuplicatePictureError, PersonNotFoundError
from attendance.store.base import Store, TemplateCoverage
from tests.store_makers import MODEL, OTHER_MODEL, QUALITY, embedding, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable


def test_pictures_come_back_byte_for_byte(store: Store) -> None:
    contents = [bytes(range(256)) * 40, b"\x00" * 100, b"x" * 2_000_000]
    ada = store.add_person(person(), [reference(content) for content in contents], MODEL)
    stored = store.references(ada.person_id)
    assert [one.image_index for one in stored] == [0, 1, 2]
    assert [one.size for one in stored] == [len(content) for content in contents]
    assert [store.picture(one.reference_id) for one in stored] == contents
    assert [one.sha256 for one in stored] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert {one.person_id for one in stored} == {ada.person_id}
    assert all(one.created_at is not None for one in stored)
    assert stored[0].quality == QUALITY.as_dict()
    assert len({one.reference_id for one in stored}) == 3


def test_a_picture_without_quality(store: Store) -> None:
    ada = store.add_person(person(), [reference(quality=None)], MODEL)
    assert store.references(ada.person_id)[0].quality is None


def test_more_pictures_go_behind_the_others(store: Store) -> None:
    ada = store.add_person(person(), references(2), MODEL)
    added = store.add_references(ada.person_id, references(2), MODEL)
    assert [one.image_index for one in added] == [2, 3]
    assert store.references(ada.person_id)[2:] == added
    assert store.person(ada.person_id) == replace(ada, reference_count=4)
    assert store.add_references(ada.person_id, [], MODEL) == []


def test_the_first_pictures_of_somebody_added_without(store: Store) -> None:
    ada = store.add_person(person(), [], MODEL)
    assert [one.image_index for one in store.add_references(ada.person_id, references(2), MODEL)] == [0, 1]
    assert store.active_model() == MODEL


def test_pictures_of_nobody(store: Store) -> None:
    with pytest.raises(PersonNotFoundError):
        store.add_references("gone", references(1), MODEL)
    assert store.references("gone") == []
    assert store.count_references() == 0
    with pytest.raises(PersonNotFoundError):
        store.picture("gone")


def test_the_same_picture_is_refused(store: Store) -> None:
    ada = store.add_person(person("Ada"), [reference("a")], MODEL)
    ben = store.add_person(person("Ben"), [reference("b")], MODEL)
    for new in ([reference("new"), reference("a")], [reference("twice"), reference("twice")], [reference("b")]):
        with pytest.raises(DuplicatePictureError) as caught:
            store.add_references(ben.person_id, new, MODEL)
        assert caught.value.sha256 == new[-1].sha256
    with pytest.raises(DuplicatePictureError):
        store.add_person(person("Cleo"), [reference("twice"), reference("twice")], MODEL)
    assert store.count_references() == 2
    assert store.person(ben.person_id) == ben
    assert store.picture_owner(reference("a").sha256) == ada
    assert store.picture_owner(reference("new").sha256) is None
    store.add_references(ben.person_id, [reference("new"), reference("twice")], MODEL)  # all of it is still free


def test_removing_a_picture(store: Store) -> None:
    ada = store.add_person(person(), [reference("a"), reference("b")], MODEL)
    first, second = store.references(ada.person_id)
    store.remove_reference(first.reference_id)
    store.remove_reference(first.reference_id)
    store.remove_reference("never was there")
    assert store.references(ada.person_id) == [second]
    assert store.person(ada.person_id).reference_count == 1
    assert store.picture_owner(reference("a").sha256) is None
    with pytest.raises(PersonNotFoundError):
        store.picture(first.reference_id)
    assert [(c.references, c.templates) for c in store.template_coverage()] == [(1, 1)]
    store.add_references(ada.person_id, [reference("a")], MODEL)
    indexes = [one.image_index for one in store.references(ada.person_id)]
    assert len(set(indexes)) == 2


def test_coverage_and_the_way_to_another_model(store: Store) -> None:
    assert store.template_coverage() == []
    ada = store.add_person(person("Ada"), references(3), MODEL)
    store.add_person(person("Ben"), references(2), MODEL)
    assert store.template_coverage() == [TemplateCoverage(MODEL, 5, 5, 0)]
    assert store.references_without_template(MODEL) == []

    missing = store.references_without_template(OTHER_MODEL)
    ids = [one.reference_id for one in missing]
    assert len(ids) == 5
    assert ids == sorted(ids)
    assert [one.reference_id for one in store.references_without_template(OTHER_MODEL, limit=2)] == ids[:2]
    rest = store.references_without_template(OTHER_MODEL, limit=2, after=ids[1])
    assert [one.reference_id for one in rest] == ids[2:4]
    assert missing[0] in [*store.references(missing[0].person_id)]

    store.put_templates(OTHER_MODEL, {ids[0]: embedding(1), ids[1]: "no face was found"})
    assert [one.reference_id for one in store.references_without_template(OTHER_MODEL)] == ids[2:]
    assert sorted(store.template_coverage(), key=lambda c: c.model_id) == [
        TemplateCoverage(MODEL, 5, 5, 0),
        TemplateCoverage(OTHER_MODEL, 5, 1, 1),
    ]
    assert store.active_model() == MODEL
    store.put_templates(OTHER_MODEL, {key: embedding(2) for key in ids[1:]})
    store.activate_model(OTHER_MODEL)
    assert store.active_model() == OTHER_MODEL
    assert TemplateCoverage(OTHER_MODEL, 5, 5, 0) in store.template_coverage()
    store.add_references(ada.person_id, references(1), OTHER_MODEL)
    assert store.active_model() == OTHER_MODEL
    assert len(store.references_without_template(MODEL)) == 1


def test_the_last_template_wins(store: Store) -> None:
    ada = store.add_person(person(), references(1), MODEL)
    key = store.references(ada.person_id)[0].reference_id

    def held() -> list[list[float]]:
        (one,) = store.gallery_changes(MODEL).changed
        return [list(map(float, row)) for row in one.embeddings]

    new = embedding(77)
    store.put_templates(MODEL, {key: new})
    assert held() == [list(map(float, new))]
    store.put_templates(MODEL, {key: "damaged picture"})
    assert held() == []
    assert store.references_without_template(MODEL) == []
    store.put_templates(MODEL, {key: embedding(78)})
    assert len(held()) == 1


def test_templates_of_pictures_that_are_gone_are_left_out(store: Store) -> None:
    ada = store.add_person(person(), references(2), MODEL)
    first, second = store.references(ada.person_id)
    store.remove_reference(first.reference_id)
    store.put_templates(OTHER_MODEL, {first.reference_id: embedding(), second.reference_id: embedding(), "x": "y"})
    store.put_templates(OTHER_MODEL, {})
    assert TemplateCoverage(OTHER_MODEL, 1, 1, 0) in store.template_coverage()


def test_embeddings_come_back_bit_for_bit(open_store: Callable[[], Store]) -> None:
    store = open_store()
    odd = np.array([0.1, -0.0, 1e-30, 3.4e38, -1.5], np.float32)
    store.add_person(person(), [replace(reference(), embedding=odd)], MODEL)
    (one,) = open_store().gallery_changes(MODEL).changed
    assert one.embeddings.dtype == np.float32
    assert one.embeddings.shape == (1, 5)
    assert one.embeddings.tobytes() == odd.tobytes()
