"""Text from outside may reach a terminal, a spreadsheet and a calendar; none of them may obey it."""

from __future__ import annotations

import csv
import io
import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.cli.text import csv_line, local_text, parse_moment, safe, utc_text

STOCKHOLM = ZoneInfo("Europe/Stockholm")


@given(st.text())
def test_what_is_shown_holds_no_character_that_a_terminal_obeys(text: str) -> None:
    shown = safe(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [
        c for c in shown if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    ]


@pytest.mark.parametrize("name", ["Åsa Öberg", "李小龍", "محمد", "O'Neil-Smith, Jr.", "नेहा क\u094d\u200dष", "Zoë 👩"])
def test_ordinary_names_are_shown_as_they_are(name: str) -> None:
    assert safe(name) == name


def test_control_characters_are_shown_as_escapes() -> None:
    assert safe("Ann\x1b[31m\n\u202eeeL") == r"Ann\x1b[31m\n\u202eeeL"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=2, max_size=5))
def test_csv_can_be_read_back(cells: list[str]) -> None:
    line = csv_line(cells)
    assert line.endswith("\r\n")
    (read,) = csv.reader(io.StringIO(line, newline=""))
    assert [cell.removeprefix("'") for cell in read] == [cell.removeprefix("'") for cell in cells]


@given(st.sampled_from("=+-@\t\r"), st.text())
def test_no_cell_is_a_formula(first: str, rest: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_line([first + rest]), newline="")))
    assert cell == "'" + first + rest


def test_numbers_and_nothing_are_written_plainly() -> None:
    assert csv_line([None, 0.25, -1, "a,b", 'say "x"']) == ',0.25,-1,"a,b","say ""x"""\r\n'


def test_a_date_is_a_day_at_the_site() -> None:
    assert parse_moment("2026-03-29", STOCKHOLM) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    # The day on which the clock goes forward has 23 hours.
    assert parse_moment("2026-03-29", STOCKHOLM, end=True) == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_a_time_may_carry_its_offset_or_be_the_sites() -> None:
    assert parse_moment("2026-01-02T09:00", STOCKHOLM) == datetime(2026, 1, 2, 8, tzinfo=UTC)
    assert parse_moment("2026-01-02T09:00Z", STOCKHOLM) == datetime(2026, 1, 2, 9, tzinfo=UTC)
    assert parse_moment("2026-01-02T09:00-05:00", STOCKHOLM, end=True) == datetime(2026, 1, 2, 14, tzinfo=UTC)
    assert parse_moment("2026-01-02T09:00", None).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "9999-12-31T23:59-14:00", "2026-13-01", "\x00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text, STOCKHOLM)


def test_the_last_day_of_the_calendar_has_no_next() -> None:
    with pytest.raises(ValueError, match="calendar"):
        parse_moment("9999-12-31", STOCKHOLM, end=True)


def test_times_are_written_for_people_and_for_programs() -> None:
    moment = datetime(2026, 7, 1, 7, 2, 11, 123_000, tzinfo=UTC)
    assert local_text(moment, STOCKHOLM) == "2026-07-01 09:02:11+02:00"
    assert utc_text(moment) == "2026-07-01T07:02:11.123Z"
