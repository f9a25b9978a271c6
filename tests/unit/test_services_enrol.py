"""Enrolment: all or nothing, one person, nobody else's look-alike, a trace for everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.domain.audit import first_broken
from attendance.domain.model import Reason
from attendance.errors import (
    DifferentPeopleError,
    DuplicatePictureError,
    EnrolmentError,
    FaceQualityError,
    ImageUnreadableError,
    LookAlikeError,
    MultipleFacesError,
    NameRefusedError,
    PersonExistsError,
    PersonNotFoundError,
    StoreUnavailableError,
    TemplateMismatchError,
)
from attendance.services.enrol import NamedPicture
from tests.fakes import OTHER, FakeEngine, House, away, picture

if TYPE_CHECKING:
    from pathlib import Path


def named(*pictures: bytes) -> list[NamedPicture]:
    return [NamedPicture(f"{number}.jpg", data) for number, data in enumerate(pictures, start=1)]


def test_a_person_is_stored_with_pictures_templates_and_a_trace(house: House) -> None:
    told: list[tuple[int, int]] = []
    given = named(picture(1, 0), picture(1, 1))
    done = house.enrol.enrol(
        " Maria  Lindqvist ",
        given,
        external_id="1234",
        group="Lab",
        consent="signed",
        actor="desk",
        progress=lambda *step: told.append(step),
    )
    person = house.real_store.find_person("maria lindqvist")
    assert (person.name, person.external_id, person.group, person.consent) == ("Maria Lindqvist", "1234", "Lab", "signed")
    assert (done.person.person_id, done.pictures, person.reference_count) == (person.person_id, 2, 2)
    assert [house.real_store.picture(r.reference_id) for r in house.real_store.references(person.person_id)] == [
        one.data for one in given
    ]
    assert told == [(1, 2), (2, 2)]
    assert house.trail() == [("desk", "enrol")]
    assert first_broken(house.real_store.audit()) is None
    assert "Maria" not in str([entry.details for entry in house.real_store.audit()])
    assert house.real_store.active_model() == house.engine.model.model_id
    assert house.checkin.attempt(picture(1, 7)).attempt.person_id == person.person_id  # at once, without waiting


def test_one_picture_is_enough_and_none_is_not(house: House) -> None:
    assert house.add("Anna", 1, pictures=1).reference_count == 1
    with pytest.raises(EnrolmentError, match="At least one"):
        house.enrol.enrol("Bo", [])


@pytest.mark.parametrize(
    ("data", "kind"), [(b"several", MultipleFacesError), (b"dark", FaceQualityError), (b"", ImageUnreadableError)]
)
def test_a_picture_that_cannot_be_used_is_named_and_nothing_is_stored(
    house: House, data: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=r"^2\.jpg: ") as caught:
        house.enrol.enrol("Maria", named(picture(1), data))
    if isinstance(caught.value, FaceQualityError):
        assert (caught.value.measure, caught.value.advice) == ("brightness", "Face a window or a lamp.")
    assert house.real_store.count_people() == house.real_store.count_references() == 0
    assert house.trail() == []


def test_the_same_picture_twice_is_refused(house: House) -> None:
    with pytest.raises(DuplicatePictureError, match=r"^2\.jpg: .*1\.jpg") as caught:
        house.enrol.enrol("Maria", named(picture(1), picture(1)))
    assert caught.value.label == "2.jpg"
    house.add("Maria", 1)
    with pytest.raises(DuplicatePictureError, match=r"^1\.jpg: .*Maria"):
        house.enrol.enrol("Tom", named(picture(1, 0)))


def test_pictures_of_two_people_are_refused_and_the_odd_one_named(house: House) -> None:
    with pytest.raises(DifferentPeopleError) as caught:
        house.enrol.enrol("Maria", named(picture(1, 0), picture(2, 0), picture(1, 1)))
    assert caught.value.label == "2.jpg"
    assert caught.value.distance_l2 > caught.value.limit == pytest.approx(0.54 * 1.25)
    with pytest.raises(DifferentPeopleError):
        house.enrol.enrol("Maria", named(picture(1, 0), picture(2, 0)))


def test_pictures_over_years_pass_where_each_is_near_another(house: House) -> None:
    ages = [picture(1, 0, toward=(9, share), spread=0.0) for share in (0.0, 0.3, 0.6)]
    assert house.enrol.enrol("Maria", named(*ages)).pictures == 3


def test_names_are_unique_without_regard_to_case(house: House) -> None:
    house.add("Maria", 1)
    seen = len(house.engine.seen)
    with pytest.raises(PersonExistsError):
        house.enrol.enrol("MARIA", named(picture(2)))
    assert len(house.engine.seen) == seen, "a name that is taken costs no recognition"
    with pytest.raises(NameRefusedError):
        house.enrol.enrol("Ma\u202eria", named(picture(2)))


def test_a_staff_number_that_is_taken_leaves_a_trace_of_the_failure(house: House) -> None:
    house.enrol.enrol("Maria", named(picture(1)), external_id="7")
    with pytest.raises(PersonExistsError):
        house.enrol.enrol("Tom", named(picture(2)), external_id="7", actor="desk")
    assert house.trail()[1:] == [("desk", "enrol"), ("desk", "enrol.failed")]
    assert house.real_store.count_people() == 1


def test_a_look_alike_needs_an_operator_and_is_recorded(house: House) -> None:
    maria = house.add("Maria", 1)
    twin = named(picture(1, 8), picture(1, 9))
    with pytest.raises(LookAlikeError) as caught:
        house.enrol.enrol("Tom", twin)
    assert (caught.value.person_id, caught.value.name) == (maria.person_id, "Maria")
    assert caught.value.distance_l2 <= caught.value.limit == pytest.approx(1.1 * 0.54)
    with pytest.raises(LookAlikeError):
        house.enrol.enrol("Tom", twin, overruled_by="  ")
    done = house.enrol.enrol("Tom", twin, overruled_by="Olof", actor="desk")
    assert done.look_alike is not None
    last = list(house.real_store.audit())[-1].details
    assert last["look_alike"]["overruled_by"] == "Olof"
    assert last["look_alike"]["person_id"] == maria.person_id
    assert last["look_alike"]["distance_l2"] == pytest.approx(done.look_alike.distance_l2)


def test_somebody_enrolled_by_another_process_a_moment_ago_counts(house: House, tmp_path: Path) -> None:
    house.roster.gallery()
    other = House(tmp_path)
    other.add("Maria", 1)
    with pytest.raises(LookAlikeError):
        house.enrol.enrol("Tom", named(picture(1, 8)))
    other.real_store.close()


def test_more_pictures_must_fit_those_that_are_there(house: House) -> None:
    maria = house.add("Maria", 1)
    house.add("Tom", 2)
    done = house.enrol.add_pictures(maria.person_id, named(picture(1, 7)), actor="desk")
    assert (done.pictures, done.person.reference_count) == (1, 4)
    assert house.trail()[-1] == ("desk", "add-pictures")
    with pytest.raises(DifferentPeopleError) as caught:
        house.enrol.add_pictures(maria.person_id, named(picture(1, 8), picture(2, 8)))
    assert caught.value.label == "2.jpg"
    assert house.real_store.person(maria.person_id).reference_count == 4
    with pytest.raises(PersonNotFoundError):
        house.enrol.add_pictures("nobody", named(picture(1, 9)))


def test_a_preview_says_what_is_wrong_and_changes_nothing(house: House) -> None:
    house.add("Maria", 1)
    good, dark, known, broken = (
        house.enrol.judge(one) for one in named(picture(2), b"dark", picture(1, 0), b"not a picture")
    )
    assert (good.ok, dark.ok, known.ok, broken.ok) == (True, False, False, False)
    assert dark.sentence == "Too dark."
    assert known.owner is not None
    assert "Maria" in known.sentence
    assert broken.capture is None
    assert all(one.sentence for one in (good, dark, known, broken))
    assert house.real_store.count_people() == 1


def test_templates_of_another_model_are_never_mixed_in(house: House, tmp_path: Path) -> None:
    house.add("Maria", 1)
    other = House(tmp_path, engine=FakeEngine(OTHER))
    with pytest.raises(TemplateMismatchError) as caught:
        other.add("Tom", 2)
    assert (caught.value.active, caught.value.stored) == (OTHER, house.engine.model.model_id)
    other.real_store.close()


@pytest.mark.parametrize("method", ["find_person", "gallery_changes", "picture_owner", "append_audit", "add_person"])
def test_while_the_database_is_away_nothing_is_enrolled(house: House, method: str) -> None:
    house.store.replace(method, away)
    with pytest.raises(StoreUnavailableError):
        house.enrol.enrol("Maria", named(picture(1)))
    house.store.restore()
    assert house.real_store.count_people() == 0
    house.enrol.enrol("Maria", named(picture(1)))


def test_the_refusals_reasons_are_the_documented_ones(house: House) -> None:
    from attendance.domain.reasons import reason_for

    judgement = house.enrol.judge(NamedPicture("x", b"dark"))
    assert judgement.error is not None
    assert reason_for(judgement.error) is Reason.TOO_DARK
