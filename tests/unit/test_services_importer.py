"""A folder of people: what can be used is used, the rest is reported, and a second run goes on."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import Decision
from attendance.errors import SettingsError, StoreUnavailableError, TemplateMismatchError
from attendance.services.import_person import LOT
from attendance.services.import_report import ImportReport, ImportStatus
from attendance.services.importer import import_folder
from tests.fakes import OTHER, FakeEngine, House, away, picture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "people"
    made.mkdir()
    return made


def fill(folder: Path, name: str, *pictures: bytes) -> Path:
    """A person's folder with pictures 1.jpg, 2.jpg, …; more are added behind those that are there."""
    person = folder / name
    person.mkdir(exist_ok=True)
    first = len(list(person.iterdir())) + 1
    for number, data in enumerate(pictures, start=first):
        (person / f"{number}.jpg").write_bytes(data)
    return person


def rows(report: ImportReport, status: ImportStatus) -> list[tuple[str, str | None, str]]:
    return [(row.person, row.picture, row.reason) for row in report.rows if row.status is status]


def test_everybody_is_enrolled_with_what_can_be_used(house: House, folder: Path) -> None:
    fill(folder, "Maria Lindqvist", picture(1, 0), b"dark", picture(1, 1), b"not a picture", picture(1, 1), b"")
    fill(folder, "Tom", picture(2, 0))
    told: list[tuple[int, int, str]] = []
    report = import_folder(folder, house.enrol, actor="Olof", progress=lambda *step: told.append(step))
    assert [(p.name, p.reference_count) for p in house.people.list()] == [("Maria Lindqvist", 2), ("Tom", 1)]
    assert rows(report, ImportStatus.REFUSED) == [
        ("Maria Lindqvist", "2.jpg", "too_dark"),
        ("Maria Lindqvist", "4.jpg", "unreadable_picture"),
        ("Maria Lindqvist", "6.jpg", "unreadable_picture"),
    ]
    assert rows(report, ImportStatus.SKIPPED) == [("Maria Lindqvist", "5.jpg", "duplicate_picture")]
    assert report.totals() == {
        "people_added": 2,
        "people_extended": 0,
        "people_unchanged": 0,
        "people_refused": 0,
        "pictures_added": 3,
        "pictures_skipped": 1,
        "pictures_refused": 3,
        "look_alikes": 0,
    }
    assert told[-1] == (7, 7, "Tom")
    assert [step[0] for step in told] == list(range(1, 8))
    assert house.trail() == [("Olof", "enrol"), ("Olof", "enrol")]
    assert all(row.sentence.endswith(".") for row in report.rows)
    assert json.loads(json.dumps(report.as_dict()))["stopped"] is None
    assert house.checkin.attempt(picture(1, 9)).attempt.person_name == "Maria Lindqvist"


def test_a_second_run_changes_nothing_and_a_third_adds_what_is_new(house: House, folder: Path) -> None:
    maria = fill(folder, "Maria", picture(1, 0), picture(1, 1))
    fill(folder, "Tom", picture(2, 0), b"dark")
    import_folder(folder, house.enrol)
    seen = len(house.engine.seen)
    again = import_folder(folder, house.enrol)
    assert (again.people_added, again.people_unchanged, again.people_refused) == (0, 2, 0)
    assert {row.reason for row in again.rows} == {"already_stored", "too_dark"}
    assert len(house.engine.seen) == seen + 1, "only the refused picture is looked at again"
    fill(folder, "Maria", picture(1, 2), picture(2, 7))
    third = import_folder(folder, house.enrol)
    assert (third.people_added, third.people_extended, third.people_unchanged) == (0, 1, 1)
    assert house.people.find("Maria").reference_count == 3
    assert ("Maria", "4.jpg", "different_people") in rows(third, ImportStatus.REFUSED)
    assert maria.exists()


def test_the_odd_picture_is_left_out_and_two_who_are_one_each_are_both_refused(house: House, folder: Path) -> None:
    fill(folder, "Maria", picture(1, 0), picture(2, 0), picture(1, 1))
    fill(folder, "Who", picture(3, 0), picture(4, 0))
    report = import_folder(folder, house.enrol)
    assert [(p.name, p.reference_count) for p in house.people.list()] == [("Maria", 2)]
    assert ("Maria", "2.jpg", "different_people") in rows(report, ImportStatus.REFUSED)
    assert ("Who", None, "no_usable_picture") in rows(report, ImportStatus.REFUSED)
    assert report.people_refused == 1


