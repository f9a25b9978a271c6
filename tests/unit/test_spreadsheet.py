"""The files that the office downloads: what a spreadsheet reads is what was recorded, and nothing in them is a formula."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.services.report_rows import Row
from attendance.services.spreadsheet import harmless, write_csv, write_xlsx

if TYPE_CHECKING:
    from collections.abc import Iterator

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"
ATTACKS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    *(f"{sign}1" for sign in FULL_WIDTH),
    " =1",
    "\u00a0=1",
    "\ufeff=1",
]


def row(name: str = "Maria Lindqvist", at: datetime | None = None, group: str = "") -> Row:
    return Row(
        at=at or datetime(2026, 3, 2, 8, 2, 11, 999_000, tzinfo=UTC),
        name=name,
        name_now="",
        staff_number="0042",
        group=group,
        result="Checked in",
        reason="Within the threshold",
        mode="1:N",
        distance_l2=0.412345,
        threshold=0.53,
        source="kiosk",
        site="main",
        attempt_id="attempt-1",
        person_id="p1",
    )


def as_csv(*rows: Row) -> list[list[str]]:
    out = io.BytesIO()
    assert write_csv(rows, out, STOCKHOLM) == len(rows)
    return list(csv.reader(io.StringIO(out.getvalue().decode("utf-8-sig"), newline="")))


def sheet_of(data: bytes) -> ET.Element:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        return ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - written by this test


def as_xlsx(*rows: Row) -> ET.Element:
    out = io.BytesIO()
    assert write_xlsx(rows, out, STOCKHOLM) == len(rows)
    return sheet_of(out.getvalue())


def test_a_csv_is_rfc_4180_in_utf_8_with_a_mark_and_local_times() -> None:
    out = io.BytesIO()
    write_csv([row('Zoë "Z" O\u2019Hara, Jr')], out, STOCKHOLM)
    raw = out.getvalue()
    assert raw.startswith(b"\xef\xbb\xbfLocal time,Date,Time,Person,")
    assert raw.count(b"\r\n") == 2
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0
    heading, line = as_csv(row('Zoë "Z" O\u2019Hara, Jr'))
    cells = dict(zip(heading, line, strict=True))
    assert cells["Local time"] == "2026-03-02T09:02:11+01:00"
    assert (cells["Date"], cells["Time"]) == ("2026-03-02", "09:02:11")
    assert cells["Person"] == 'Zoë "Z" O\u2019Hara, Jr'
    assert (cells["Distance (L2)"], cells["Threshold"]) == ("0.4123", "0.53")


def test_the_hour_that_comes_twice_is_told_apart_by_its_offset() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    lines = as_csv(row(at=first), row(at=first + timedelta(hours=1)))[1:]
    assert [line[0] for line in lines] == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]


@pytest.mark.parametrize("text", ATTACKS)
def test_no_csv_cell_begins_a_formula(text: str) -> None:
    cells = as_csv(row(text, group=text))[1]
    assert f"'{text}" in cells
    assert text not in cells


@given(st.text())
def test_a_csv_gives_every_other_text_back_as_it_is(text: str) -> None:
    safe = harmless(text)
    assert safe in {text, f"'{text}"}
    assert safe[:1] not in set("=+-@\t\r\n" + FULL_WIDTH)


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell() -> None:
    heading, line = as_csv(row())
    assert line[heading.index("Distance (L2)")] == "0.4123"
    assert line[heading.index("Name now")] == ""


@pytest.mark.parametrize("text", [*ATTACKS, "http://example.org", "0042", "{=1}", "mailto:a@b"])
def test_an_xlsx_holds_every_text_as_text(text: str) -> None:
    sheet = as_xlsx(row(text))
    assert not list(sheet.iter(f"{SHEET}f"))
    assert not list(sheet.iter(f"{SHEET}hyperlink"))
    cell = next(cell for cell in sheet.iter(f"{SHEET}c") if cell.get("r") == "C2")
    assert cell.get("t") in {"inlineStr", "s"}


def test_an_xlsx_has_real_times_a_frozen_heading_and_a_filter() -> None:
    sheet = as_xlsx(row())
    cells = {cell.get("r"): cell for cell in sheet.iter(f"{SHEET}c")}
    value = cells["A2"].find(f"{SHEET}v")
    assert cells["A2"].get("t") in {None, "n"}
    assert value is not None
    # Days since 30 December 1899, local time, whole seconds.
    moment = datetime(1899, 12, 30) + timedelta(days=float(value.text or "0"))  # noqa: DTZ001 - a sheet's times have no zone
    assert abs(moment - datetime(2026, 3, 2, 9, 2, 11)) < timedelta(milliseconds=10)  # noqa: DTZ001 - the same
    pane = next(sheet.iter(f"{SHEET}pane"))
    assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
    assert next(sheet.iter(f"{SHEET}autoFilter")).get("ref") == "A1:N2"


def test_many_rows_are_written_with_little_memory_and_progress_is_told() -> None:
    def rows() -> Iterator[Row]:
        for number in range(10_000):
            yield row(f"Person {number}")

    class Nowhere(io.BytesIO):
        size = 0

        def write(self, data: Any) -> int:
            self.size += len(data)
            return len(data)

    told: list[int] = []
    out = Nowhere()
    tracemalloc.start()
    assert write_csv(rows(), out, STOCKHOLM, told.append) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out.size > 1_000_000
    assert peak < 300_000
    assert told[0] == 500
    assert told == sorted(told)


def test_an_empty_file_still_has_its_heading() -> None:
    assert len(as_csv()) == 1
    assert next(cell.get("r") for cell in as_xlsx().iter(f"{SHEET}c")) == "A1"
