"""The lists of an export while they are written: each person's lines, new ones or those that were there before."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import cache
from typing import IO, TYPE_CHECKING, Any

from attendance.export.layout import TEMPLATES
from attendance.export.names import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from attendance.export.stage import HashingFile, Stage

Place = tuple[int, int, int, int]  # where lines begin, their bytes, how many they are, and how many of them failed

_CHUNK = 1 << 20


class Lists:
    """All lists, opened as they are needed; use it as a context.

    Args:
        before: the export that is there, from whose lists lines are taken over.
    """

    def __init__(self, stage: Stage, before: Path) -> None:
        self._stage = stage
        self._before = before
        self._stack = ExitStack()
        self._open: dict[str, _List] = {}
        self._counts: dict[str, Counter[str]] = {}

    def __enter__(self) -> Lists:  # noqa: PYI034 - nobody inherits from it
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]  # as it was given

    def open(self, name: str) -> None:
        """Make sure that the list is there, were it empty."""
        if name not in self._open:
            file = self._stack.enter_context(self._stage.writing(name))
            self._open[name] = self._stack.enter_context(_List(file, self._before / name))
            self._counts[name] = Counter()

    def write(self, name: str, texts: Sequence[str], *, failed: int = 0) -> Place:
        """A person's lines, each given without its end, of which so many are of templates that could not be made."""
        self.open(name)
        data = "".join([f"{text}\n" for text in texts]).encode()
        start = self._open[name].size
        self._open[name].write(data)
        self._count(name, len(texts), failed)
        return start, len(data), len(texts), failed

    def take_over(self, places: Mapping[str, Place]) -> None:
        """A person's lines of the export before."""
        for name, (start, length, count, failed) in places.items():
            self.open(name)
            self._open[name].copy(start, length)
            self._count(name, count, failed)

    def count(self, name: str) -> int:
        """How many lines a list has by now."""
        return self._counts[name].total() if name in self._counts else 0

    def models(self, names: Mapping[str, str]) -> list[dict[str, Any]]:
        """For the metadata: the lists of templates. ``names``: each list's model id."""
        return [
            {
                "model_id": model,
                "file": name,
                "templates": self._counts[name]["made"],
                "failed": self._counts[name]["failed"],
            }
            for name, model in sorted(names.items())
            if name in self._counts
        ]

    def _count(self, name: str, count: int, failed: int) -> None:
        self._counts[name]["failed"] += failed
        self._counts[name]["made"] += count - failed


class _List:
    """One list. Neighbouring lines of the list before are copied together."""

    def __init__(self, file: HashingFile, before: Path) -> None:
        self._file = file
        self._path = before
        self._before: IO[bytes] | None = None
        self._start = self._end = 0  # of what is still to be copied
        self.size = 0

    def __enter__(self) -> _List:  # noqa: PYI034 - nobody inherits from it
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        if self._before is not None:
            self._before.close()

    def write(self, data: bytes) -> None:
        """At the end."""
        self._flush()
        self._file.write(data)
        self.size += len(data)

    def copy(self, start: int, length: int) -> None:
        """So many bytes of the list before."""
        if start != self._end:
            self._flush()
            self._start = start
        self._end = start + length
        self.size += length

    def _flush(self) -> None:
        left = self._end - self._start
        if left:
            if self._before is None:
                self._before = self._path.open("rb")
            self._before.seek(self._start)
        while left:
            assert self._before is not None  # noqa: S101 - opened just above
            data = self._before.read(min(left, _CHUNK))
            if not data:
                raise OSError(f"{self._path.name} was changed while it was read")
            self._file.write(data)
            left -= len(data)
        self._start = self._end


@cache
def model_path(model_id: str) -> str:
    """The list of a model's templates."""
    return f"{TEMPLATES}/{safe_name(model_id)}.jsonl"
