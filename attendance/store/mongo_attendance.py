"""Attendance records, ours and those of older apps."""

from __future__ import annotations

import heapq
import sys
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
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

A_TEXT: Document = {"$gte": "", "$lt": chr(sys.maxunicode)}  # as a range, so that every index answers it


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


class Names:
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
        """The id of whom a record without one is about, where the name is known."""
        name = document.get("matched_identity")
        return self._people.get(name_key(name)) if isinstance(name, str) else None


def of_people(rooms: Rooms, person_ids: Collection[str]) -> Document:
    """The query for these people's records, those of older apps included."""
    ids = sorted(filter(storable, person_ids))
    own: Document = {"person_id": {"$in": ids}}
    names = older_names(rooms, ids)
    return {"$or": [own, carrying(names)]} if names else own


def carrying(names: Collection[str]) -> Document:
    """The query for the records of older apps that carry one of these names; a list that holds a name is no name."""
    return {"person_id": None, "matched_identity": {"$in": sorted(names), "$not": {"$type": "array"}}}


def older_names(rooms: Rooms, person_ids: Sequence[str]) -> dict[str, str]:
    """Whose the records are that carry a name alone, for the names of these people; none where there are no such records."""
    if rooms.attendance.find_one({"person_id": None}, {"_id": 1}) is None:
        return {}
    wanted: Document = {"_id": {"$in": list(person_ids)}, **PRESENT}
    people = list(rooms.people.find(wanted, {"name": 1, "legacy_names": 1}))
    owners = {person["name"]: person["_id"] for person in people if isinstance(person.get("name"), str)}
    # As in Names: who bore it then comes before who was enrolled with it later.
    before: Document = {"legacy_names": {"$in": list(owners)}, **PRESENT}
    for person in (*rooms.people.find(before, {"legacy_names": 1}), *people):
        owners.update(dict.fromkeys(person.get("legacy_names", ()), person["_id"]))
    asked = frozenset(person_ids)
    return {name: owner for name, owner in owners.items() if owner in asked}


def written(
    rooms: Rooms, query: Document, since: datetime | None, until: datetime | None, names: Names
) -> Iterator[CheckIn]:
    """Records of older apps whose time is a text, which the server cannot compare with a date."""
    for record in readable(rooms.attendance.find({**query, "timestamp": A_TEXT}), names):
        if (since is None or record.timestamp >= since) and (until is None or record.timestamp < until):
            yield record


def readable(documents: Iterable[Document], names: Names) -> Iterator[CheckIn]:
    """Those that can be read, each with its person where one is known; the others are left out with a warning."""
    for document in documents:
        try:
            owner = names.person_of(document) if document.get("person_id") is None else None
            yield to_check_in(document, owner)
        except CorruptRecordError as error:  # one broken document never hides the others
            warn_skipped("attendance", [document.get("_id")], str(error))


def when(record: CheckIn) -> datetime:
    """To sort by."""
    return record.timestamp


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
        query = {} if person_id is None else of_people(self._rooms, [person_id])
        direction = ASCENDING if limit is None else DESCENDING
        bounds = time_range("timestamp", since, until) or {"timestamp": {"$type": "date"}}
        order = [("timestamp", direction), ("_id", direction)]
        names = Names(self._rooms)
        timed = readable(self._rooms.attendance.find({**query, **bounds}).sort(order), names)
        backwards = limit is not None
        texts = sorted(written(self._rooms, query, since, until, names), key=when, reverse=backwards)
        merged = heapq.merge(timed, texts, key=when, reverse=backwards)
        if limit is None:
            yield from merged
            return
        latest: deque[CheckIn] = deque()
        for record in merged:
            latest.appendleft(record)
            if len(latest) == limit:
                break
        yield from latest
