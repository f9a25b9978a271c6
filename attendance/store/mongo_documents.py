"""What a document means: tolerant reading of what older apps wrote, and which pictures and templates count.

A picture of ours counts once its batch is listed in the document of its person and it is not on that document's list of
what is gone; a picture of an older app belongs to the person who has its ``name`` among ``legacy_names``.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from attendance.domain.model import Reference, Review
from attendance.domain.names import name_key
from attendance.errors import CorruptRecordError
from attendance.store.codec import to_ms
from attendance.store.digests import whole_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Document = dict[str, Any]

USABLE = {"image_bytes": {"$type": ["binData", "string"]}}  # an older app may have written base64
LEGACY = {"person_id": None}  # absent: the picture of an older app
WITHOUT_BYTES = {"image_bytes": 0}
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
BELONGING = {"batches": 1, "gone": 1, "legacy_names": 1}

_log = structlog.get_logger(__name__)


def new_token() -> str:
    """A word that no other change of a person has."""
    return uuid.uuid4().hex[:16]


def now_utc() -> datetime:
    """This machine's clock; decides nothing but how old something unfinished is."""
    return datetime.now(UTC)


def template_id(model_id: str, reference_id: str) -> str:
    """The ``_id`` of one model's template of one picture."""
    return f"{model_id}|{reference_id}"


def search_key(name: str, external_id: str | None, group: str | None) -> str:
    """Everything that `people --search` looks at, folded, one a line."""
    return "\n".join(name_key(part or "") for part in (name, external_id, group))


def id_candidates(reference_ids: Iterable[str]) -> list[Any]:
    """Every ``_id`` that may be written so: ours are texts, those of older apps ObjectIds as a rule, or numbers."""
    found: list[Any] = []
    for text in reference_ids:
        found.append(text)
        if ObjectId.is_valid(text):
            found.append(ObjectId(text))
        if text.isascii() and text.lstrip("-").isdigit() and len(text) < 19:
            found.append(int(text))
    return found


def moment(value: object) -> datetime | None:
    """A time as an older app may have written it: a date, or ISO 8601 text; without a zone it is taken as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, DatetimeMS):  # beyond the calendar
        return None
    try:
        return to_ms(value) if isinstance(value, datetime) else None
    except OverflowError:
        return None


def time_range(field: str, since: datetime | None, until: datetime | None) -> Document:
    """The query for ``since <= field < until``."""
    bounds: Document = {}
    if since is not None:
        bounds["$gte"] = since
    if until is not None:
        bounds["$lt"] = until
    return {field: bounds} if bounds else {}


def dated(field: str, since: datetime | None, until: datetime | None) -> Document:
    """``time_range`` with both ends, so that it fits only dates that can be read, and an index on the field can answer."""
    return time_range(field, since or EARLIEST, until or LATEST)


def all_but(ids: Sequence[object]) -> Document:
    """The query for everything that has none of these ids."""
    return {"_id": {"$nin": list(ids)}} if ids else {}


def review_is(review: str) -> Document:
    """The query for attempts of this review. Those of an older version have none, which is the same as ``none``; asked in
    this way round, because an index alone cannot tell what is missing from what is null."""
    if review == Review.NONE:
        return {"review": {"$nin": [other.value for other in Review if other is not Review.NONE]}}
    return {"review": review}


def picture_bytes(document: Mapping[str, Any]) -> bytes:
    """The picture of one document.

    Raises:
        CorruptRecordError: it has none.
    """
    value = document.get("image_bytes")
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, str):
        try:
            return base64.b64decode(value.partition("base64,")[2] or value, validate=True)
        except (binascii.Error, ValueError):
            pass
    record = f"face_images/{document.get('_id')}"
    raise CorruptRecordError(f"The record {record} holds no picture.", record=record)


def reference(document: Mapping[str, Any], person_id: str, position: int, size: int | None = None) -> Reference:
    """One picture without its bytes; ``position`` stands in for an index that is missing, ``size`` for a missing size."""
    index, stored = _count(document.get("image_index")), _count(document.get("size"))
    quality, sha256 = document.get("quality"), document.get("sha256")
    return Reference(
        reference_id=str(document["_id"]),
        person_id=person_id,
        image_index=position if index is None else index,
        size=(size or 0) if stored is None else stored,
        created_at=moment(document.get("created_at")),
        sha256=whole_digest(sha256) if isinstance(sha256, str) else None,
        quality=quality if isinstance(quality, dict) else None,
    )


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def legacy_pictures(names: Sequence[str]) -> Document:
    """The query for the pictures that an older app stored under these names; a list that holds a name is no name."""
    return {**LEGACY, "name": {"$in": list(names), "$not": {"$type": "array"}}}


def pictures_of(person: Mapping[str, Any]) -> Document:
    """The query for the pictures of one person that count."""
    query: Document = {
        "$or": [
            {"person_id": person["_id"], "batch": {"$in": person.get("batches", [])}},
            legacy_pictures(person.get("legacy_names", [])),
        ]
    }
    if person.get("gone"):
        query["_id"] = {"$nin": id_candidates(person["gone"])}
    return query


@dataclass(slots=True)
class Belonging:
    """Whose a picture or template is, for many at once; made from the documents of the people who are there."""

    batches: dict[str, frozenset[str]] = field(default_factory=dict)
    gone: dict[str, frozenset[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Iterable[Mapping[str, Any]]) -> Belonging:
        """From documents that have at least the fields of ``BELONGING``."""
        made = cls()
        for person in people:
            made.batches[person["_id"]] = frozenset(person.get("batches", ()))
            made.gone[person["_id"]] = frozenset(person.get("gone", ()))
            made.names.update(dict.fromkeys(person.get("legacy_names", ()), person["_id"]))
        return made

    def picture_owner(self, document: Mapping[str, Any]) -> str | None:
        """The person of a document of ``face_images``, or None where it does not count."""
        owner = document.get("person_id")
        if owner is None:
            name = document.get("name")
            owner = self.names.get(name) if isinstance(name, str) else None
        elif document.get("batch") not in self.batches.get(owner, ()):
            return None
        return owner if owner is not None and str(document["_id"]) not in self.gone[owner] else None

    def template_owner(self, document: Mapping[str, Any]) -> str | None:
        """The person of a document of ``templates``, or None where it does not count."""
        owner, batch = document.get("person_id"), document.get("batch")
        if owner not in self.batches or (batch is not None and batch not in self.batches[owner]):
            return None
        return owner if document.get("reference_id") not in self.gone[owner] else None


def warn_skipped(collection: str, ids: Sequence[object], why: str) -> None:
    """Say which documents are left out: their ids alone, since what they hold may be anything."""
    _log.warning("documents that cannot be read are left out", collection=collection, ids=[str(i) for i in ids[:5]], why=why)
