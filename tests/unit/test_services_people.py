"""Find, rename, deactivate, remove: with a trace of who did it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from attendance.domain.model import Decision, PersonStatus, Reason
from attendance.errors import (
    EnrolmentError,
    NameRefusedError,
    PersonExistsError,
    PersonNotFoundError,
    StoreUnavailableError,
)
from tests.fakes import House, away, picture


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


def test_number_and_group_are_set_and_taken_away(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    changed = house.people.set_details(maria.person_id, external_id=" 1042 ", group="Design", actor="Olof")
    assert (changed.external_id, changed.group) == ("1042", "Design")
    with pytest.raises(PersonExistsError) as taken:
        house.people.set_details(tom.person_id, external_id="1042", group="", actor="Olof")
    assert taken.value.field == "external_id"
    with pytest.raises(NameRefusedError):
        house.people.set_details(tom.person_id, external_id="1\u202e2", group="", actor="Olof")
    changed = house.people.set_details(maria.person_id, external_id="", group=" ", actor="Olof")
    assert (changed.external_id, changed.group) == (None, None)
    assert house.trail()[-1] == ("Olof", "set-details")


def test_a_picture_is_removed_but_never_the_last_one(house: House) -> None:
    maria = house.add("Maria", 1, pictures=2)
    first, second = house.people.pictures(maria.person_id)
    assert house.people.picture(first.reference_id) == picture(1, 0)
    assert house.people.remove_picture(maria.person_id, first.reference_id, actor="Olof").reference_count == 1
    assert house.trail()[-1] == ("Olof", "remove-picture")
    with pytest.raises(EnrolmentError, match="last picture"):
        house.people.remove_picture(maria.person_id, second.reference_id, actor="Olof")
    house.people.remove_picture(maria.person_id, first.reference_id, actor="Olof")  # gone already: nothing to do
    assert [one.reference_id for one in house.people.pictures(maria.person_id)] == [second.reference_id]
    assert house.checkin.attempt(picture(1, 7)).attempt.decision is Decision.ACCEPTED


def test_nobodys_picture_is_removed_through_somebody_else(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    of_tom = house.people.pictures(tom.person_id)[0]
    house.people.remove_picture(maria.person_id, of_tom.reference_id, actor="Olof")
    assert len(house.people.pictures(tom.person_id)) == 3


def test_two_operators_cannot_take_out_the_last_two_pictures(house: House) -> None:
    maria = house.add("Maria", 1, pictures=2)
    references = [one.reference_id for one in house.people.pictures(maria.person_id)]
    start = threading.Barrier(2)

    def take_out(reference_id: str) -> bool:
        start.wait()
        try:
            house.people.remove_picture(maria.person_id, reference_id, actor="Olof")
        except EnrolmentError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take_out, references)) == [False, True]
    assert len(house.people.pictures(maria.person_id)) == 1


def test_what_removal_keeps_is_said_before(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    for _ in range(2):
        house.checkin.attempt(picture(1, 7))
    before = house.people.kept_after_removal(maria.person_id)
    assert (before.check_ins, before.attempts) == (1, 2)
    assert house.people.kept_after_removal(tom.person_id).attempts == 0
    house.people.remove(maria.person_id, actor="Olof")
    assert house.people.kept_after_removal(maria.person_id) == before
    assert [record.matched_identity for record in house.real_store.check_ins()] == ["Maria"]
    assert {one.person_name for one in house.attempts()} == {"Maria"}


def test_last_seen_is_the_latest_check_in(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    house.checkin.attempt(picture(1, 7))
    house.clock.forward(3600)
    house.checkin.attempt(picture(1, 8))
    assert house.people.last_seen([maria.person_id, tom.person_id]) == {maria.person_id: house.clock()}
