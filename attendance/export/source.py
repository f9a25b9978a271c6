"""An export as it is read back: its files checked against the manifest, its records one after another."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attendance.errors import ExportError
from attendance.export import reading
from attendance.export.before import IGNORED
from attendance.export.layout import (
    ATTEMPTS,
    ATTENDANCE,
    AUDIT,
    FORMAT,
    IMAGES,
    MANIFEST,
    METADATA,
    PEOPLE,
    PICTURES,
    SETTINGS,
    TEMPLATES,
)
from attendance.export.manifest import Listed, read_manifest
from attendance.store.archive import RestoredPerson
from attendance.store.base import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.domain.model import AuditEntry, CheckIn, Kept
    from attendance.store.archive import StoredAttempt, StoredPicture

MAX_PICTURE = 64 * 1024 * 1024  # bytes; four times what a MongoDB document may have
_BYTES = 8_000_000  # of pictures held at a time
_TOP = {METADATA, PEOPLE, PICTURES, ATTENDANCE, ATTEMPTS, SETTINGS, AUDIT}


class Source:
    """A whole export. Its files have been read once, and are what the manifest says.

    Args:
        folder: of the export.
        done: told how many files have been checked, of how many.

    Raises:
        ExportError: something is missing, damaged, too much, or no file; or it is of a newer version.
    """

    def __init__(self, folder: Path, done: Callable[[int, int], None]) -> None:
        self.folder = folder.resolve()
        self.listed = {entry.path: entry for entry in read_manifest(self.folder)}
        self._check_tree()
        for number, entry in enumerate(self.listed.values(), 1):
            self._check(entry)
            done(number, len(self.listed))
        self.metadata = self._metadata()

    @property
    def counts(self) -> dict[str, int]:
        """What the export says it holds."""
        return {str(name): int(count) for name, count in dict(self.metadata.get("counts", {})).items()}

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """The records of a list; none where that part was not exported."""
        return reading.rows(self.folder / name) if name in self.listed else iter(())

    def people(self, *, with_bytes: bool) -> Iterator[RestoredPerson]:
        """Everybody with pictures and templates, by id; with the pictures' bytes, who has many comes in several pieces."""
        pictures = groupby(self.rows(PICTURES), key=lambda row: row.get("person_id"))
        group = next(pictures, None)
        templates = {model: _Pending(self.rows(file)) for model, file in self._models()}
        for row in self.rows(PEOPLE):
            person = reading.person(row)
            mine: list[dict[str, Any]] = []
            if group is not None and group[0] == person.person_id:
                mine = list(group[1])
                group = next(pictures, None)
            made = [
                reading.template(found, model)
                for model, pending in templates.items()
                for found in pending.of(person.person_id)
            ]
            for some in _by_size(mine) if with_bytes else (mine,):
                known = [self._picture(one, with_bytes=with_bytes) for one in some]
                ids = {one.reference_id for one in known}
                yield RestoredPerson(person, known, [one for one in made if not with_bytes or one.reference_id in ids])
        if group is not None or any(pending.left for pending in templates.values()):
            raise ExportError("The export holds pictures or templates of nobody.")

    def check_ins(self) -> Iterator[tuple[CheckIn, int]]:
        """Attendance records, those without an attempt's id once, with how many of them there are."""
        found: Counter[CheckIn] = Counter()
        for row in self.rows(ATTENDANCE):
            record = reading.check_in(row)
            if found and record.timestamp != next(iter(found)).timestamp:
                yield from found.items()
                found.clear()
            found[record] += 1
        yield from found.items()

    def attempts(self) -> Iterator[StoredAttempt]:
        """By time."""
        return map(reading.attempt, self.rows(ATTEMPTS))

    def audit(self) -> Iterator[AuditEntry]:
        """Oldest first."""
        return map(reading.audit_entry, self.rows(AUDIT))

    def settings(self) -> tuple[str | None, list[Kept]]:
        """The active model, and what was saved."""
        for row in self.rows(SETTINGS):
            return reading.settings(row)
        return None, []

    def _picture(self, row: dict[str, Any], *, with_bytes: bool) -> StoredPicture:
        known = reading.picture(row, None)
        listed = self.listed.get(str(row["file"]))
        if listed is None or (listed.sha256, listed.size) != (known.sha256, known.size) or not _is_picture(listed.path):
            raise ExportError(f"{PICTURES} does not fit the {MANIFEST}: {row['file']}.")
        if not with_bytes:
            return known
        content = (self.folder / listed.path).read_bytes()
        if hashlib.sha256(content).hexdigest() != known.sha256:
            raise ExportError(f"{listed.path} was changed while it was read.")
        return reading.picture(row, content)

    def _models(self) -> list[tuple[str, str]]:
        found = []
        for entry in self.metadata.get("models", []):
            model, file = entry.get("model_id"), entry.get("file")
            if not isinstance(model, str) or not isinstance(file, str) or file not in self.listed:
                raise ExportError(f"{METADATA} names templates that are not there.")
            found.append((model, file))
        return found

    def _metadata(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / METADATA).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ExportError(f"{METADATA} cannot be read.") from error
        if not isinstance(found, dict) or not isinstance(found.get("schema_version"), int):
            raise ExportError(f"{METADATA} cannot be read.")
        if found.get("format") != FORMAT or found["schema_version"] > SCHEMA_VERSION:
            raise ExportError("The export is of a newer version of this app. Update the app.")
        return found

    def _check_tree(self) -> None:
        """Exactly the files of the manifest, and nothing that leads elsewhere."""
        strange = next((path for path in self.listed if not _is_expected(path)), None)
        if strange is not None:
            raise ExportError(f"The {MANIFEST} names {strange[:200]!r}, which no export holds.")
        found = set(_walk(self.folder, ""))
        missing, unknown = sorted(self.listed.keys() - found), sorted(found - self.listed.keys() - {MANIFEST})
        if missing:
            raise ExportError(f"The export is not whole: {missing[0]} is missing, and {len(missing) - 1} more.")
        if unknown:
            raise ExportError(f"The export holds {unknown[0]}, which its {MANIFEST} does not name.")

    def _check(self, entry: Listed) -> None:
        """Read with the size known before, through no link. Raises ExportError."""
        if entry.path.startswith(f"{IMAGES}/") and entry.size > MAX_PICTURE:
            raise ExportError(f"{entry.path} has {entry.size:,} bytes; a picture has {MAX_PICTURE:,} at most.")
        try:
            opened = os.open(self.folder / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(opened, "rb") as file:  # noqa: PTH123 - a file that is open already
                status = os.fstat(opened)
                whole = stat.S_ISREG(status.st_mode) and status.st_size == entry.size
                if not whole or hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                    raise ExportError(f"{entry.path} is damaged: it is not what was exported.")
        except OSError as error:
            raise ExportError(f"{entry.path} cannot be read: {error.strerror}.") from error


class _Pending:
    """Rows in the order of people, of which one person's are taken at a time."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    @property
    def left(self) -> bool:
        """Whether there are more."""
        return self._next is not None

    def of(self, person_id: str) -> Iterator[dict[str, Any]]:
        """Those of this person, if they come next."""
        while self._next is not None and self._next.get("person_id") == person_id:
            yield self._next
            self._next = next(self._rows, None)


def _by_size(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Pictures of some megabytes together; at least one list, for a person without pictures."""
    group: list[dict[str, Any]] = []
    total = 0
    for row in rows:
        size = row.get("size")
        total += size if isinstance(size, int) else 0
        if group and total > _BYTES:
            yield group
            group, total = [], size if isinstance(size, int) else 0
        group.append(row)
    yield group


def _is_expected(path: str) -> bool:
    """One of the names that an export has; no other folder, no way out of this one."""
    parts = path.split("/")
    if any(part in {"", ".", ".."} or "\\" in part or "\0" in part for part in parts):
        return False
    return path in _TOP or _is_picture(path) or (len(parts) == 2 and parts[0] == TEMPLATES and path.endswith(".jsonl"))


def _is_picture(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == 3 and parts[0] == IMAGES and path.endswith(".jpg")


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    """Every file below a folder by its path; a link or a special file is refused."""
    with os.scandir(folder) as found:
        for entry in found:
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if path.count("/") > 1:
                    raise ExportError(f"The export holds the folder {path}, which no export has.")
                yield from _walk(Path(entry.path), f"{path}/")
            elif not entry.is_file(follow_symlinks=False):
                raise ExportError(f"{path} is no file of its own. An export holds no links; check it out as copies.")
            elif entry.name not in IGNORED:
                yield path
