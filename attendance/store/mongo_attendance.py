"""Attendance records, ours and those of older apps."""

from __future__ import annotations

import heapq
from collections import deque
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, DESCENDING

from attendance.domain.model import CheckIn
from attendance.domain.names import name_key
from attendance.errors import CorruptRecordError
from attendance.store.codec import storable
from attendance.store.mongo_documents import moment, time_range, warn_skipped
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_people import PRESENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]


def to_check_in(document: Mapping[str, Any], person_id: str | None = None) -> CheckIn:
    """One record; ``person_id`` where the document has none. A distance that cannot be read is None.

    Raises:
        CorruptRecordError: it does not say when.
    """
    timestamp = moment(document.get("timestamp"))
    if timestamp is None:
        record = f"attendance/{document.get('_id')}"
        raise CorruptRecordError(f"The record {record} does not say when it was made.", record=record)
    return CheckIn(
        timestamp=timestamp,
        entered_name=_text(document, "entered_name") or "",
        matched_identity=_text(document, "matched_identity") or "",
        distance=_number(document.get("distance")),
        person_id=_text(document, "person_id") or person_id,
        attempt_id=_text(document, "attempt_id"),
        day=_text(document, "day"),
        kind=_text(document, "kind") or "check-in",
        source=_text(document, "source"),
        site=_text(document, "site"),
    )


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # an older app may have written anything; float() says what is none
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _text(document: Mapping[str, Any], field: str) -> str | None:
    value = document.get(field)
    return None if value is None else str(value)


class _Names:
    """Whom the records of older apps speak of; looked up when the first one is met."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    @cached_property
    def _people(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for person in self._rooms.people.find(PRESENT, {"name_key": 1, "legacy_names": 1}):
            found.setdefault(str(person.get("name_key")), person["_id"])
            for name in person.get("legacy_names", ()):
                found[name_key(name)] = person["_id"]  # who bore it then, rather than who was enrolled with it later
        return found

    def person_of(self, document: Mapping[str, Any]) -> str | None:
        name = document.get("matched_identity")
        return self._people.get(name_key(name)) if isinstance(name, str) else None


class AttendancePart:
    """The store's methods about attendance records; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def check_ins(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckIn]:
        """See ``Store.check_ins``."""
        if (limit is not None and limit <= 0) or (person_id is not None and not storable(person_id)):
            return
        query = {} if person_id is None else _of_person(self._rooms, person_id)
        direction = ASCENDING if limit is None else DESCENDING
        bounds = time_range("timestamp", since, until) or {"timestamp": {"$type": "date"}}
        order = [("timestamp", direction), ("_id", direction)]
        names = _Names(self._rooms)
        dated = _readable(self._rooms.attendance.find({**query, **bounds}).sort(order), names)
        backwards = limit is not None
        written = sorted(self._written(query, since, until, names), key=_when, reverse=backwards)
        merged = heapq.merge(dated, written, key=_when, reverse=backwards)
        if limit is None:
            yield from merged
            return
        latest: deque[CheckIn] = deque()
        for record in merged:
            latest.appendleft(record)
            if len(latest) == limit:
                break
        yield from latest

    @guarded
    def count_check_ins(self) -> int:
        """See ``Store.count_check_ins``."""
        return self._rooms.attendance.count_documents({"timestamp": {"$type": ["date", "string"]}})

    def _written(self, query: Document, since: datetime | None, until: datetime | None, names: _Names) -> Iterator[CheckIn]:
        """Records of older apps whose time is a text, which the server cannot compare with a date."""
        for record in _readable(self._rooms.attendance.find({**query, "timestamp": {"$type": "string"}}), names):
            if (since is None or record.timestamp >= since) and (until is None or record.timestamp < until):
                yield record


def _when(record: CheckIn) -> datetime:
    return record.timestamp


def _of_person(rooms: Rooms, person_id: str) -> Document:
    person = rooms.people.find_one({"_id": person_id, **PRESENT}, {"name": 1, "legacy_names": 1}) or {}
    names = [name for name in (person.get("name"), *person.get("legacy_names", ())) if name is not None]
    return {"$or": [{"person_id": person_id}, {"person_id": None, "matched_identity": {"$in": names}}]}


def _readable(documents: Iterable[Document], names: _Names) -> Iterator[CheckIn]:
    for document in documents:
        try:
            owner = names.person_of(document) if document.get("person_id") is None else None
            yield to_check_in(document, owner)
        except CorruptRecordError as error:  # one broken document never hides the others
            warn_skipped("attendance", [document.get("_id")], str(error))
