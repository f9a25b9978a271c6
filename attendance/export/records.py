"""Records as they stand in the files: every field under its own name, times as text. What is None in an attendance record
is left out, so that a record of an older app has the four fields that it always had.
"""

from __future__ import annotations

import base64
import math
from dataclasses import fields
from datetime import datetime
from enum import Enum
from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING, Any

from attendance.domain.model import Attempt, CheckIn, Person
from attendance.export.layout import line, media_type, time_text
from attendance.store.codec import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.domain.model import AuditEntry, Kept
    from attendance.export.arrange import Arranged
    from attendance.store.archive import StoredAttempt, StoredPicture, StoredTemplate

PERSON = tuple(field.name for field in fields(Person) if field.name != "reference_count")
# Not the session in which an attempt was tracked, nor its number: restored attempts are not tracked.
ATTEMPT = tuple(field.name for field in fields(Attempt) if field.name != "session")
CHECK_IN = tuple(field.name for field in fields(CheckIn))
ALWAYS = ("timestamp", "entered_name", "matched_identity", "distance")
_NUMBERS = ("distance_l2", "runner_up_l2", "threshold", "distance")


def person_row(person: Person, folder: str) -> dict[str, Any]:
    """A line of people.jsonl."""
    return {**_row(person, PERSON), "folder": folder}


def picture_line(one: Arranged, file: str, media: str) -> str:
    """A line of pictures.jsonl, without its end: as ``line`` would write it, put together in a third of the time."""
    picture = one.picture
    created_at = f'"{time_text(picture.created_at)}"' if picture.created_at else "null"
    return (
        f'{{"created_at":{created_at},"file":{_quoted(file)},"image_index":{one.index},"media_type":"{media}",'
        f'"person_id":{_quoted(picture.person_id)},"quality":{_numbers(picture.quality)},'
        f'"reference_id":{_quoted(one.reference_id)},"sha256":{_quoted(picture.sha256)},"size":{picture.size}}}'
    )


def _numbers(quality: Mapping[str, float] | None) -> str:
    """As JSON."""
    if quality and all(type(value) is float and math.isfinite(value) for value in quality.values()):
        return f"{{{','.join([f'{_quoted(name)}:{value!r}' for name, value in sorted(quality.items())])}}}"
    return line(_text(quality)) if quality is not None else "null"


def media_of(picture: StoredPicture) -> str:
    """The type of a picture whose bytes are here."""
    return media_type((picture.picture or b"")[:16])


def template_line(template: StoredTemplate, reference_id: str) -> str:
    """A line of a model's file in templates/, without its end. Base64 has nothing to escape, so it is not looked for."""
    if template.embedding is None:
        return line({"person_id": template.person_id, "reference_id": reference_id, "failure": template.failure})
    embedding = base64.b64encode(template.embedding).decode("ascii")
    ids = f'"person_id":{_quoted(template.person_id)},"reference_id":{_quoted(reference_id)}'
    return f'{{"embedding":"{embedding}",{ids}}}'


def check_in_row(check_in: CheckIn) -> dict[str, Any]:
    """An entry of attendance.json."""
    row = _row(check_in, CHECK_IN)
    if row["kind"] == "check-in":
        del row["kind"]
    return {name: value for name, value in row.items() if name in ALWAYS or value is not None}


def attempt_row(stored: StoredAttempt) -> dict[str, Any]:
    """A line of attempts.jsonl."""
    return {**_row(stored.attempt, ATTEMPT), "check_in": stored.check_in}


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """A line of audit.jsonl."""
    return _row(entry, ("sequence", "at_utc", "actor", "action", "details", "previous", "digest"))


def setting_row(kept: Kept) -> dict[str, Any]:
    """An entry of settings.json."""
    return {"key": kept.key, "version": kept.version, "value": _text(kept.value)}


def _row(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    row = {name: _text(getattr(record, name)) for name in names}
    for name in _NUMBERS:  # an engine may give a whole number back without its point
        if isinstance(row.get(name), int):
            row[name] = float(row[name])
    return row


def _text(value: Any) -> Any:
    """The value in JSON's types."""
    if type(value) is float:  # most values by far, and what ``plain`` does with them
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, str | int | float) or value is None:
        return plain(value)
    if isinstance(value, dict):
        return {str(key): _text(held) for key, held in value.items()}
    return [_text(held) for held in value] if isinstance(value, list | tuple) else plain(value)
