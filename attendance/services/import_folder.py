"""What lies in a folder of people: one sub-folder a person, named after them, with pictures in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.errors import ImageUnreadableError, SettingsError
from attendance.services.import_report import ImportReport, ImportStatus
from attendance.services.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What people keep pictures in. Those that the decoder does not take are refused by it with a sentence; anything else in a
# person's folder is not a picture and is passed over with a note.
PICTURE_SUFFIXES = frozenset(
    {"", ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
MAX_FILE_BYTES = 200_000_000  # ten times the largest picture that the default settings take; more is not read into memory


@dataclass(frozen=True, slots=True)
class PersonFolder:
    """One person's pictures. ``name`` is the folder's, as it stands on the disk."""

    name: str
    files: tuple[Path, ...]


def scan(folder: Path, report: ImportReport) -> list[PersonFolder]:
    """The people of a folder in the order of their names; what is passed over is noted in the report.

    Links are followed only where they stay inside ``folder``.

    Raises:
        SettingsError: it is no folder, or cannot be listed.
    """
    try:
        root = folder.resolve(strict=True)
        entries = sorted(root.iterdir())
    except OSError as error:
        raise SettingsError(f"{printable(str(folder))} is not a folder that can be read.", name="folder") from error
    people: list[PersonFolder] = []
    for entry in entries:
        note = _passed_over(entry, root)
        if note is not None:
            report.add("", printable(entry.name), ImportStatus.SKIPPED, *note)
        elif not entry.is_dir():
            sentence = "This is in no person's folder. Put it into a folder with the person's name."
            report.add("", printable(entry.name), ImportStatus.SKIPPED, "no_person", sentence)
        else:
            people.append(PersonFolder(entry.name, tuple(_pictures(entry, root, report))))
    return people


def read(path: Path) -> bytes:
    """A picture's bytes.

    Raises:
        ImageUnreadableError: too many of them (``too_many_bytes``).
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ImageUnreadableError("This file is too large for a picture.", reason="too_many_bytes")
    return data


def _pictures(folder: Path, root: Path, report: ImportReport) -> Iterator[Path]:
    person = printable(folder.name)
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        report.add(person, None, ImportStatus.REFUSED, "unreadable_file", "This folder cannot be read.")
        return
    for path in entries:
        note = _passed_over(path, root)
        if note is None and path.is_dir():
            note = ("not_a_picture", "A folder inside a person's folder is not looked into.")
        if note is None and not (path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES):
            note = ("not_a_picture", "This is not a picture.")
        if note is None:
            yield path
        else:
            report.add(person, printable(path.name), ImportStatus.SKIPPED, *note)


def _passed_over(path: Path, root: Path) -> tuple[str, str] | None:
    """Reason and sentence where an entry is not even looked at."""
    if path.name.startswith(".") or path.name in {"Thumbs.db", "desktop.ini", "__MACOSX"}:
        return "hidden", "Hidden and system files are passed over."
    try:
        inside = path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a link to nowhere, or in a circle
        inside = False
    return None if inside else ("outside", "This link leads out of the folder and is not followed.")
