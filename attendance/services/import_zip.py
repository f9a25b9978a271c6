"""A zip of people, unpacked so that nothing in it can do harm: one folder a person, named after them, with pictures in it.

Names in the archive are never paths on the disk: every picture is written under a name that is made here. Sizes are those
that were really read, not those that the archive claims. What is left out is in the report.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from attendance.errors import SettingsError
from attendance.services.import_folder import PICTURE_SUFFIXES, PersonFolder
from attendance.services.import_report import ImportStatus
from attendance.services.words import printable

if TYPE_CHECKING:
    from attendance.services.import_report import ImportReport

MAX_ENTRIES = 20_000
MAX_FILE_BYTES = 20_000_000  # as the default setting for one picture
# Of all pictures, unpacked. Pictures hardly shrink in a zip, so only a bomb holds much more than its own size.
MAX_BYTES = 500_000_000
_ENTRY = b"PK\x01\x02"  # begins every entry of the table of contents (APPNOTE.TXT 4.3.12)
_CHUNK = 1 << 20
_COMMON = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_OUTSIDE = "This leads out of the zip and is not followed."
_NO_PERSON = "This is in no person's folder. Put it into a folder with the person's name."
_HIDDEN = {"Thumbs.db", "desktop.ini", "__MACOSX"}


def unpack(
    archive: IO[bytes],
    into: Path,
    report: ImportReport,
    *,
    max_entries: int = MAX_ENTRIES,
    max_file_bytes: int = MAX_FILE_BYTES,
    max_bytes: int = MAX_BYTES,
) -> list[PersonFolder]:
    """The people of a zip in the order of their names; their pictures lie under ``into`` afterwards.

    One folder around everybody is passed through. Links, paths that lead out, encrypted and over-large files are left out
    and reported.

    Raises:
        SettingsError: it is no zip that can be read, or holds more than the limits allow; nothing should be imported.
    """
    if _count_entries(archive) > max_entries:
        raise SettingsError(f"This zip holds more than {max_entries:,} files. Make several of it.", name="zip")
    try:
        with zipfile.ZipFile(archive) as opened:
            return _Unpacking(opened, into, report, max_file_bytes, max_bytes).people()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError) as error:
        raise SettingsError("This file is not a zip that can be read.", name="zip") from error


def _count_entries(archive: IO[bytes]) -> int:
    """At least as many as the table of contents can have, without trusting what the archive says of itself, and before a
    table of millions could fill the memory.
    """
    archive.seek(0)
    count, tail = 0, b""
    while chunk := archive.read(_CHUNK):
        window = tail + chunk
        count += window.count(_ENTRY)
        tail = window[-(len(_ENTRY) - 1) :]
    archive.seek(0)
    return count


class _Unpacking:
    """One archive on its way to the disk."""

    def __init__(
        self, archive: zipfile.ZipFile, into: Path, report: ImportReport, max_file_bytes: int, max_bytes: int
    ) -> None:
        self._archive = archive
        self._into = into
        self._report = report
        self._max_file_bytes = max_file_bytes
        self._left = max_bytes

    def people(self) -> list[PersonFolder]:
        entries = [entry for entry in self._archive.infolist() if not entry.is_dir()]
        paths = {id(entry): PurePosixPath(entry.filename.replace("\\", "/")) for entry in entries}
        around = _folder_around([paths[id(entry)] for entry in entries if not _is_hidden(paths[id(entry)])])
        folders: dict[str, list[Path]] = {}
        for entry in sorted(entries, key=lambda one: one.filename):
            path = paths[id(entry)]
            inner = path.relative_to(around) if path.is_relative_to(around) else path
            note = self._left_out(entry, path, inner)
            if note is None:
                folders.setdefault(inner.parts[0], []).append(self._place(len(folders), inner))
                note = self._write(entry, folders[inner.parts[0]])
            if note is not None:
                whose = printable(inner.parts[0]) if len(inner.parts) > 1 else ""
                self._report.add(whose, printable(inner.name), *note)
        return [PersonFolder(name, tuple(files)) for name, files in sorted(folders.items()) if files]

    def _place(self, number: int, inner: PurePosixPath) -> Path:
        """Where a picture is written: a name of our own, that still says in the report which picture it is."""
        folder = self._into / f"{number:06d}"
        folder.mkdir(exist_ok=True)
        letters = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in printable(inner.stem))[:60]
        name, count = f"{letters or '_'}{inner.suffix.lower()}", 1
        while (folder / name).exists():
            count += 1
            name = f"{letters or '_'} ({count}){inner.suffix.lower()}"
        return folder / name

    def _left_out(
        self, entry: zipfile.ZipInfo, path: PurePosixPath, inner: PurePosixPath
    ) -> tuple[ImportStatus, str, str] | None:
        """What becomes of an entry that is not even unpacked."""
        skipped, refused = ImportStatus.SKIPPED, ImportStatus.REFUSED
        leads_out = path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
        notes = (
            (leads_out or stat.S_ISLNK(entry.external_attr >> 16), refused, "outside", _OUTSIDE),
            (_is_hidden(path), skipped, "hidden", "Hidden and system files are passed over."),
            (len(inner.parts) == 1, skipped, "no_person", _NO_PERSON),
            (len(inner.parts) > 2, skipped, "not_a_picture", "A folder inside a person's folder is not looked into."),
            (inner.suffix.lower() not in PICTURE_SUFFIXES, skipped, "not_a_picture", "This is not a picture."),
            (entry.flag_bits & 0x1, refused, "unreadable_file", "This file is encrypted."),
            (entry.compress_type not in _COMMON, refused, "unreadable_file", "This file is packed in an uncommon way."),
        )
        return next(((status, reason, words) for applies, status, reason, words in notes if applies), None)

    def _write(self, entry: zipfile.ZipInfo, files: list[Path]) -> tuple[ImportStatus, str, str] | None:
        """Unpack one picture to the last of ``files``; it is taken off again where that cannot be done.

        Raises:
            SettingsError: the whole archive is too large when unpacked.
        """
        target, size = files[-1], 0
        note: tuple[ImportStatus, str, str] | None = None
        try:
            with self._archive.open(entry) as packed, target.open("wb") as out:
                while note is None and (chunk := packed.read(_CHUNK)):
                    size += len(chunk)
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise SettingsError("This zip is too large when unpacked. Make several of it.", name="zip")
                    if size > self._max_file_bytes:
                        note = ImportStatus.REFUSED, "unreadable_picture", "This file is too large for a picture."
                    out.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
            note = ImportStatus.REFUSED, "unreadable_file", "This file is damaged in the zip."
        if note is not None:
            target.unlink(missing_ok=True)
            files.pop()
        return note


def _is_hidden(path: PurePosixPath) -> bool:
    return any((part.startswith(".") and part != "..") or part in _HIDDEN for part in path.parts)


def _folder_around(paths: list[PurePosixPath]) -> PurePosixPath:
    """The one folder that everything lies in, where the people's folders are inside it; else no folder."""
    tops = {path.parts[0] for path in paths if path.parts}
    deep = all(len(path.parts) > 2 for path in paths)
    return PurePosixPath(tops.pop()) if paths and deep and len(tops) == 1 and not tops & {"..", "/"} else PurePosixPath()
