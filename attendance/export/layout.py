"""The names of the files of an export, and the one way to write a record: canonical JSON in UTF-8, one record a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1  # of the files; docs/export.md

FOLDER_MODE, FILE_MODE = 0o700, 0o600  # faces are biometric data: for the account that exports alone

MANIFEST, METADATA = "manifest.json", "metadata.json"
PEOPLE, PICTURES = "people.jsonl", "pictures.jsonl"
ATTENDANCE, ATTEMPTS = "attendance.json", "attempts.jsonl"
SETTINGS, AUDIT = "settings.json", "audit.jsonl"
IMAGES, TEMPLATES = "images", "templates"

_MEDIA = (  # what a file begins with, and its type; the type is information, nothing is decided by it
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}


class Part(StrEnum):
    """What can be exported by itself."""

    IMAGES = "images"  # people, their pictures and templates
    ATTENDANCE = "attendance"  # attendance records and attempts
    REST = "rest"  # saved settings and the audit


FILES = {
    Part.IMAGES: (PEOPLE, PICTURES, f"{IMAGES}/", f"{TEMPLATES}/"),
    Part.ATTENDANCE: (ATTENDANCE, ATTEMPTS),
    Part.REST: (SETTINGS, AUDIT),
}


def part_of(path: str) -> Part | None:
    """To which part a file belongs; None for the manifest and what it is not made of."""
    for part, names in FILES.items():
        if any(path == name or (name.endswith("/") and path.startswith(name)) for name in names):
            return part
    return None


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def line(record: Mapping[str, Any]) -> str:
    """One record without its line end: keys sorted, no blanks, letters of every script as they are."""
    return _ENCODER.encode(record)


def time_text(moment: datetime) -> str:
    """``2026-03-01T08:02:11.123Z``: sorts as the times do."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"


def picture_path(folder: str, index: int) -> str:
    """Where a picture lies. Always ``.jpg``, as it has been from the first; the manifest says what it really is."""
    return f"{IMAGES}/{folder}/{folder}_{index}.jpg"


def media_type(head: bytes) -> str:
    """What a file is by its first bytes."""
    for magic, name in _MEDIA:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "application/octet-stream")
    return "application/octet-stream"
