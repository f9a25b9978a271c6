"""Reading goes on while what was read is being written: a database, the digests and the disk do not wait for each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Item = TypeVar("Item")

AT_ONCE = 2_000_000  # bytes that are handed over together; twice as many are held


def ahead(items: Iterable[Item], weight: Callable[[Item], int], at_once: int = AT_ONCE) -> Generator[Item]:
    """The same items in the same order, taken from their source in a thread of their own, a little ahead.

    Only that thread uses the source, until this ends; it stands still where nobody asks for more. An error of the source is
    raised here, behind the items that came before it in earlier chunks.

    Args:
        items: read to their end, or until this is closed.
        weight: of an item, such as its bytes.
        at_once: so much weight is handed over together; an item that weighs more comes alone.
    """
    chunks = _chunks(items, weight, at_once)
    with ThreadPoolExecutor(1, thread_name_prefix="export-reader") as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield from chunk


def _chunks(items: Iterable[Item], weight: Callable[[Item], int], at_once: int) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    total = 0
    for item in items:
        chunk.append(item)
        total += weight(item)
        if total >= at_once:
            yield chunk
            chunk, total = [], 0
    yield chunk
