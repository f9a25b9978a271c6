"""The audit: a chain in which a change or a gap shows, whoever wrote at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attendance.domain.audit import GENESIS, first_broken
from tests.store_makers import NOON, after

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store


def test_entries_come_back_in_order_and_hang_together(store: Store) -> None:
    assert list(store.audit()) == []
    details = {"name": "Åsa $.{}", "pictures": 3, "ratio": 0.25, "nested": {"a.b": [1, None, True]}}
    first = store.append_audit("operator", "enrol", details, NOON)
    second = store.append_audit("محمد", "remove", {}, after(-5))
    assert (first.sequence, first.previous) == (1, GENESIS)
    assert (second.sequence, second.previous) == (2, first.digest)
    entries = list(store.audit())
    assert entries == [first, second]
    assert entries[0].details == details
    assert first_broken(entries) is None


def test_times_are_cut_to_the_millisecond(open_store: Callable[[], Store]) -> None:
    entry = open_store().append_audit("a", "b", {}, datetime(2026, 1, 1, 0, 0, 0, 1999, tzinfo=UTC))
    assert entry.at_utc.microsecond == 1000
    assert list(open_store().audit()) == [entry]


def test_one_chain_under_concurrent_writers(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda n: stores[n % 2].append_audit("a", "b", {"n": n}, NOON), range(40)))
    entries = list(stores[0].audit())
    assert [one.sequence for one in entries] == list(range(1, 41))
    assert sorted(written, key=lambda one: one.sequence) == entries
    assert first_broken(entries) is None
