"""What is known of the files of an export, so that the next one reads neither pictures nor files that did not change.

It lies in the workplace beside the export and is named after the digest of the export's manifest, so it can never be taken
for that of another version. Without it everything is read again; nothing else depends on it. Its lines are JSON: one for
each person, in the order of ids, and a last one for the files that are no pictures.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from attendance.export.layout import FORMAT, IMAGES, MANIFEST
from attendance.export.stage import Mark, file_digest, mark_of, private
from attendance.store.base import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from attendance.export.lists import Place
    from attendance.export.place import Place as Workplace

_FORMAT = f"2/{FORMAT}/{SCHEMA_VERSION}"  # lines that another version wrote are not taken over
_PREFIX = "index-"


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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one person.

    Attributes:
        state: as the store told it; None where it has to be read again in any case.
        at: where the person's lines are in each list.
    """

    person_id: str
    state: str | None
    folder: str
    files: list[File]
    at: dict[str, Place]

    def whole(self, export: Path) -> bool:
        """Whether the folder holds these files, untouched, and nothing else."""
        expected = {file.name: file for file in self.files}
        try:
            with os.scandir(export / IMAGES / self.folder) as found:
                for entry in found:
                    file = expected.pop(entry.name, None)
                    if file is None:
                        return False
                    status = entry.stat(follow_symlinks=False)
                    if (status.st_mtime_ns, status.st_ino, status.st_size) != (file.mtime_ns, file.inode, file.size):
                        return False
                    if not stat.S_ISREG(status.st_mode):
                        return False
        except FileNotFoundError:
            return not expected  # nobody's pictures need no folder
        except OSError:
            return False
        return not expected

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
            path = place.work / f"{_PREFIX}{file_digest(place.folder / MANIFEST)}"
            last = _last_line(path)
            if last.get("format") != _FORMAT:
                return None
            files = {name: (str(sha256), Mark(*mark)) for name, (sha256, mark) in last["files"].items()}
            if any(mark_of(os.lstat(place.folder / name)) != mark for name, (_, mark) in files.items()):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return cls(path, files)

    def people(self) -> Iterator[Known]:
        """Everybody, by id; from a damaged line on nobody, so that they are read again."""
        damage = suppress(ValueError, TypeError, AttributeError)
        with damage, self._path.open(encoding="utf-8", newline="\n") as lines:
            for text in lines:
                row = json.loads(text)
                if isinstance(row, list):
                    person_id, state, folder, files, at = row
                    places = {name: (start, length, count, failed) for name, (start, length, count, failed) in at.items()}
                    yield Known(person_id, state, folder, [File(*file) for file in files], places)


class IndexWriter:
    """Writes the index of the next export."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._path = place.work / "index"
        self._file = open(self._path, "wb", opener=private)  # noqa: SIM115 - closed by finish or close

    def add(self, known: Known) -> None:
        """The next person, by id."""
        row = [known.person_id, known.state, known.folder, known.files, known.at]
        self._file.write(f"{json.dumps(row, separators=(',', ':'))}\n".encode())

    def finish(self, files: Mapping[str, tuple[str, Mark]], manifest: str) -> None:
        """Let it be that of the export with this manifest; others are of no use any more."""
        self._file.write(f"{json.dumps({'format': _FORMAT, 'files': files}, separators=(',', ':'))}\n".encode())
        self._file.close()
        self._path.replace(self._place.work / f"{_PREFIX}{manifest}")
        for other in self._place.work.glob(f"{_PREFIX}*"):
            if other.name != f"{_PREFIX}{manifest}":
                other.unlink()

    def close(self) -> None:
        """Without having finished: as if there had been none."""
        if not self._file.closed:
            self._file.close()
            self._path.unlink(missing_ok=True)


def _last_line(path: Path) -> dict[str, Any]:
    """Raises ValueError where it is no JSON object."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        step, tail = 1 << 16, b""
        while end > 0 and b"\n" not in tail[:-1]:
            start = max(end - step, 0)
            file.seek(start)
            tail, end = file.read(end - start) + tail, start
        row = json.loads(tail[:-1].rpartition(b"\n")[2])
    if not isinstance(row, dict):
        raise ValueError("no index")  # noqa: TRY004 - as of a line that is no JSON
    return row