def test_who_resembles_somebody_but_can_be_told_apart_is_enrolled_and_reported(house: House, folder: Path) -> None:
    fill(folder, "Anna", picture(1, 0), picture(1, 1), picture(1, 2))
    near = picture(2, 0, toward=(1, 0.75), spread=0.0)  # one old picture that looks like Anna
    fill(folder, "Berta", picture(2, 1), picture(2, 2), picture(2, 3), picture(2, 4, toward=(1, 0.4)), near)
    report = import_folder(folder, house.enrol, actor="Olof")
    assert report.people_added == 2
    (found,) = report.look_alikes
    assert (found.person, found.resembles, found.enrolled) == ("Berta", "Anna", True)
    assert found.distance_l2 <= 0.54
    details = list(house.real_store.audit())[-1].details
    assert details["look_alike"]["overruled_by"] == "Olof"
    for person, name in ((1, "Anna"), (2, "Berta")):
        assert house.checkin.attempt(picture(person, 9)).attempt.person_name == name


def test_one_person_under_two_names_is_refused_unless_the_operator_allows_it(house: House, folder: Path) -> None:
    fill(folder, "Anna", picture(1, 0), picture(1, 1))
    fill(folder, "Anna again", picture(1, 2), picture(1, 3))
    report = import_folder(folder, house.enrol)
    assert [p.name for p in house.people.list()] == ["Anna"]
    assert [(one.person, one.enrolled) for one in report.look_alikes] == [("Anna again", False)]
    assert ("Anna again", None, "look_alike") in rows(report, ImportStatus.REFUSED)
    assert any("--allow-look-alikes" in row.sentence for row in report.rows)
    assert house.checkin.attempt(picture(1, 9)).attempt.decision is Decision.ACCEPTED
    allowed = import_folder(folder, house.enrol, allow_look_alikes=True)
    assert (allowed.people_added, allowed.people_unchanged) == (1, 1)
    assert [one.enrolled for one in allowed.look_alikes] == [True]


def test_a_stored_picture_of_somebody_else_is_refused(house: House, folder: Path) -> None:
    house.add("Maria", 1)
    fill(folder, "Tom", picture(1, 0), picture(2, 0))
    report = import_folder(folder, house.enrol)
    assert ("Tom", "1.jpg", "duplicate_picture") in rows(report, ImportStatus.REFUSED)
    assert house.people.find("Tom").reference_count == 1


def test_what_is_no_persons_picture_is_passed_over_with_a_note(house: House, folder: Path, tmp_path: Path) -> None:
    maria = fill(folder, "Maria", picture(1, 0))
    (maria / ".DS_Store").write_bytes(b"x")
    (maria / "notes.txt").write_text("nothing")
    (maria / "more").mkdir()
    (folder / "loose.jpg").write_bytes(picture(2))
    (folder / ".git").mkdir()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "3.jpg").write_bytes(picture(3))
    (folder / "Linked").symlink_to(secret)
    (maria / "out.jpg").symlink_to(secret / "3.jpg")
    (maria / "nowhere.jpg").symlink_to(maria / "gone.jpg")
    (maria / "in.jpg").symlink_to(maria / "1.jpg")
    os.mkfifo(maria / "pipe.jpg")
    (folder / "Empty").mkdir()
    report = import_folder(folder, house.enrol)
    reasons = {(row.person, row.picture): row.reason for row in report.rows}
    assert reasons == {
        ("", ".git"): "hidden",
        ("", "Linked"): "outside",
        ("", "loose.jpg"): "no_person",
        ("Empty", None): "no_usable_picture",
        ("Maria", ".DS_Store"): "hidden",
        ("Maria", "more"): "not_a_picture",
        ("Maria", "notes.txt"): "not_a_picture",
        ("Maria", "nowhere.jpg"): "outside",
        ("Maria", "out.jpg"): "outside",
        ("Maria", "pipe.jpg"): "not_a_picture",
        ("Maria", "1.jpg"): "new",
        ("Maria", "in.jpg"): "duplicate_picture",
    }
    assert [p.name for p in house.people.list()] == ["Maria"]


@pytest.mark.parametrize("name", ["An\u202ena", "tab\there\x07", "---", "lone\udcff"])
def test_a_folder_whose_name_cannot_be_a_name_is_refused(house: House, folder: Path, name: str) -> None:
    fill(folder, name, picture(1, 0))
    fill(folder, "Tom", picture(2, 0))
    report = import_folder(folder, house.enrol)
    assert [p.name for p in house.people.list()] == ["Tom"]
    (refused,) = [row for row in report.rows if row.status is ImportStatus.REFUSED]
    assert refused.reason == "name"
    json.dumps(report.as_dict()).encode("utf-8")
    assert not {"\u202e", "\x07", "\udcff"} & set(str(report.as_dict()))


