"""Reading ahead: the same items in the same order, one ahead and no further, and no error lost."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.store.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(st.lists(st.integers()))
def test_items_come_as_they_are_in_their_order(items: list[int]) -> None:
    assert list(ahead(items)) == items


@given(st.integers(0, 20))
def test_an_error_of_the_source_is_raised_behind_what_came_before_it(before: int) -> None:
    def source() -> Iterator[int]:
        yield from range(before)
        raise OSError("the server is gone")

    seen: list[int] = []
    with pytest.raises(OSError, match="the server is gone"):
        seen.extend(ahead(source()))
    assert seen == list(range(before))


def test_one_item_is_read_ahead_and_no_more() -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    for item in ahead(source()):
        assert len(taken) <= item + 2
    assert len(taken) == 50


def test_who_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    with closing(ahead(iter(range(100)))) as reading:
        assert next(reading) == 0
    assert threading.active_count() == before


def test_only_one_thread_is_ever_in_the_source() -> None:
    threads = set()

    def source() -> Iterator[int]:
        for item in range(50):
            threads.add(threading.get_ident())
            yield item

    assert len(list(ahead(source()))) == 50
    assert len(threads) == 1
    assert threading.get_ident() not in threads
