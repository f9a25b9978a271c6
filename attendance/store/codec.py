"""Records to plain dictionaries and back, the same for every engine.

A plain dictionary holds str, int, float, bool, None, bytes, lists, dictionaries with str keys, and aware datetimes in
UTC cut to the millisecond. An engine that has no datetimes writes them with ``ms_since_epoch``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from attendance.domain.model import (
    Attempt,
    AuditEntry,
    CheckIn,
    Decision,
    Kept,
    Mode,
    Outcome,
    Person,
    PersonStatus,
    Reason,
    Review,
)
from attendance.errors import CorruptRecordError, StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_KEPT = 64 * 1024  # bytes of one kept value as JSON in UTF-8
EMBEDDING_DTYPE = np.dtype("<f4")  # little-endian float32, whatever the machine
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NAMES = {record: tuple(field.name for field in fields(record)) for record in (Attempt, AuditEntry, CheckIn, Kept, Person)}


def to_ms(moment: datetime) -> datetime:
    """The same moment in UTC, cut (not rounded) to the millisecond; a time without a zone is taken as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def ms_since_epoch(moment: datetime) -> int:
    """Whole milliseconds since 1970 in UTC, exact; cut like ``to_ms``."""
    return (to_ms(moment) - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int, record: str) -> datetime:
    """The aware datetime in UTC of ``ms_since_epoch``.

    Raises:
        CorruptRecordError: no number, or beyond the calendar; ``record`` says where it was found.
    """
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, TypeError, ValueError) as error:
        raise CorruptRecordError(f"{record} holds a time that cannot be read.", record=record) from error


def embedding_to_bytes(embedding: NDArray[np.float32]) -> bytes:
    """A float32 embedding of shape (dimension,) as little-endian bytes."""
    return np.ascontiguousarray(embedding, EMBEDDING_DTYPE).tobytes()


def embedding_from_bytes(data: object, what: str) -> NDArray[np.float32]:
    """The embedding back, float32 of shape (dimension,), dimension >= 1, a copy that may be written to.

    Raises:
        CorruptRecordError: the bytes cannot be an embedding; ``what`` names the record.
    """
    if not isinstance(data, bytes) or not data or len(data) % EMBEDDING_DTYPE.itemsize:
        raise CorruptRecordError(f"{what} holds a template of an impossible size.", record=what)
    embedding = np.frombuffer(data, EMBEDDING_DTYPE).astype(np.float32)
    if not np.isfinite(embedding).all():
        raise CorruptRecordError(f"{what} holds a template that is no list of numbers.", record=what)
    return embedding


def plain(value: Any) -> Any:
    """Lists for tuples, Python numbers for numpy's, values for enums, ``to_ms`` for times; the rest as it is.

    Half characters (lone surrogates), as a shell or a browser may hand them over, become question marks: no database
    takes them.

    Raises:
        TypeError: something that no engine can store.
    """
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, np.generic):
        value = value.item()
    result = value
    if isinstance(value, str):
        result = value.encode("utf-8", "replace").decode("utf-8")
    elif isinstance(value, float):
        result = value if math.isfinite(value) else None  # JSON has no such numbers
    elif isinstance(value, datetime):
        result = to_ms(value)
    elif isinstance(value, Mapping):
        result = {plain(str(key)): plain(item) for key, item in value.items()}
    elif isinstance(value, list | tuple | np.ndarray):
        result = [plain(item) for item in value]
    elif value is not None and not isinstance(value, bool | int | bytes):
        raise TypeError(f"{type(value).__name__} cannot be stored")
    return result


