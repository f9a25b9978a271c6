"""Attendance, attempts, saved settings and the audit of an export."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any

from attendance.export.layout import ATTEMPTS, ATTENDANCE, AUDIT, SETTINGS, line
from attendance.export.people import readable
from attendance.export.records import attempt_row, audit_row, check_in_row, setting_row
from attendance.export.sorting import SortedLines
from attendance.store.archive import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attendance.export.stage import Stage
    from attendance.export.summary import Problems
    from attendance.store.archive import Snapshot

_LATE = 500  # attempts that are asked for together
SETTINGS_KIND = "settings"  # as services.choices keeps them; sessions, screens and secrets are of other kinds


def write_attendance(snapshot: Snapshot, stage: Stage, problems: Problems) -> Counter[str]:
    """attendance.json, one JSON list as it always was, and attempts.jsonl; both in the order of time.

    Where a snapshot is not of one moment: an attempt is stored after its record, so attempts are read first, and those that
    were stored before the records were read are added.
    """
    counts: Counter[str] = Counter()
    folder = stage.root.parent
    with (
        SortedLines(folder) as attempts,
        SortedLines(folder) as records,
        SortedLines(folder) as ids,
        SortedLines(folder) as of,
    ):
        for stored in readable(snapshot.attempts(), problems):
            _add(attempts, "at_utc", attempt_row(stored))
            ids.add(_quoted(stored.attempt.attempt_id))
        for record in readable(snapshot.check_ins(), problems):
            _add(records, "timestamp", check_in_row(record))
            counts["attendance"] += 1
            if record.attempt_id is not None:
                of.add(_quoted(record.attempt_id))
        missing = (json.loads(one) for one in _without(iter(of), iter(ids)))
        while some := list(islice(missing, _LATE)):
            for late in snapshot.attempts(some):
                if not isinstance(late, Broken):  # told above
                    _add(attempts, "at_utc", attempt_row(late))
        with stage.writing(ATTENDANCE) as file:
            file.write(b"[")
            for number, text in enumerate(_ordered(records)):
                file.write(f"{',' if number else ''}\n{text}".encode())
            file.write(b"\n]\n")
        counts["attempts"] = stage.write_lines(ATTEMPTS, _ordered(attempts))
    return counts


def write_rest(snapshot: Snapshot, stage: Stage, problems: Problems) -> Counter[str]:
    """settings.json and audit.jsonl."""
    with stage.writing(SETTINGS) as file:
        saved = [setting_row(kept) for kept in snapshot.kept(SETTINGS_KIND)]
        file.write(f"{line({'active_model': snapshot.active_model(), 'saved': saved})}\n".encode())
    entries = (line(audit_row(entry)) for entry in readable(snapshot.audit(), problems))
    return Counter(audit=stage.write_lines(AUDIT, entries))


def _add(ordered: SortedLines, time: str, row: dict[str, Any]) -> None:
    ordered.add(f"{row[time]} {line(row)}")


def _ordered(lines: Iterable[str]) -> Iterator[str]:
    return (text.partition(" ")[2] for text in lines)


def _without(lines: Iterator[str], others: Iterator[str]) -> Iterator[str]:
    """Those of the first that are not among the others; both in order."""
    other = next(others, None)
    for text in lines:
        while other is not None and other < text:
            other = next(others, None)
        if other != text:
            yield text
