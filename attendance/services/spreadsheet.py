"""Records as files that a spreadsheet opens correctly: CSV and XLSX, written line by line, with bounded memory.

No cell is ever a formula. In XLSX every text is stored as text. CSV has no types, and spreadsheets take a cell that begins
with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return (or the full-width forms, which some fold) for a formula (OWASP,
CSV Injection): such a text gets an apostrophe before it, the mark with which spreadsheets themselves keep text as text.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any, cast

from attendance.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime, tzinfo

    from attendance.services.report_rows import Row

BOM = "\ufeff"  # by which Excel knows UTF-8
XLSX_ROWS = 1_048_575  # of a sheet (Microsoft, Excel specifications and limits), without the heading
TOLD_EVERY = 500  # lines between two calls of ``progress``
_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # the last four: full-width = + - @
_PASSED_OVER = " \u00a0\u3000\ufeff\u200b"  # blanks that a spreadsheet may drop before it looks


class Kind(StrEnum):
    """How a file is written; the value is also its ending."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    width: int  # in characters, for XLSX
    value: Callable[[Row], str | float | None]


_COLUMNS = (
    _Column("Person", 28, lambda row: row.name),
    _Column("Name now", 22, lambda row: row.name_now),
    _Column("Staff number", 14, lambda row: row.staff_number),
    _Column("Group", 18, lambda row: row.group),
    _Column("Result", 22, lambda row: row.result),
    _Column("Reason", 34, lambda row: row.reason),
    _Column("Mode", 8, lambda row: row.mode),
    _Column("Distance (L2)", 13, lambda row: None if row.distance_l2 is None else round(row.distance_l2, 4)),
    _Column("Threshold", 11, lambda row: row.threshold),
    _Column("Source", 14, lambda row: row.source),
    _Column("Site", 14, lambda row: row.site),
    _Column("Attempt", 36, lambda row: row.attempt_id),
)


def harmless(text: str) -> str:
    """The text as a CSV cell that no spreadsheet takes for a formula."""
    begins = text.lstrip(_PASSED_OVER)[:1]
    return f"'{text}" if begins and begins in _FORMULA else text


def write_csv(
    rows: Iterable[Row], out: IO[bytes], zone: tzinfo | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Write RFC 4180 in UTF-8 with a byte order mark; how many lines there were, without the heading.

    Args:
        rows: read once, one at a time.
        out: takes the bytes.
        zone: of the times; None is the machine's own.
        progress: told how many lines are written, every TOLD_EVERY of them.
    """
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    text.write(BOM)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["Local time", "Date", "Time", *(column.heading for column in _COLUMNS)])
    count = 0
    for row in rows:
        local = row.at.astimezone(zone)
        moment = [local.isoformat(timespec="seconds"), local.strftime("%Y-%m-%d"), local.strftime("%H:%M:%S")]
        writer.writerow([*moment, *(_csv_cell(column.value(row)) for column in _COLUMNS)])
        count += 1
        if progress is not None and count % TOLD_EVERY == 0:
            progress(count)
    text.flush()
    text.detach()  # the caller's stream stays open
    return count


def write_xlsx(
    rows: Iterable[Row], out: IO[bytes], zone: tzinfo | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Write one sheet with a frozen heading and real times; the arguments as for ``write_csv``.

    Raises:
        ExportError: more lines than a sheet can hold.
    """
    import xlsxwriter  # type: ignore[import-untyped]  # ships no types; used here alone

    book = xlsxwriter.Workbook(
        cast("io.BytesIO", out),
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
        },
    )
    heading = book.add_format({"bold": True, "bottom": 1})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet("Records")
    sheet.freeze_panes(1, 0)
    headings = ["Local time", "UTC offset", *(column.heading for column in _COLUMNS)]
    for at, width in enumerate([20, 11, *(column.width for column in _COLUMNS)]):
        sheet.set_column(at, at, width)
    for at, text in enumerate(headings):
        sheet.write_string(0, at, text, heading)
    count = 0
    try:
        for row in rows:
            if count == XLSX_ROWS:
                raise ExportError(f"A sheet holds {XLSX_ROWS:,} lines at most. Take CSV, or a shorter time.")
            count += 1
            local = row.at.astimezone(zone)
            sheet.write_datetime(count, 0, local.replace(tzinfo=None, microsecond=0), moment)
            sheet.write_string(count, 1, _offset(local))
            for at, column in enumerate(_COLUMNS, start=2):
                _write(sheet, count, at, column.value(row))
            if progress is not None and count % TOLD_EVERY == 0:
                progress(count)
        sheet.autofilter(0, 0, count, len(headings) - 1)
    finally:
        book.close()  # also takes away the temporary files
    return count


def _write(sheet: Any, row: int, column: int, value: str | float | None) -> None:
    if isinstance(value, str):
        if value:
            sheet.write_string(row, column, value)
    elif value is not None:
        sheet.write_number(row, column, value)


def _csv_cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else f"{value:g}"


def _offset(local: datetime) -> str:
    return local.isoformat(timespec="seconds")[19:]  # behind 2026-03-02T09:02:11
