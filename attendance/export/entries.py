"""Attendance, attempts, saved settings and the audit of an export."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from attendance.export.layout import ATTEMPTS, ATTENDANCE, AUDIT, SETTINGS, line
from attendance.export.people import readable
from attendance.export.records import attempt_row, audit_row, check_in_row, setting_row
from attendance.export.sorting import SortedLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attendance.export.stage import Stage
    from attendance.export.summary import Problems
    from attendance.store.archive import Snapshot

SETTINGS_KIND = "settings"  # as services.choices keeps them; sessions, screens and secrets are of other kinds


def write_attendance(snapshot: Snapshot, stage: Stage, problems: Problems) -> Counter[str]:
    """attendance.json, one JSON list as it always was, and attempts.jsonl; both in the order of time."""
    counts: Counter[str] = Counter()
    with SortedLines(stage.root.parent) as ordered, stage.writing(ATTENDANCE) as file:
        for record in readable(snapshot.check_ins(), problems):
            _add(ordered, "timestamp", check_in_row(record))
            counts["attendance"] += 1
        file.write(b"[")
        for number, text in enumerate(_ordered(ordered)):
            file.write(f"{',' if number else ''}\n{text}".encode())
        file.write(b"\n]\n")
    with SortedLines(stage.root.parent) as ordered:
        for stored in readable(snapshot.attempts(), problems):
            _add(ordered, "at_utc", attempt_row(stored))
        counts["attempts"] = stage.write_lines(ATTEMPTS, _ordered(ordered))
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