@pytest.mark.parametrize("name", ["O'Brien", "$where", "a.b", "DROP TABLE people;--", "李小龍", "zoe\u0308"])
def test_unusual_names_are_ordinary(house: House, folder: Path, name: str) -> None:
    fill(folder, name, picture(1, 0))
    assert import_folder(folder, house.enrol).people_added == 1
    assert house.people.find(name).reference_count == 1
    assert import_folder(folder, house.enrol).people_unchanged == 1


def test_a_database_that_dies_stops_it_and_what_is_done_stays(house: House, folder: Path) -> None:
    for person in range(1, 5):
        fill(folder, f"Person {person}", picture(person, 0), picture(person, 1))

    def third(data: bytes) -> None:
        if data == picture(3, 1):
            house.store.replace("add_person", away)

    house.engine.before = third
    report = import_folder(folder, house.enrol)
    assert report.stopped is not None
    assert "kept" in report.stopped
    assert (report.people_added, house.real_store.count_people()) == (2, 2)
    house.store.restore()
    house.engine.before = lambda _: None
    rest = import_folder(folder, house.enrol)
    assert (rest.people_added, rest.people_unchanged, rest.stopped) == (2, 2, None)


def test_a_model_that_fails_stops_it_too(house: House, folder: Path) -> None:
    fill(folder, "A", picture(1, 0))
    fill(folder, "B", b"broken model")
    report = import_folder(folder, house.enrol)
    assert report.stopped is not None
    assert report.people_added == 1


def test_it_can_be_stopped_between_people(house: House, folder: Path) -> None:
    fill(folder, "A", picture(1, 0))
    fill(folder, "B", picture(2, 0))
    report = import_folder(folder, house.enrol, should_stop=lambda: house.real_store.count_people() == 1)
    assert report.people_added == 1
    assert report.stopped is not None


def test_a_staff_number_like_a_folders_name_is_not_that_person(house: House, folder: Path) -> None:
    from attendance.services.enrol import NamedPicture

    house.enrol.enrol("Maria", [NamedPicture("m", picture(1))], external_id="1234")
    fill(folder, "1234", picture(2, 0))
    assert import_folder(folder, house.enrol).people_added == 1
    assert house.real_store.count_people() == 2


def test_it_cannot_begin_without_a_folder_a_store_or_the_right_model(house: House, folder: Path) -> None:
    with pytest.raises(SettingsError):
        import_folder(folder / "nothing", house.enrol)
    house.add("Maria", 1)
    house.store.replace("gallery_changes", away)
    with pytest.raises(StoreUnavailableError):
        import_folder(folder, house.enrol)
    house.store.restore()
    other = House(folder.parent, engine=FakeEngine(OTHER))
    with pytest.raises(TemplateMismatchError):
        import_folder(folder, other.enrol)
    other.real_store.close()


def test_many_pictures_are_stored_lot_by_lot_and_the_person_counted_once(house: House, folder: Path) -> None:
    fill(folder, "Maria", *[b"dark"] * 3, *(picture(1, variant) for variant in range(LOT + 6)))
    stored: list[int] = []
    house.engine.before = lambda _: stored.append(house.real_store.count_references())
    report = import_folder(folder, house.enrol)
    assert (report.people_added, report.people_extended, report.totals()["pictures_added"]) == (1, 0, LOT + 6)
    assert house.people.find("Maria").reference_count == LOT + 6
    assert 0 < max(stored) <= LOT, "the first lot is stored before the second is looked at"


def test_what_was_stored_before_the_database_died_is_counted(house: House, folder: Path) -> None:
    fill(folder, "Maria", *(picture(1, variant) for variant in range(LOT + 1)))
    house.store.replace("add_references", away)
    report = import_folder(folder, house.enrol)
    assert report.stopped is not None
    assert (report.people_added, report.totals()["pictures_added"]) == (1, LOT)
    assert house.people.find("Maria").reference_count == LOT


def test_a_name_that_is_taken_in_the_same_moment_is_reported(house: House, folder: Path, tmp_path: Path) -> None:
    fill(folder, "Maria", picture(1, 0))
    other = House(tmp_path)

    def first(_: bytes) -> None:
        house.engine.before = lambda _: None
        other.add("maria", 2)

    house.engine.before = first
    report = import_folder(folder, house.enrol)
    other.real_store.close()
    assert (report.people_refused, report.people_added) == (1, 0)
    assert rows(report, ImportStatus.REFUSED) == [("Maria", "1.jpg", "conflict"), ("Maria", None, "conflict")]
