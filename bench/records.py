"""The Records page over 100,000 check-ins: what each of its parts waits for. `python -m bench.records`.

500 people over 200 working days, with one attempt in ten that knew nobody, in a SQLite file. Each figure holds all that the
page reads for that view: everybody's names, how many records fit, and the lines of one page.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from attendance.domain.model import CheckIn, Outcome
from attendance.services.report_rows import Result
from attendance.services.reports import PAGE, RecordQuery, ReportService
from attendance.services.spreadsheet import write_csv
from attendance.store.archive import RestoredPerson, StoredAttempt
from attendance.store.connect import connect
from bench.measure import Row, milliseconds, sized
from tests.store_makers import MODEL, attempt, person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attendance.domain.model import Attempt, Person
    from attendance.store.base import Store

PEOPLE = 500
DAYS = sized(200)
FIRST = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
GOAL_MS = 200.0  # a light page's, docs/decisions/0008-pace.md
ROUNDS = 9


class Filled(NamedTuple):
    """What was put in."""

    check_ins: int
    attempts: int
    last_day: datetime


def fill(store: Store, days: int) -> Filled:
    """Everybody checks in each day, a few seconds after each other; every tenth time a stranger stands there before."""
    everybody = [person(f"Person {n:04d}", external_id=f"{n:05d}", group=f"Team {n % 20}") for n in range(PEOPLE)]
    store.activate_model(MODEL)
    store.restore_people([RestoredPerson(one) for one in everybody])
    attempts = 0
    for day in range(days):
        opens = FIRST + timedelta(days=day)
        came = [_came(one, opens + timedelta(seconds=20 * n)) for n, one in enumerate(everybody)]
        strangers = [
            StoredAttempt(attempt(None, opens + timedelta(seconds=20 * n + 10)), None) for n in range(0, PEOPLE, 10)
        ]
        store.restore_check_ins([(_record(one), 1) for one in came])
        store.restore_attempts([*(StoredAttempt(one, one.attempt_id) for one in came), *strangers])
        attempts += len(came) + len(strangers)
    return Filled(days * PEOPLE, attempts, FIRST + timedelta(days=days - 1))


def _came(who: Person, at: datetime) -> Attempt:
    return attempt(who, at, outcome=Outcome.RECORDED, day=f"{at:%Y-%m-%d}")


def _record(left_by: Attempt) -> CheckIn:
    name = left_by.person_name or ""
    return CheckIn(
        left_by.at_utc, name, name, left_by.distance_l2, left_by.person_id, left_by.attempt_id, left_by.day, source="kiosk"
    )


def rows(_faces: Path | None = None) -> list[Row]:
    """Each view of the page, and the whole file."""
    with tempfile.TemporaryDirectory(prefix="attend-records-") as folder:
        store = connect(f"sqlite:///{folder}/attendance.db", timeout_s=60)
        try:
            filled = fill(store, DAYS)
            reports = ReportService(store, UTC)
            found = [_row(name, view, filled) for name, view in _views(reports, filled).items()]
            directory = reports.directory()
            took = milliseconds(lambda: write_csv(reports.rows(RecordQuery(), directory), io.BytesIO(), UTC, None))
            return [*found, Row(f"all {filled.check_ins:,} check-ins as CSV", took, "", None, None, None, "one run")]
        finally:
            store.close()


def _views(reports: ReportService, filled: Filled) -> dict[str, Callable[[], object]]:
    last = filled.last_day.date()
    pages = filled.check_ins // PAGE
    queries = {
        "all days, first page": (RecordQuery(), 1),
        "all days, last page": (RecordQuery(), pages),
        "one person": (RecordQuery(person="Person 0123"), 1),
        "one group": (RecordQuery(group="Team 7"), 1),
        "a month": (RecordQuery(first=last - timedelta(days=30), last=last), 1),
        "attempts, not recognised": (RecordQuery(attempts=True, result=Result.NOT_RECOGNISED), 1),
    }

    def view(query: RecordQuery, number: int) -> object:
        directory = reports.directory()
        return reports.count_to_settle(), reports.count(query, directory), reports.page(query, directory, number)

    found: dict[str, Callable[[], object]] = {name: partial(view, *which) for name, which in queries.items()}
    return {**found, "a day at a glance": lambda: reports.day(last, reports.directory())}


def _row(name: str, view: Callable[[], object], filled: Filled) -> Row:
    view()
    took = statistics.median(milliseconds(view) for _ in range(ROUNDS))
    what = f"Records of {filled.check_ins:,} check-ins and {filled.attempts:,} attempts: {name}"
    return Row(what, took, f"goal {GOAL_MS:g} ms", None, GOAL_MS / took, 1.0)


def main() -> int:
    """Measure and print."""
    for row in rows():
        print(f"{row.name}: {row.ours_ms:.1f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
