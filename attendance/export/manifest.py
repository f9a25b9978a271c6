"""The manifest: one JSON document with one file a line, sorted by path, so that it is read and compared a line at a time.

{"files":{
"attendance.json":{"sha256":"…","size":2},
"images/Ada/Ada_0.jpg":{"sha256":"…","size":20480,"type":"image/jpeg"}
},"format":1,"identities":{"a_b~1f3870be":"a/b"}}
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from attendance.errors import ExportError
from attendance.export.layout import FORMAT, MANIFEST, line
from attendance.export.sorting import TOGETHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

HEAD = '{"files":{\n'
MAX_LINE = 64 * 1024 * 1024  # characters of a line that is read; the last one names everybody whose name is no folder's


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of an export."""

    path: str
    sha256: str
    size: int
    media: str | None = None


def manifest_lines(entries: Iterable[str], identities: Mapping[str, str]) -> Iterator[str]:
    """The lines of a manifest, from its entries in order and the people whose folders have other names than they."""
    yield HEAD.rstrip("\n")
    waiting = None
    for entry in entries:
        if waiting is not None:
            yield f"{waiting},"
        waiting = entry.replace(TOGETHER, ",\n")
    if waiting is not None:
        yield waiting
    yield "}" + "," + line({"format": FORMAT, "identities": dict(identities)})[1:]


def read_manifest(folder: Path) -> Iterator[Listed]:
    """The files that the manifest of an export lists, in order.

    Raises:
        ExportError: there is no manifest, it is damaged, or of a newer format.
    """
    with _opened(folder) as file:
        yield from _entries(file, folder)
        _tail(file, folder)


def read_identities(folder: Path) -> dict[str, str]:
    """The people whose folders have other names than they, by folder. Raises ExportError as ``read_manifest``."""
    with _opened(folder) as file:
        for _ in _entries(file, folder):
            pass
        return _tail(file, folder)


@contextmanager
def _opened(folder: Path) -> Iterator[_Lines]:
    try:
        with (folder / MANIFEST).open(encoding="utf-8", newline="\n") as file:
            yield _Lines(file)
    except FileNotFoundError as error:
        raise ExportError(f"{folder} is no export: it has no {MANIFEST}.") from error
    except (OSError, ValueError) as error:
        raise _damaged(folder) from error


class _Lines:
    """Reads a line at a time, and knows the last one."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.last = ""

    def next(self) -> str:
        """The next line; empty at the end."""
        self.last = self._file.readline(MAX_LINE)
        return self.last


def _entries(file: _Lines, folder: Path) -> Iterator[Listed]:
    if file.next() != HEAD:
        raise _damaged(folder)
    before = ""
    while file.next().startswith('"'):
        listed = _listed(file.last, folder)
        if listed.path <= before:
            raise _damaged(folder)
        before = listed.path
        yield listed


def _tail(file: _Lines, folder: Path) -> dict[str, str]:
    tail = json.loads("{" + file.last.removeprefix("},"))
    if not isinstance(tail, dict) or not isinstance(tail.get("format"), int) or file.next():
        raise _damaged(folder)
    if tail["format"] > FORMAT:
        raise ExportError(f"{folder} was exported by a newer version of this app (format {tail['format']}).")
    return {str(key): str(name) for key, name in dict(tail.get("identities", {})).items()}


def _listed(text: str, folder: Path) -> Listed:
    entry = json.loads("{" + text.rstrip().removesuffix(",") + "}")
    [(path, known)] = entry.items()
    if not isinstance(known, dict):
        raise _damaged(folder)
    sha256, size, media = known.get("sha256"), known.get("size"), known.get("type")
    if not isinstance(sha256, str) or len(sha256) != 64 or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _damaged(folder)
    return Listed(path, sha256, size, media if isinstance(media, str) else None)


def _damaged(folder: Path) -> ExportError:
    return ExportError(f"The {MANIFEST} of {folder} is damaged.")
