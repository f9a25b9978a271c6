"""Text that is safe to show: names of older databases may hold anything, and terminals and spreadsheets obey some of it."""

from __future__ import annotations

import csv
import io
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

# Control, format (reading direction, invisible), surrogate, private, unassigned, line and paragraph separators.
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # belong inside words of several scripts, as in domain.names
# A spreadsheet takes a cell that begins like this for a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(text: str) -> str:
    """The text with every character that a terminal could obey, or an eye could miss, written as an escape."""
    return "".join(
        character
        if character in _JOINERS or unicodedata.category(character) not in _UNSAFE
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def csv_line(cells: Sequence[object]) -> str:
    """One line of RFC 4180 with its CR LF; None is an empty cell; text that looks like a formula gets a leading ``'``."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def local(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """An aware time in the site's zone; None is the machine's own."""
    return moment.astimezone(zone)


def local_text(moment: datetime, zone: ZoneInfo | None) -> str:
    """As people read it, to the second, with the zone's offset: ``2026-03-01 09:02:11+01:00``."""
    return local(moment, zone).isoformat(sep=" ", timespec="seconds")


def utc_text(moment: datetime) -> str:
    """As programs read it: ISO 8601 in UTC with milliseconds, ``2026-03-01T08:02:11.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_moment(text: str, zone: ZoneInfo | None, *, end: bool = False) -> datetime:
    """A date, or an ISO 8601 time, as an aware time in UTC.

    A date is the site's: its first instant or, with ``end``, the first instant of the next day, so that the day itself is
    included. A time without an offset is the site's own.

    Raises:
        ValueError: neither of the two, or not a time that a calendar can hold.
    """
    text = text.strip()
    try:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            moment = datetime.fromisoformat(text)
        else:
            moment = datetime.combine(day + timedelta(days=1) if end else day, time.min)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} lies outside the calendar") from error
