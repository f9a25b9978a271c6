"""Is an export whole, and can its pictures be used? Every file against its digest, every picture looked at, every record's
person and picture looked for."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attendance.errors import ExportError, ImageUnreadableError
from attendance.export.layout import ATTEMPTS, ATTENDANCE, IMAGES, MANIFEST, PEOPLE, PICTURES, TEMPLATES
from attendance.export.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SHOWN = 100  # problems that are named one by one
BROKEN = ("damaged", "missing", "unlisted")  # the folder is not what was exported
PICTURE = ("undecodable", "no_face", "several_faces")
ORPHANS = ("orphan_pictures", "orphan_templates", "orphan_attendance", "orphan_attempts")


@dataclass(slots=True)
class Validation:
    """What was found.

    Attributes:
        files, pictures: looked at.
        counts: problems by kind.
        first: the first of them, each its kind and the file or record. Names of people are in it, so it stays out of git.
    """

    files: int = 0
    pictures: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    first: list[dict[str, str]] = field(default_factory=list)

    def add(self, kind: str, where: str) -> None:
        """One more problem."""
        self.counts[kind] += 1
        if len(self.first) < SHOWN:
            self.first.append({"problem": kind, "where": where})

    @property
    def whole(self) -> bool:
        """Whether every file is there as it was exported."""
        return not any(self.counts[kind] for kind in BROKEN)

    def as_dict(self) -> dict[str, Any]:
        """Numbers alone, for DVC's metrics."""
        kinds = {kind: self.counts[kind] for kind in (*BROKEN, *PICTURE, *ORPHANS)}
        return {"whole": self.whole, "files": self.files, "pictures": self.pictures, **kinds}


def validate(folder: Path, faces: Callable[[bytes], int], progress: Callable[[int], None] = lambda _: None) -> Validation:
    """Look at a whole export. In memory are the ids of people and pictures, and one file.

    Args:
        folder: of the export.
        faces: how many faces a picture shows.
        progress: told how many files were looked at.

    Raises:
        ExportError: it is no export, or its lists cannot be read.
    """
    found = Validation()
    listed = {MANIFEST}
    for number, one in enumerate(read_manifest(folder), 1):
        listed.add(one.path)
        found.files += 1
        data = _read(folder / one.path)
        if data is None:
            found.add("missing", one.path)
        elif len(data) != one.size or hashlib.sha256(data).hexdigest() != one.sha256:
            found.add("damaged", one.path)
        if data is not None and one.path.startswith(f"{IMAGES}/"):
            _look(found, one.path, data, faces)
        progress(number)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in listed:
            found.add("unlisted", name)
    _orphans(folder, found)
    return found


def _look(found: Validation, path: str, data: bytes, faces: Callable[[bytes], int]) -> None:
    found.pictures += 1
    try:
        count = faces(data)
    except ImageUnreadableError:
        found.add("undecodable", path)
        return
    if count != 1:
        found.add("several_faces" if count else "no_face", path)


def _orphans(folder: Path, found: Validation) -> None:
    """Records of people and pictures that are not in the export. Attendance of an older app names no person's id."""
    people = {row.get("person_id") for row in _rows(folder / PEOPLE)}
    pictures: set[Any] = set()
    for row in _rows(folder / PICTURES):
        pictures.add(row.get("reference_id"))
        if row.get("person_id") not in people:
            found.add("orphan_pictures", str(row.get("file")))
    for path in sorted((folder / TEMPLATES).glob("*.jsonl")):
        for row in _rows(path):
            if row.get("reference_id") not in pictures:
                found.add("orphan_templates", f"{path.name}: {row.get('reference_id')}")
    for name, kind in ((ATTENDANCE, "orphan_attendance"), (ATTEMPTS, "orphan_attempts")):
        for row in _rows(folder / name):
            person = row.get("person_id")
            if person is not None and person not in people:
                found.add(kind, str(row.get("attempt_id") or row.get("timestamp")))


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The records of a list: JSON a line, or attendance.json, which has one record a line too. None where it is missing."""
    try:
        with path.open(encoding="utf-8") as file:
            for text in file:
                row = text.strip().rstrip(",")
                if row.startswith("{"):
                    yield json.loads(row)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read.") from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
