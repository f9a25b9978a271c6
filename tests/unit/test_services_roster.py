"""The gallery stays in step with the store, asks seldom, and shares what it hears."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import PersonStatus
from attendance.errors import PersonNotFoundError, StoreUnavailableError, TemplateMismatchError
from attendance.services.enrol import NamedPicture
from attendance.services.roster import MAX_AGE_S
from tests.fakes import DIMENSION, OTHER, FakeEngine, House, away, embedding, picture

if TYPE_CHECKING:
    from pathlib import Path


def asked(house: House) -> int:
    return house.store.calls.count("gallery_changes")


def test_the_store_is_asked_at_most_once_in_a_while(house: House) -> None:
    for _ in range(10):
        house.roster.gallery()
        house.roster.ready()
    assert asked(house) == 1
    house.monotonic[0] += MAX_AGE_S
    house.roster.gallery()
    assert asked(house) == 2


def test_what_another_process_changes_arrives(house: House, tmp_path: Path) -> None:
    other = House(tmp_path)
    maria = other.add("Maria", 1)
    assert house.roster.gallery().count_people() == 1
    assert house.roster.person(maria.person_id).name == "Maria"
    other.people.rename(maria.person_id, "Maja", actor="desk")
    other.enrol.add_pictures(maria.person_id, [NamedPicture("x.jpg", picture(1, 7))])
    other.add("Tom", 2)
    house.monotonic[0] += MAX_AGE_S
    assert len(house.roster.gallery()) == 7
    assert house.roster.person(maria.person_id).name == "Maja"
    other.people.deactivate(maria.person_id, actor="desk")
    house.monotonic[0] += MAX_AGE_S
    assert house.roster.gallery().distance(maria.person_id, embedding(picture(1))) is None
    assert house.roster.person(maria.person_id).status is PersonStatus.INACTIVE
    other.people.remove(maria.person_id, actor="desk")
    house.monotonic[0] += MAX_AGE_S
    assert house.roster.gallery().count_people() == 1
    with pytest.raises(PersonNotFoundError):
        house.roster.person(maria.person_id)
    other.real_store.close()


def test_a_store_that_is_away_is_said_and_asked_again(house: House) -> None:
    house.add("Maria", 1)
    house.store.replace("gallery_changes", away)
    house.roster.expire()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            house.roster.gallery()
    house.store.restore()
    assert house.roster.gallery().count_people() == 1


def test_threads_that_wait_for_a_hung_store_share_its_failure(house: House) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        entered.set()
        assert release.wait(30)
        away()

    house.store.replace("gallery_changes", hang)
    failures: list[StoreUnavailableError] = []

    def ask() -> None:
        try:
            house.roster.gallery()
        except StoreUnavailableError as error:
            failures.append(error)

    first = threading.Thread(target=ask)
    first.start()
    assert entered.wait(30)
    others = [threading.Thread(target=ask) for _ in range(8)]
    inside = threading.Barrier(9)
    real_lock = house.roster._lock

    class Watched:
        """Tells when a thread is about to wait, so that the test need not guess."""

        def __enter__(self) -> None:
            inside.wait(30)
            real_lock.acquire()

        def __exit__(self, *_: object) -> None:
            real_lock.release()

    house.roster._lock = Watched()  # type: ignore[assignment]  # a lock is all that is asked for
    for thread in others:
        thread.start()
    inside.wait(30)
    release.set()
    for thread in [first, *others]:
        thread.join(30)
    assert len(failures) == 9
    assert len({id(error) for error in failures}) == 9, "each thread raises an error of its own"
    assert {error.reason for error in failures} == {"unreachable"}
    assert asked(house) == 1


def test_the_engines_model_must_be_the_one_that_decides(house: House, tmp_path: Path) -> None:
    house.roster.ready()  # nobody is enrolled, so nothing can differ
    house.add("Maria", 1)
    house.roster.ready()
    other = House(tmp_path, engine=FakeEngine(OTHER))
    with pytest.raises(TemplateMismatchError, match="reembed"):
        other.roster.ready()
    other.reembed.run()
    other.roster.expire()
    other.roster.ready()
    house.monotonic[0] += MAX_AGE_S
    with pytest.raises(TemplateMismatchError):
        house.roster.ready()
    other.real_store.close()


def test_who_cannot_be_compared_is_known(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    for reference in house.real_store.references(maria.person_id):
        house.real_store.put_templates(house.engine.model.model_id, {reference.reference_id: "no_face"})
    house.roster.expire()
    assert [person.person_id for person in house.roster.people_without_templates()] == [maria.person_id]
    house.people.deactivate(maria.person_id, actor="desk")
    assert house.roster.people_without_templates() == []
    assert house.roster.person(tom.person_id).templates == 3


def test_one_damaged_template_keeps_nobody_else_out(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    reference = house.real_store.references(maria.person_id)[0]
    house.real_store.put_templates(house.engine.model.model_id, {reference.reference_id: np.zeros(DIMENSION, np.float32)})
    house.roster.expire()
    assert house.roster.gallery().count_people() == 1
    assert house.checkin.attempt(picture(2, 7)).attempt.person_id == tom.person_id
    assert [person.name for person in house.roster.people_without_templates()] == ["Maria"]
