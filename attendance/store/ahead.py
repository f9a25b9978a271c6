"""A database is asked for what comes next while what came is being worked on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """The same items in the same order, each taken from its source in a thread while the caller has the one before.

    Only that thread uses the source, until this ends. An error of the source is raised here, in its place.

    Args:
        items: none of them None; large ones, since handing one over costs as much as a small query.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="store-ahead") as reader:
        coming = reader.submit(next, source, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, source, None)
            yield item
