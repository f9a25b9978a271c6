"""Lines of an export back to records; nothing in them is believed.

Every function raises ExportError for a line that cannot be what the export's own writer wrote.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from attendance.domain.model import Kept
from attendance.errors import CorruptRecordError, ExportError
from attendance.export.entries import SETTINGS_KIND
from attendance.store.archive import StoredAttempt, StoredPicture, StoredTemplate
from attendance.store.codec import (
    MAX_KEPT,
    attempt_from_dict,
    audit_from_dict,
    check_in_from_dict,
    embedding_from_bytes,
    person_from_dict,
    storable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from attendance.domain.model import AuditEntry, CheckIn, Person

    Row = dict[str, Any]

MAX_LINE = 8 * 1024 * 1024  # characters; an attempt has some thousand, an embedding of 512 numbers 2,800
_TIMES = ("at_utc", "created_at", "timestamp", "check_in_at_utc", "reviewed_at_utc")
_TEXT, _TEXT_OR_NONE = (str,), (str, type(None))
_NUMBER_OR_NONE = (int, float, type(None))
_PERSON = {"person_id": _TEXT, "name": _TEXT, "status": _TEXT, "folder": _TEXT} | dict.fromkeys(
    ("external_id", "group", "consent", "created_at"), _TEXT_OR_NONE
)
_PICTURE = {
    **dict.fromkeys(("person_id", "reference_id", "file", "sha256"), _TEXT),
    **dict.fromkeys(("image_index", "size"), (int,)),
    "created_at": _TEXT_OR_NONE,
    "quality": (dict, type(None)),
}
_CHECK_IN = {
    **dict.fromkeys(("timestamp", "entered_name", "matched_identity"), _TEXT),
    "distance": _NUMBER_OR_NONE,
    **dict.fromkeys(("person_id", "attempt_id", "day", "source", "site"), _TEXT_OR_NONE),
    "kind": _TEXT,
}
_ATTEMPT = {
    **dict.fromkeys(("attempt_id", "at_utc", "mode", "decision", "reason", "outcome", "model_id", "source"), _TEXT),
    **dict.fromkeys(("entered_name", "person_id", "person_name", "nearest_person_id", "device", "site"), _TEXT_OR_NONE),
    **dict.fromkeys(("day", "check_in_at_utc", "reviewed_by", "reviewed_at_utc", "check_in"), _TEXT_OR_NONE),
    **dict.fromkeys(("distance_l2", "runner_up_l2"), _NUMBER_OR_NONE),
    "threshold": (int, float),
    "records": (bool,),
    "parameters": (dict,),
    "timings_ms": (dict,),
    "quality": (dict, type(None)),
    "faces": (list,),
    "review": _TEXT,
}
_AUDIT = {
    **dict.fromkeys(("at_utc", "actor", "action", "previous", "digest"), _TEXT),
    "sequence": (int,),
    "details": (dict,),
}
_DEFAULTS = {"kind": "check-in", "person_id": None, "attempt_id": None, "day": None, "source": None, "site": None}
Record = TypeVar("Record")


def rows(path: Path) -> Iterator[Row]:
    """The records of a file, one a line; of a JSON list as the export writes it, too."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, text in enumerate(iter(lambda: file.readline(MAX_LINE), ""), 1):
                bare = text.strip().removesuffix(",")
                if path.suffix == ".json" and bare in {"[", "]"}:
                    continue
                row = json.loads(bare) if text.endswith("\n") else None
                if not isinstance(row, dict):
                    raise ExportError(f"Line {number} of {path.name} is no record.")
                yield row
    except (OSError, ValueError, RecursionError) as error:
        raise ExportError(f"{path.name} cannot be read.") from error


def person(row: Row) -> Person:
    """Of a line of people.jsonl."""
    _shaped(row, _PERSON, "people.jsonl")
    return _made(lambda: person_from_dict(_timed(row)), "people.jsonl")


def picture(row: Row, content: bytes | None) -> StoredPicture:
    """Of a line of pictures.jsonl."""
    _shaped(row, _PICTURE, "pictures.jsonl")
    if not 0 <= row["image_index"] < 2**31 or row["size"] < 0:
        raise ExportError("pictures.jsonl holds a number that cannot be.")
    known = _made(lambda: _timed(row), "pictures.jsonl")
    names = ("reference_id", "person_id", "image_index", "size", "sha256", "created_at", "quality")
    return StoredPicture(**{name: known[name] for name in names}, older=False, picture=content)


def template(row: Row, model_id: str) -> StoredTemplate:
    """Of a line of a file in templates/."""
    _shaped(row, {"person_id": _TEXT, "reference_id": _TEXT}, "templates")
    failure, text = row.get("failure"), row.get("embedding")
    made = None
    if isinstance(text, str) and failure is None:
        try:
            made = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ExportError("A template cannot be read.") from error
        _made(lambda: embedding_from_bytes(made, "templates"), "templates")
    elif not isinstance(failure, str) or text is not None:
        raise ExportError("A template has neither numbers nor a reason.")
    return StoredTemplate(model_id, row["person_id"], row["reference_id"], made, failure)


def check_in(row: Row) -> CheckIn:
    """Of an entry of attendance.json."""
    whole = {**_DEFAULTS, **row}
    _shaped(whole, _CHECK_IN, "attendance.json")
    return _made(lambda: check_in_from_dict(_timed(whole)), "attendance.json")


def attempt(row: Row) -> StoredAttempt:
    """Of a line of attempts.jsonl."""
    _shaped(row, _ATTEMPT, "attempts.jsonl")
    return _made(lambda: StoredAttempt(attempt_from_dict(_timed(row)), row["check_in"]), "attempts.jsonl")


def audit_entry(row: Row) -> AuditEntry:
    """Of a line of audit.jsonl."""
    _shaped(row, _AUDIT, "audit.jsonl")
    return _made(lambda: audit_from_dict(_timed(row)), "audit.jsonl")


def settings(row: Row) -> tuple[str | None, list[Kept]]:
    """The active model and the saved entries of settings.json."""
    active, saved = row.get("active_model"), row.get("saved")
    if not isinstance(active, _TEXT_OR_NONE) or not isinstance(saved, list):
        raise ExportError("settings.json cannot be read.")
    found = []
    for entry in saved:
        _shaped(entry, {"key": _TEXT, "version": (int,), "value": (dict,)}, "settings.json")
        if len(json.dumps(entry["value"])) > MAX_KEPT or entry["version"] < 1:
            raise ExportError("settings.json holds an entry that cannot be.")
        found.append(Kept(SETTINGS_KIND, entry["key"], entry["value"], entry["version"]))
    return active, found


def _shaped(row: object, shape: Mapping[str, tuple[type, ...]], file: str) -> None:
    if not isinstance(row, dict):
        raise ExportError(f"{file} holds something that is no record.")
    for name, kinds in shape.items():
        value = row.get(name, ...)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ExportError(f"{file} holds a record whose {name} cannot be read.")
        if isinstance(value, str) and not storable(value):
            raise ExportError(f"{file} holds characters that cannot be stored.")


def _timed(row: Mapping[str, Any]) -> Row:
    """With times for their texts. Raises ValueError."""
    known = dict(row)
    for name in _TIMES:
        if known.get(name) is not None:
            moment = datetime.fromisoformat(known[name])
            known[name] = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return known


def _made(make: Callable[[], Record], file: str) -> Record:
    try:
        return make()
    except (CorruptRecordError, ValueError, TypeError, OverflowError, KeyError) as error:
        raise ExportError(f"{file} holds a record that cannot be read: {error}.") from error
