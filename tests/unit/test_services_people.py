"""Find, rename, deactivate, remove: with a trace of who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import Decision, PersonStatus, Reason
from attendance.errors import NameRefusedError, PersonExistsError, PersonNotFoundError, StoreUnavailableError
from tests.fakes import House, away, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.real_store.close()


def test_people_are_listed_and_found(house: House) -> None:
    maria = house.add("Maria", 1)
    house.add("anna", 2)
    assert [person.name for person in house.people.list()] == ["anna", "Maria"]
    assert [person.name for person in house.people.list(search="ari")] == ["Maria"]
    assert house.people.find("MARIA").person_id == maria.person_id
    assert len(house.people.pictures(maria.person_id)) == 3
    with pytest.raises(PersonNotFoundError):
        house.people.find("nobody")


def test_a_new_name_counts_from_now_on_and_records_keep_theirs(house: House) -> None:
    maria = house.add("Maria", 1)
    house.checkin.attempt(picture(1, 7))
    assert house.people.rename(maria.person_id, " Maja  L ", actor="Olof").name == "Maja L"
    house.clock.forward(3600)
    house.checkin.attempt(picture(1, 8))
    assert [record.matched_identity for record in house.real_store.check_ins()] == ["Maria", "Maja L"]
    assert house.trail()[-1] == ("Olof", "rename")


def test_a_name_that_cannot_be_leaves_everything_as_it_was(house: House) -> None:
    maria = house.add("Maria", 1)
    house.add("Tom", 2)
    with pytest.raises(NameRefusedError):
        house.people.rename(maria.person_id, "\u202e", actor="Olof")
    with pytest.raises(PersonExistsError):
        house.people.rename(maria.person_id, "tom", actor="Olof")
    assert house.people.find("Maria").person_id == maria.person_id
    assert house.trail()[-2:] == [("Olof", "rename"), ("Olof", "rename.failed")]


def test_an_inactive_person_is_kept_but_not_recognised(house: House) -> None:
    maria = house.add("Maria", 1)
    assert house.people.deactivate(maria.person_id, actor="Olof").status is PersonStatus.INACTIVE
    assert house.checkin.attempt(picture(1, 7)).attempt.decision is Decision.REJECTED
    assert house.people.activate(maria.person_id, actor="Olof").status is PersonStatus.ACTIVE
    assert house.checkin.attempt(picture(1, 7)).attempt.decision is Decision.ACCEPTED
    assert house.trail()[1:] == [("Olof", "deactivate"), ("Olof", "activate")]


def test_removal_takes_pictures_and_templates_and_leaves_the_records(house: House) -> None:
    maria = house.add("Maria", 1)
    house.checkin.attempt(picture(1, 7))
    removed = house.people.remove(maria.person_id, actor="Olof")
    assert (removed.name, removed.reference_count) == ("Maria", 3)
    assert house.real_store.count_people() == house.real_store.count_references() == 0
    assert house.checkin.attempt(picture(1, 7)).attempt.reason is Reason.NOBODY_ENROLLED
    assert house.real_store.count_check_ins() == 1
    assert house.trail()[-1] == ("Olof", "remove")
    assert "Maria" not in str([entry.details for entry in house.real_store.audit()])
    with pytest.raises(PersonNotFoundError):
        house.people.remove(maria.person_id, actor="Olof")
    assert house.add("Maria", 1).person_id != maria.person_id


def test_nothing_is_done_without_a_trace(house: House) -> None:
    maria = house.add("Maria", 1)
    house.store.replace("append_audit", away)
    with pytest.raises(StoreUnavailableError):
        house.people.remove(maria.person_id, actor="Olof")
    assert house.real_store.count_people() == 1
