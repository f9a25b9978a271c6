"""Pages and counts never walk over the wide rows of attempts: SQLite answers them from indices."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from attendance.domain.model import Decision, Reason, RecordFilter, Review
from tests.store_makers import MODEL, NOON, after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from attendance.store.base import Store

SOME = frozenset({"one", "two"})
FILTERS = {
    "all": RecordFilter(),
    "day": RecordFilter(since=NOON, until=after(86_400)),
    "people": RecordFilter(person_ids=SOME),
    "many people": RecordFilter(person_ids=frozenset(map(str, range(1000)))),
    "disputed": RecordFilter(review=Review.DISPUTED),
    "undoubted": RecordFilter(review=Review.NONE),
    "rejected": RecordFilter(decision=Decision.REJECTED, reason=Reason.NO_MATCH),
    "model": RecordFilter(model_id=MODEL),
    "everything": RecordFilter(NOON, after(1), SOME, Decision.ACCEPTED, Reason.MATCH, None, Review.NONE, MODEL),
}


@pytest.fixture
def sent() -> Iterator[list[tuple[str, Any]]]:
    """The queries that SQLAlchemy sends."""
    queries: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        queries.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield queries
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def plan(path: Path, sent: list[tuple[str, Any]]) -> list[str]:
    """What SQLite does for the one query that was sent, a step a line."""
    ((statement, parameters),) = sent
    with contextlib.closing(sqlite3.connect(path)) as file:
        return [str(row[3]) for row in file.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("which", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("name", ["count_attempts", "count_check_ins"])
def test_counts_read_indices_alone(
    path: Path, store: Store, sent: list[tuple[str, Any]], name: str, which: RecordFilter
) -> None:
    count: Callable[[RecordFilter], int] = getattr(store, name)
    sent.clear()
    assert count(which) == 0
    walked = [step for step in plan(path, sent) if "attempts" in step]
    assert all("COVERING INDEX" in step for step in walked)


@pytest.mark.parametrize("which", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("name", ["attempt_page", "check_in_page"])
def test_pages_never_scan_a_table(
    path: Path, store: Store, sent: list[tuple[str, Any]], name: str, which: RecordFilter
) -> None:
    page: Callable[..., list[Any]] = getattr(store, name)
    sent.clear()
    assert page(which, limit=50, offset=99_950) == []
    for step in plan(path, sent):
        assert not step.startswith(("SCAN attempts", "SCAN attendance")) or "INDEX" in step


def test_last_seen_is_one_query_of_searches(path: Path, store: Store, sent: list[tuple[str, Any]]) -> None:
    sent.clear()
    assert store.last_seen([f"person {number}" for number in range(1000)]) == {}
    scanned = [step for step in plan(path, sent) if step.startswith("SCAN")]
    assert all("VIRTUAL TABLE" in step for step in scanned)  # the list of ids itself
