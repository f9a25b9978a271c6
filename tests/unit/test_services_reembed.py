"""A change of model: from stored pictures, resumable, switched at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import Decision
from attendance.errors import InferenceError, StoreUnavailableError
from attendance.services.reembed import BATCH
from tests.fakes import OTHER, House, away, picture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def house(house: House) -> House:
    for person in range(6):
        house.add(f"Person {person}", person, pictures=4)
    return house


def test_every_picture_gets_a_template_and_the_model_is_switched_at_the_end(house: House, other: House) -> None:
    told: list[tuple[int, int, int]] = []

    def progress(*step: int) -> None:
        told.append((step[0], step[1], step[2]))
        assert house.real_store.active_model() == house.engine.model.model_id, "not before it is complete"

    done = other.reembed.run(progress, actor="Olof")
    assert (done.total, done.done, done.failed, done.activated, done.complete) == (24, 24, [], True, True)
    assert told == [(16, 24, 0), (24, 24, 0)]
    last = list(house.real_store.audit())[-1]
    assert (last.actor, last.action) == ("Olof", "activate-model")
    assert last.details == {"model_id": OTHER, "before": house.engine.model.model_id}
    assert other.real_store.active_model() == OTHER
    other.roster.expire()
    assert other.checkin.attempt(picture(3, 9)).attempt.person_name == "Person 3"
    again = other.reembed.run()
    assert (again.total, again.done, again.complete) == (0, 0, True)


def test_stopped_it_goes_on_where_it_was(house: House, other: House) -> None:
    stopped = other.reembed.run(should_stop=lambda: len(other.engine.seen) >= BATCH)
    assert (stopped.done, stopped.complete, stopped.activated) == (BATCH, False, False)
    assert other.real_store.active_model() == house.engine.model.model_id
    assert house.checkin.attempt(picture(3, 9)).attempt.decision is Decision.ACCEPTED
    rest = other.reembed.run()
    assert (rest.total, rest.done, rest.complete, rest.activated) == (24 - BATCH, 24 - BATCH, True, True)
    assert len(other.engine.seen) == 24, "no picture is looked at twice"


def test_pictures_that_cannot_be_embedded_are_reported_once(house: House, other: House) -> None:
    bad = house.real_store.references(house.people.find("Person 2").person_id)[0]

    def capture(_: bytes, **__: bool) -> None:
        other.engine.before = lambda _: None
        raise InferenceError("The model gave no numbers.")

    other.engine.before = capture
    with pytest.raises(InferenceError):
        other.reembed.run()
    other.store.replace("picture", lambda key: b"dark" if key == bad.reference_id else other.real_store.picture(key))
    done = other.reembed.run()
    assert [(one.reference_id, one.person_id, one.reason) for one in done.failed] == [
        (bad.reference_id, bad.person_id, "too_dark")
    ]
    assert (done.done, done.complete, done.activated) == (23, True, True)
    assert other.reembed.run().failed == []


def test_a_model_that_can_embed_nothing_is_not_switched_to(house: House, other: House) -> None:
    other.store.replace("picture", lambda _: b"noface")
    done = other.reembed.run()
    assert (done.done, len(done.failed), done.complete, done.activated) == (0, 24, True, False)
    assert other.real_store.active_model() == house.engine.model.model_id


def test_a_picture_removed_meanwhile_is_passed_over(house: House, other: House) -> None:
    person = house.people.find("Person 5")

    def remove(_: bytes) -> None:
        other.engine.before = lambda _: None
        house.people.remove(person.person_id, actor="desk")

    other.engine.before = remove
    done = other.reembed.run()
    assert (done.complete, done.activated, done.failed) == (True, True, [])
    assert done.done in range(20, 25)


def test_a_person_enrolled_meanwhile_is_taken_along(house: House, other: House) -> None:
    def enrol(_: bytes) -> None:
        other.engine.before = lambda _: None
        house.add("Late", 77)

    other.engine.before = enrol
    other.reembed.run()
    other.roster.expire()
    assert other.checkin.attempt(picture(77, 9)).attempt.person_name == "Late"


def test_while_the_database_is_away_nothing_is_switched(house: House, other: House) -> None:
    other.store.replace("put_templates", away)
    with pytest.raises(StoreUnavailableError):
        other.reembed.run()
    assert other.real_store.active_model() == house.engine.model.model_id


def test_an_older_databases_pictures_are_made_ready(tmp_path: Path) -> None:
    house = _older(tmp_path)
    told: list[str | None] = []
    done = house.reembed.prepare_new(lambda *_: told.append(house.real_store.active_model()))
    assert (done.done, done.activated, done.complete) == (20, True, True)
    assert told[0] == house.engine.model.model_id, "who is ready need not wait for the others"
    assert house.checkin.attempt(picture(4, 9)).attempt.person_name == "Person 4"
    assert house.reembed.prepare_new().total == 0
    house.real_store.close()


def test_making_ready_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    house = _older(tmp_path)
    house.reembed.prepare_new(should_stop=lambda: len(house.engine.seen) >= BATCH)
    rest = house.reembed.prepare_new()
    assert (rest.done, rest.complete) == (20 - BATCH, True)
    house.real_store.close()


def test_pictures_are_not_made_ready_behind_another_models_back(other: House) -> None:
    done = other.reembed.prepare_new()
    assert (done.done, done.activated) == (0, False)
    assert other.engine.seen == []
    assert len(other.real_store.template_coverage()) == 1


def _older(folder: Path) -> House:
    """A database whose pictures have never met a model: people are written, and their templates taken away again."""
    import sqlite3

    house = House(folder)
    for person in range(5):
        house.add(f"Person {person}", person, pictures=4)
    house.real_store.close()
    with sqlite3.connect(folder / "attendance.db") as connection:
        connection.execute("DELETE FROM templates")
        connection.execute("UPDATE state SET active_model = NULL")
    connection.close()
    return House(folder)


def test_people_of_an_older_database_are_known_before_they_are_ready(tmp_path: Path) -> None:
    house = _older(tmp_path)
    assert len(house.roster.people_without_templates()) == 5
    house.real_store.close()
