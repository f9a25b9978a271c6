"""What is known of the files of an export, so that the next one reads neither pictures nor files that did not change.

It lies in the workplace beside the export and is named after the digest of the export's manifest, so it can never be taken
for that of another version. Without it everything is read again; nothing else depends on it. It holds a line of JSON for
each person, in the order of ids, with two pieces of text behind it, which are compared and copied as they are; the last line
is for the files that are no pictures, and has the digest of all before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from attendance.export.layout import FORMAT, IMAGES
from attendance.export.scribe import Mark, mark_of
from attendance.export.sorting import TOGETHER
from attendance.export.stage import entry, private
from attendance.store.base import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from attendance.export.lists import Place
    from attendance.export.place import Place as Workplace

_FORMAT = f"3/{FORMAT}/{SCHEMA_VERSION}"  # lines that another version wrote are not taken over
_PREFIX = "index-"
_CHUNK = 1 << 16


class File(NamedTuple):
    """A picture as it lay in its folder.

    Attributes:
        reference_id: as the store has it, which may be another one than in the export.
    """

    reference_id: str
    name: str
    sha256: str
    size: int
    media: str
    mtime_ns: int
    inode: int

    def marked(self, mark: Mark) -> File:
        """As it lies there by this mark."""
        return File(*self[:5], mark.mtime_ns, mark.inode)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one person.

    Attributes:
        state: as the store told it; None where it has to be read again in any case.
        count: of the pictures.
        marks: time, inode, size and name of each picture's file, a line each.
        entries: theirs in the manifest, in the same order, joined (``sorting.TOGETHER``).
        references: ids of the pictures in the same order, as the store has them; empty where it has to be read again.
        at: where the person's lines are in each list.
    """

    person_id: str
    state: str | None
    folder: str
    count: int
    marks: str
    entries: str
    references: list[str]
    at: dict[str, Place]

    @classmethod
    def of(cls, person_id: str, state: str | None, folder: str, files: Sequence[File], at: dict[str, Place]) -> Known:
        """From the files."""
        made = sorted((entry(f"{IMAGES}/{folder}/{one.name}", one.sha256, one.size, one.media), one) for one in files)
        marks = "\n".join(f"{one.mtime_ns} {one.inode} {one.size} {one.name}" for _, one in made)
        entries = TOGETHER.join(text for text, _ in made)
        return cls(person_id, state, folder, len(made), marks, entries, [one.reference_id for _, one in made], at)

    @property
    def files(self) -> Iterator[File]:
        """The pictures one by one."""
        if self.count:
            for text, mark, reference_id in zip(
                self.entries.split(TOGETHER), self.marks.split("\n"), self.references, strict=True
            ):
                mtime_ns, inode, size, name = mark.split(" ", 3)
                [known] = json.loads(f"{{{text}}}").values()
                yield File(reference_id, name, known["sha256"], int(size), known["type"], int(mtime_ns), int(inode))

    @property
    def names(self) -> list[str]:
        """Of the pictures' files."""
        return [mark.split(" ", 3)[3] for mark in self.marks.split("\n")] if self.count else []

    def whole(self, export: Path) -> bool:
        """Whether the folder holds these files, untouched, and nothing else."""
        try:
            with os.scandir(export / IMAGES / self.folder) as found:
                marks = {_mark_text(entry) for entry in found}
        except FileNotFoundError:
            return not self.count  # nobody's pictures need no folder
        except OSError:
            return False
        return marks == (set(self.marks.split("\n")) if self.count else set())

    def untouched(self, export: Path) -> Iterator[File]:
        """Those of these files that are as they were."""
        for file in self.files:
            try:
                status = os.lstat(export / IMAGES / self.folder / file.name)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and mark_of(status) == (file.mtime_ns, file.inode, file.size):
                yield file


