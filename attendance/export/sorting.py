"""Lines in order, however many there are: what does not fit into a little memory waits in files."""

from __future__ import annotations

import contextlib
import heapq
import tempfile
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

HELD = 20_000  # lines in memory
TOGETHER = "\x1f"  # between lines that stay together, as one; no JSON holds it (RFC 8259, 7)


class SortedLines:
    """Takes lines and gives them back in the order of their code points; use it as a context.

    Args:
        folder: for what does not fit into memory; on the disk that the export goes to, and readable by nobody else.
    """

    def __init__(self, folder: Path, held: int = HELD) -> None:
        self._folder = folder
        self._held = held
        self._lines: list[str] = []
        self._count = 0
        self._files: list[IO[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files:
            file.close()

    def add(self, line: str, count: int = 1) -> None:
        """One line, or so many that follow each other in any case; it holds no line end."""
        self._lines.append(line)
        self._count += count
        if self._count >= self._held:
            self._spill()

    def __iter__(self) -> Iterator[str]:
        """All lines, once."""
        self._lines.sort()
        streams: list[Iterable[str]] = [self._lines]
        for file in self._files:
            file.seek(0)
            streams.append(text.removesuffix("\n") for text in file)
        yield from heapq.merge(*streams)

    def _spill(self) -> None:
        with contextlib.ExitStack() as stack:
            # newline="\n": a name may hold other line ends, escaped by JSON or not
            file = stack.enter_context(
                tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=self._folder, prefix="sort-")
            )
            file.writelines(f"{text}\n" for text in sorted(self._lines))
            stack.pop_all()
        self._files.append(file)
        self._lines, self._count = [], 0