def storable(text: str) -> bool:
    """Whether a database can hold, and so find, this text: no half characters (lone surrogates) in it."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _to_dict(record: Any) -> dict[str, Any]:
    return {name: plain(getattr(record, name)) for name in _NAMES[type(record)]}


def _known(record: type[Any], data: Mapping[Any, Any]) -> dict[str, Any]:
    """Only the fields of the record: newer versions and older databases may have more."""
    return {name: data[name] for name in _NAMES[record] if name in data}


def _required(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind}, found {type(value).__name__}")
    return value


def _moment(value: Any) -> datetime | None:
    return None if value is None else to_ms(_required(value, datetime))


def person_to_dict(person: Person) -> dict[str, Any]:
    """Every field of a person but the number of pictures, which the store counts."""
    data = _to_dict(person)
    del data["reference_count"]
    return data


def person_from_dict(data: Mapping[Any, Any]) -> Person:
    """Raises CorruptRecordError."""
    try:
        known = _known(Person, data)
        _required(known["person_id"], str)
        _required(known["name"], str)
        known["status"] = PersonStatus(known.get("status", PersonStatus.ACTIVE))
        known["created_at"] = _moment(known.get("created_at"))
        return Person(**known)
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt("people", data.get("person_id"), error) from error


def attempt_to_dict(attempt: Attempt) -> dict[str, Any]:
    """Every field under its own name; times as aware datetimes in UTC, to the millisecond."""
    return _to_dict(attempt)


def attempt_from_dict(data: Mapping[Any, Any]) -> Attempt:
    """The attempt back; fields that this version does not know are left out.

    Raises:
        CorruptRecordError: a field is missing or holds what it cannot.
    """
    try:
        known = _known(Attempt, data)
        _required(known["attempt_id"], str)
        known["mode"] = Mode(known["mode"])
        known["decision"] = Decision(known["decision"])
        known["reason"] = Reason(known["reason"])
        known["outcome"] = Outcome(known["outcome"])
        known["at_utc"] = to_ms(_required(known["at_utc"], datetime))
        known["check_in_at_utc"] = _moment(known.get("check_in_at_utc"))
        known["threshold"] = float(known["threshold"])
        known["faces"] = tuple(known.get("faces") or ())
        known["review"] = Review(known.get("review") or Review.NONE)  # stored since schema version 2
        known["reviewed_at_utc"] = _moment(known.get("reviewed_at_utc"))
        known["session"] = _required(known.get("session"), (str, NoneType))  # since schema version 3
        return Attempt(**known)
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt("attempts", data.get("attempt_id"), error) from error


def check_in_to_dict(check_in: CheckIn) -> dict[str, Any]:
    """Every field under its own name, the four of older databases included."""
    return _to_dict(check_in)


def check_in_from_dict(data: Mapping[Any, Any]) -> CheckIn:
    """A record back, also one of an older database, which has the first four fields alone. Raises CorruptRecordError."""
    try:
        known = _known(CheckIn, data)
        known["timestamp"] = to_ms(_required(known["timestamp"], datetime))
        known["entered_name"] = str(known.get("entered_name") or "")
        known["matched_identity"] = str(known.get("matched_identity") or "")
        known["distance"] = None if known.get("distance") is None else float(known["distance"])
        return CheckIn(**known)
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt("attendance", data.get("attempt_id"), error) from error


def audit_to_dict(entry: AuditEntry) -> dict[str, Any]:
    """Every field under its own name."""
    return _to_dict(entry)


def audit_from_dict(data: Mapping[Any, Any]) -> AuditEntry:
    """Raises CorruptRecordError."""
    try:
        known = _known(AuditEntry, data)
        known["sequence"] = int(known["sequence"])
        known["at_utc"] = to_ms(_required(known["at_utc"], datetime))
        known["details"] = dict(known["details"])
        return AuditEntry(**known)
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt("audit", data.get("sequence"), error) from error


def kept_to_dict(kept: Kept) -> dict[str, Any]:
    """Every field; ``value`` as JSON text, which every engine gives back exactly as it was.

    Raises:
        StoreError: the value is larger than MAX_KEPT, or kind or key hold characters that cannot be stored.
        TypeError: the value holds something that JSON has no form for.
    """
    if not storable(kept.kind) or not storable(kept.key):
        raise StoreError("The name of this entry holds characters that cannot be stored.")
    text = json.dumps(plain(kept.value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if (size := len(text.encode())) > MAX_KEPT:
        raise StoreError(f"This entry ({kept.kind}) takes {size:,} bytes; an entry may take {MAX_KEPT:,}.")
    return {**_to_dict(kept), "value": text}


def kept_from_dict(data: Mapping[Any, Any]) -> Kept:
    """The entry back, from the fields of ``kept_to_dict``. Raises CorruptRecordError."""
    try:
        kind, key = _required(data["kind"], str), _required(data["key"], str)
        value = _required(json.loads(_required(data["value"], str)), dict)
        return Kept(kind, key, value, _required(data["version"], int), _moment(data.get("expires_at")))
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt("kept", data.get("kind"), error) from error  # not the key: it may be a session's


def _corrupt(collection: str, key: object, error: Exception) -> CorruptRecordError:
    record = f"{collection}/{key if key is not None else '?'}"
    return CorruptRecordError(f"The record {record} cannot be read: {error}.", record=record)
