"""Reading ahead: the same items in the same order, never much ahead of who writes them, and no error lost."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.export.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(st.lists(st.integers(0, 50)), st.integers(1, 120))
def test_items_come_as_they_are_in_their_order(items: list[int], at_once: int) -> None:
    assert list(ahead(items, lambda item: item, at_once)) == items


@given(st.integers(0, 40), st.integers(1, 15))
def test_an_error_of_the_source_is_raised_and_ends_it(before: int, at_once: int) -> None:
    def source() -> Iterator[int]:
        yield from range(before)
        raise OSError("the disk is gone")

    seen: list[int] = []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(ahead(source(), lambda _: 1, at_once))
    assert seen == list(range(before - before % at_once))


def test_the_source_is_read_a_chunk_ahead_and_no_further() -> None:
    taken = []

    def source() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    reading = ahead(source(), lambda _: 1, 10)
    for item in reading:
        # the chunk of this item, and the one behind it
        assert len(taken) <= 10 * (item // 10 + 2)
    assert len(taken) == 100


def test_who_stops_early_waits_for_what_is_being_read_and_no_thread_is_left() -> None:
    reached = []

    def source() -> Iterator[int]:
        for item in range(1_000_000):
            reached.append(item)
            yield item

    before = threading.active_count()
    with closing(ahead(source(), lambda _: 1, 10)) as reading:
        assert next(reading) == 0
    assert len(reached) <= 20
    assert threading.active_count() == before


def test_only_one_thread_is_ever_in_the_source() -> None:
    threads = set()

    def source() -> Iterator[int]:
        for item in range(50):
            threads.add(threading.get_ident())
            yield item

    assert len(list(ahead(source(), lambda _: 1, 5))) == 50
    assert len(threads) == 1
    assert threading.get_ident() not in threads
