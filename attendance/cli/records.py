"""`records`: the attendance, for people, for spreadsheets and for programs."""

from __future__ import annotations

import sys
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from attendance.cli.output import emit, note, say
from attendance.cli.session import AsJson, opened
from attendance.cli.text import csv_line, local_text, parse_moment, safe, utc_text
from attendance.domain.names import name_key
from attendance.errors import PersonNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Any
    from zoneinfo import ZoneInfo

    from attendance.domain.model import CheckIn
    from attendance.store.base import Store

COLUMNS = (
    "time_local",
    "time_utc",
    "person",
    "entered_name",
    "distance_l2",
    "kind",
    "site",
    "source",
    "day",
    "person_id",
    "attempt_id",
)


class Format(StrEnum):
    """How records are written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


def records(
    since: Annotated[
        str | None, typer.Option("--from", metavar="WHEN", help="From this date (at the site) or ISO time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="WHEN", help="To this date, the day included, or before this ISO time.")
    ] = None,
    person: Annotated[str | None, typer.Option("--person", help="Only this person: name or staff number.")] = None,
    output: Annotated[
        Format, typer.Option("--format", help="text for people, csv for spreadsheets, json for programs.")
    ] = Format.TEXT,
    as_json: AsJson = False,
) -> int:
    """List the attendance records, oldest first."""
    with opened() as (application, _):
        zone = application.zone
        window = (_moment("--from", since, zone), _moment("--to", until, zone, end=True))
        found = _check_ins(application.store, window, person)
        if as_json or output is Format.JSON:
            emit({"records": [_row(record, zone) for record in found]})
        elif output is Format.CSV:
            _write_csv(found, zone)
        else:
            _write_text(found, zone)
    return 0


def _moment(option: str, text: str | None, zone: ZoneInfo | None, *, end: bool = False) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(text, zone, end=end)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} takes a date such as 2026-03-01 or a time such as 2026-03-01T09:00, not {text!r}."
        ) from error


def _check_ins(store: Store, window: tuple[datetime | None, datetime | None], person: str | None) -> Iterator[CheckIn]:
    """The records of a time; of one person where asked, also one who has been removed since."""
    since, until = window
    if person is None:
        return store.check_ins(since=since, until=until)
    try:
        person_id = store.find_person(person).person_id
    except PersonNotFoundError:
        key = name_key(person)
        # Everybody's records, once: only a person with none at all is unknown, not one with none in this time.
        if not any(name_key(record.matched_identity) == key for record in store.check_ins()):
            raise
        return (r for r in store.check_ins(since=since, until=until) if name_key(r.matched_identity) == key)
    return store.check_ins(since=since, until=until, person_id=person_id)


def _row(record: CheckIn, zone: ZoneInfo | None) -> dict[str, Any]:
    values = (
        local_text(record.timestamp, zone),
        utc_text(record.timestamp),
        record.matched_identity,
        record.entered_name,
        record.distance,
        record.kind,
        record.site,
        record.source,
        record.day,
        record.person_id,
        record.attempt_id,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _write_csv(found: Iterable[CheckIn], zone: ZoneInfo | None) -> None:
    """UTF-8 whatever the terminal speaks, since a file is made of it; row by row, so that any number fits."""
    on_terminal = sys.stdout.isatty()
    sys.stdout.flush()
    rows = (tuple(_row(record, zone).values()) for record in found)
    for row in chain([COLUMNS], rows):
        line = csv_line(row)
        text = f"{safe(line.rstrip())}\n" if on_terminal else line
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def _write_text(found: Iterable[CheckIn], zone: ZoneInfo | None) -> None:
    empty = True
    for record in found:
        empty = False
        distance = "     -" if record.distance is None else f"{record.distance:6.3f}"
        say(f"{local_text(record.timestamp, zone)}  {distance}  {record.matched_identity}")
    if empty:
        note("No records.")