class Index:
    """Reads an index in step with the people of a store.

    Attributes:
        files: of the files that are no pictures: digest, and the mark of the file.
    """

    def __init__(self, path: Path, files: Mapping[str, tuple[str, Mark]]) -> None:
        self.files = files
        self._path = path

    @classmethod
    def of(cls, place: Workplace) -> Index | None:
        """The one of the export that is there; None where there is none, or where a list of the export was touched."""
        try:
            path = place.work / f"{_PREFIX}{place.manifest(place.folder)}"
            digest, text = _read(path)
            last = json.loads(text)
            if last["format"] != _FORMAT or last["lines"] != digest:
                return None
            files = {name: (str(sha256), Mark(*mark)) for name, (sha256, mark) in last["files"].items()}
            if any(mark_of(os.lstat(place.folder / name)) != mark for name, (_, mark) in files.items()):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return cls(path, files)

    def people(self) -> Iterator[Known]:
        """Everybody, by id."""
        ends: Counter[str] = Counter()  # of the lines so far, by list: everybody's follow those of the one before
        with self._path.open("rb") as lines:
            for text in lines:
                row = json.loads(text)
                if isinstance(row, list):
                    person_id, state, folder, count, references, sizes, *lengths = row
                    marks, entries = (lines.read(length) for length in lengths)
                    lines.readline()
                    at = {name: (ends[name], length, count, failed) for name, (length, count, failed) in sizes.items()}
                    for name, (start, length, *_) in at.items():
                        ends[name] = start + length
                    yield Known(person_id, state, folder, count, marks.decode(), entries.decode(), references, at)


class IndexWriter:
    """Writes the index of the next export."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._path = place.work / "index"
        self._hash = hashlib.sha256()
        self._file = open(self._path, "wb", opener=private)  # noqa: SIM115 - closed by finish or close

    def add(self, known: Known) -> None:
        """The next person, by id."""
        sizes = {name: place[1:] for name, place in known.at.items()}
        marks, entries = known.marks.encode(), known.entries.encode()
        row = known.person_id, known.state, known.folder, known.count, known.references, sizes, len(marks), len(entries)
        text = b"%b\n%b%b\n" % (json.dumps(row, separators=(",", ":")).encode(), marks, entries)
        self._file.write(text)
        self._hash.update(text)

    def finish(self, files: Mapping[str, tuple[str, Mark]], manifest: str) -> None:
        """Let it be that of the export with this manifest; others are of no use any more."""
        last = {"format": _FORMAT, "files": files, "lines": self._hash.hexdigest()}
        self._file.write(f"{json.dumps(last, separators=(',', ':'))}\n".encode())
        self._file.close()
        self._path.replace(self._place.work / f"{_PREFIX}{manifest}")
        for other in self._place.work.glob(f"{_PREFIX}*"):
            if other.name != f"{_PREFIX}{manifest}":
                other.unlink()

    def close(self) -> None:
        """Without having finished: as if there had been none."""
        if not self._file.closed:
            with suppress(OSError):  # the rest of it, on a full disk
                self._file.close()
        self._path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, bytes]:
    """The digest of all lines but the last, and the last."""
    with path.open("rb") as file:
        end, last = file.seek(0, os.SEEK_END), b""
        while b"\n" not in last[:-1] and len(last) < end:
            file.seek(max(end - len(last) - _CHUNK, 0))
            last = file.read(end - len(last) - file.tell()) + last
        last = last[last[:-1].rfind(b"\n") + 1 :]
        file.seek(0)
        digest, left = hashlib.sha256(), end - len(last)
        while left:
            data = file.read(min(left, _CHUNK))
            digest.update(data)
            left -= len(data)
    return digest.hexdigest(), last


def _mark_text(found: os.DirEntry[str]) -> str:
    """As in ``Known.marks``; what is no regular file has none."""
    status = found.stat(follow_symlinks=False)
    is_file = stat.S_ISREG(status.st_mode)
    return f"{status.st_mtime_ns} {status.st_ino} {status.st_size} {found.name}" if is_file else ""
