"""What the office is told of the records, from a real store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from attendance.domain.model import (
    Attempt,
    CheckIn,
    Decision,
    Mode,
    Outcome,
    Person,
    PersonStatus,
    Reason,
    Review,
)
from attendance.services import reports as module
from attendance.services.report_rows import REASON_WORDS, Directory, Result, row_of_attempt, row_of_check_in
from attendance.services.reports import RecordQuery, ReportService, zone_name
from tests.fakes import Clock, House, picture

STOCKHOLM = ZoneInfo("Europe/Stockholm")
MONDAY = date(2026, 3, 2)  # the fakes' clock stands at 09:00 at the site


def reports_of(house: House) -> ReportService:
    return ReportService(house.real_store, STOCKHOLM, house.clock)


def attempt(**changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "attempt_id": "attempt-00000001",
        "at_utc": datetime(2026, 3, 2, 8, tzinfo=UTC),
        "mode": Mode.IDENTIFICATION,
        "decision": Decision.REJECTED,
        "reason": Reason.NO_MATCH,
        "outcome": Outcome.NONE,
        "records": True,
        "entered_name": None,
        "person_id": None,
        "person_name": None,
        "nearest_person_id": "maria",
        "distance_l2": 0.61,
        "runner_up_l2": None,
        "threshold": 0.54,
        "model_id": "m",
    }
    return Attempt(**(values | changes))


def test_a_day_at_a_glance(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    leo = house.add("Leo", 3)
    house.people.deactivate(leo.person_id, actor="Olof")
    house.checkin.attempt(picture(1, 7))
    house.clock.forward(3_600)
    house.checkin.attempt(picture(1, 8))  # a second check-in of the day is not a second arrival
    house.checkin.attempt(b"dark")
    reports = reports_of(house)
    day = reports.day(MONDAY, reports.directory())
    assert [(one.name, one.person) for one in day.arrivals] == [("Maria", house.people.person(maria.person_id))]
    assert day.arrivals[0].at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert [person.person_id for person in day.missing] == [tom.person_id]
    assert (day.present, day.expected, day.attempts, day.refused, day.is_today) == (1, 2, 3, 1, True)
    yesterday = reports.day(MONDAY - timedelta(days=1), reports.directory())
    assert (yesterday.present, yesterday.attempts, yesterday.is_today) == (0, 0, False)


@pytest.mark.parametrize("review", [Review.DISPUTED, Review.VOID])
def test_a_doubted_check_in_is_nobodys_arrival_but_stays_in_the_list(house: House, review: Review) -> None:
    house.add("Maria", 1)
    stored = house.checkin.attempt(picture(1, 7)).attempt
    house.real_store.set_review(stored.attempt_id, review, actor="kiosk", at_utc=house.clock(), expected=Review.NONE)
    reports = reports_of(house)
    directory = reports.directory()
    day = reports.day(MONDAY, directory)
    assert (day.arrivals, day.disputed) == ((), review is Review.DISPUTED)
    (row,) = reports.page(RecordQuery(first=MONDAY, last=MONDAY), directory, 1)
    assert row.result == f"Checked in, {review}"
    assert reports.count_to_settle() == len(reports.to_settle()) == (review is Review.DISPUTED)


def test_a_day_is_the_sites_day(house: House) -> None:
    house.add("Maria", 1)
    house.clock.now = datetime(2026, 3, 1, 22, 59, 59, tzinfo=UTC)  # one second before Monday in Stockholm
    house.checkin.attempt(picture(1, 7))
    house.clock.now = datetime(2026, 3, 1, 23, 1, tzinfo=UTC)
    house.checkin.attempt(picture(1, 8))
    reports = reports_of(house)
    directory = reports.directory()
    assert reports.today() == MONDAY
    assert reports.count(RecordQuery(first=MONDAY, last=MONDAY), directory) == 1
    assert reports.count(RecordQuery(last=MONDAY - timedelta(days=1)), directory) == 1
    assert reports.count(RecordQuery(first=date.min, last=date.max), directory) == 2


def test_arrivals_stand_in_local_quarter_hours_and_no_quarter_is_left_out(house: House) -> None:
    house.add("Maria", 1)
    house.clock.now = datetime(2026, 3, 2, 4, 59, tzinfo=UTC)  # 05:59 at the site: before the usual hours
    house.checkin.attempt(picture(1, 7))
    reports = reports_of(house)
    quarters = reports.quarters(reports.day(MONDAY, reports.directory()))
    assert quarters[0][0] == "05:00"
    assert quarters[-1][0] == "17:45"
    assert len(quarters) == 13 * 4
    assert [one for one in quarters if one[1]] == [("05:45", 1)]


def test_filters_narrow_by_person_number_group_and_result(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    house.people.set_details(maria.person_id, external_id="1042", group="Design", actor="Olof")
    house.people.set_details(tom.person_id, external_id="0988", group="Workshop", actor="Olof")
    for person in (1, 1, 2):
        house.checkin.attempt(picture(person, 7))
    house.checkin.attempt(b"noface")
    reports = reports_of(house)
    directory = reports.directory()

    def names(**wanted: Any) -> list[str]:
        return [row.name for row in reports.page(RecordQuery(**wanted), directory, 1)]

    assert sorted(names()) == ["Maria", "Tom"]
    assert names(person="mar") == names(person="104") == names(group="Design") == ["Maria"]
    assert names(person="maria", group="Workshop") == []
    assert sorted(names(attempts=True)) == ["", "Maria", "Maria", "Tom"]
    assert names(attempts=True, result=Result.ALREADY) == ["Maria"]
    assert names(attempts=True, result=Result.NOT_RECOGNISED) == [""]
    assert sorted(names(attempts=True, result=Result.CHECKED_IN)) == ["Maria", "Tom"]
    assert names(result=Result.VOID) == names(result=Result.DISPUTED) == []


def test_a_row_tells_the_name_of_then_and_number_and_group_of_now(house: House) -> None:
    maria = house.add("Maria", 1)
    house.checkin.attempt(picture(1, 7))
    house.people.rename(maria.person_id, "Maja", actor="Olof")
    house.people.set_details(maria.person_id, external_id="1042", group="Design", actor="Olof")
    reports = reports_of(house)
    (row,) = reports.page(RecordQuery(), reports.directory(), 1)
    assert (row.name, row.name_now, row.staff_number, row.group) == ("Maria", "Maja", "1042", "Design")
    assert row.distance_l2 is not None
    assert row.distance_l2 <= 0.54
    assert row.threshold == 0.54
    house.people.remove(maria.person_id, actor="Olof")
    (row,) = reports.page(RecordQuery(), reports.directory(), 1)
    assert (row.name, row.name_now, row.staff_number, row.group) == ("Maria", "", "", "")


def test_nobody_is_named_for_a_face_that_was_not_accepted() -> None:
    directory = Directory([Person("maria", "Maria", "1042", "Design")])
    rejected = row_of_attempt(attempt(), directory)
    assert (rejected.name, rejected.staff_number, rejected.reason) == ("", "", "Nobody is near enough")
    assert rejected.distance_l2 == 0.61
    claimed = row_of_attempt(attempt(mode=Mode.VERIFICATION, entered_name="Maria"), directory)
    assert (claimed.name, claimed.reason) == ("Maria (claimed)", "Not near the claimed person")
    assert (claimed.staff_number, claimed.name_now) == ("", "")


def test_a_record_of_an_older_database_says_no_more_than_it_holds() -> None:
    old = CheckIn(datetime(2024, 1, 1, tzinfo=UTC), "maria", "Maria\u202e", None)
    row = row_of_check_in(old, None, Directory([Person("maria", "Maria\ufffd", None, "Design", PersonStatus.ACTIVE)]))
    assert (row.name, row.result, row.mode, row.reason) == ("Maria\ufffd", "Checked in", "", "")
    assert (row.distance_l2, row.threshold, row.source, row.attempt_id) == (None, None, "older record", "")


def test_every_reason_has_its_words() -> None:
    assert set(REASON_WORDS) == set(Reason)
    assert len(set(REASON_WORDS.values())) == len(Reason)


def test_all_rows_come_once_also_where_many_share_a_millisecond(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOT", 7)
    start = house.clock.now
    moments = [start] * 20 + [start + timedelta(seconds=second) for second in range(10)]
    for number, at in enumerate(moments):
        house.real_store.settle(attempt(attempt_id=f"attempt-{number:08d}", at_utc=at), 0.0)
    house.clock.now = start + timedelta(hours=1)
    reports = reports_of(house)
    rows = list(reports.rows(RecordQuery(attempts=True), reports.directory()))
    assert sorted(row.attempt_id for row in rows) == [f"attempt-{number:08d}" for number in range(30)]
    assert [row.at for row in rows] == sorted((row.at for row in rows), reverse=True)


def test_what_is_recorded_while_a_file_is_written_is_not_in_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOT", 2)
    for number in range(4):
        house.real_store.settle(attempt(attempt_id=f"attempt-{number:08d}"), 0.0)
    reports = reports_of(house)
    rows = reports.rows(RecordQuery(attempts=True), reports.directory())
    first = next(rows)
    house.real_store.settle(attempt(attempt_id="attempt-later", at_utc=house.clock() + timedelta(seconds=1)), 0.0)
    assert "attempt-later" not in {first.attempt_id, *(row.attempt_id for row in rows)}


def test_pages_do_not_overlap(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    for number in range(7):
        house.real_store.settle(attempt(attempt_id=f"attempt-{number:08d}"), 0.0)
    reports = reports_of(house)
    directory, query = reports.directory(), RecordQuery(attempts=True)
    pages = [[row.attempt_id for row in reports.page(query, directory, number)] for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert len({one for page in pages for one in page}) == reports.count(query, directory) == 7


def test_times_are_in_a_zone_that_has_a_name() -> None:
    now = Clock()()
    assert zone_name(STOCKHOLM, now) == "Europe/Stockholm"
    assert zone_name(None, now).startswith("this machine's time zone (")
