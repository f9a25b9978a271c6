"""Everything in MongoDB, without a transaction, which a standalone server has not and which ends after a minute elsewhere.

A person's token changes with everything that this app does to the person, so who changed while being read is found
(``changed``) and read again. Of what an older app wrote, and may write at any time, ids, times and lengths are compared.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from attendance.domain.names import name_key
from attendance.errors import CorruptRecordError
from attendance.store.ahead import ahead
from attendance.store.archive import Broken, Enrolled, StoredAttempt, StoredPicture, StoredTemplate
from attendance.store.codec import attempt_from_dict, audit_from_dict, kept_from_dict
from attendance.store.mongo_attendance import Names, to_check_in
from attendance.store.mongo_documents import (
    BELONGING,
    LEGACY,
    Belonging,
)
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_legacy import listed_pictures
from attendance.store.mongo_people import PRESENT, to_person
from attendance.store.mongo_pictures import read_pictures
from attendance.store.mongo_templates import read_active

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from attendance.domain.model import AuditEntry, CheckIn, Kept
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_IDS = 200  # people or attempts that are looked up in one query
_PEOPLE = 25  # whose templates are read in one query
REMOVED = {"state": "removed"}
_STATE = {"token": 1, "legacy_names": 1, "open": 1}


class ArchivePart:
    """The store's methods that take everything out; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @contextmanager
    def snapshot(self) -> Iterator[MongoSnapshot]:
        """See ``Archive.snapshot``."""
        yield MongoSnapshot(self._rooms)


class MongoSnapshot:
    """Implements ``store.archive.Snapshot``."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    @guarded
    def states(self) -> Iterator[tuple[str, str | None]]:
        """See ``Snapshot.states``."""
        listed = listed_pictures(self._rooms)
        for person in self._rooms.people.find(PRESENT, _STATE).sort("_id", 1):
            yield str(person["_id"]), _state(person, listed)

    @guarded
    def people(self, *, states: bool = True) -> Iterator[Enrolled | Broken]:
        """See ``Snapshot.people``."""
        listed = listed_pictures(self._rooms) if states else None
        for person in self._rooms.people.find(PRESENT).sort("_id", 1):
            yield _enrolled(person, listed)

    @guarded
    def changed(self, people: Sequence[Enrolled]) -> dict[str, Enrolled | Broken | None]:
        """See ``Snapshot.changed``; their states are not told again."""
        found: dict[str, Enrolled | Broken | None] = {}
        for start in range(0, len(people), _IDS):
            before = {one.person.person_id: one.token for one in people[start : start + _IDS]}
            now = {p["_id"]: p for p in self._rooms.people.find({"_id": {"$in": list(before)}, **PRESENT})}
            for person_id, token in before.items():
                if person_id not in now:
                    found[person_id] = None
                elif _token(now[person_id]) != token:
                    found[person_id] = _enrolled(now[person_id], None)
        return found

    @guarded
    def pictures(
        self, person_ids: Sequence[str], known: Collection[str] = (), *, checked: bool = True
    ) -> Iterator[StoredPicture | Broken]:
        """See ``Snapshot.pictures``."""
        yield from read_pictures(self._rooms, person_ids, known, checked=checked)

    @guarded
    def strays(self) -> Iterator[Broken]:
        """See ``Snapshot.strays``."""
        belonging = Belonging.of(self._rooms.people.find(PRESENT, BELONGING))
        removed = {name for p in self._rooms.people.find(REMOVED, BELONGING) for name in p.get("legacy_names", ())}
        for document in self._rooms.images.find(LEGACY, {"name": 1, "person_id": 1}):
            name = document.get("name")
            if not isinstance(name, str) or (name not in belonging.names and name not in removed):
                yield Broken(f"face_images/{document['_id']}", "A picture without a person, or without anything to show.")

    @guarded
    def templates(self, person_ids: Sequence[str]) -> Iterator[StoredTemplate | Broken]:
        """See ``Snapshot.templates``."""
        for belonging, documents in ahead(self._templates(person_ids)):
            for document in documents:
                if (owner := belonging.template_owner(document)) is not None:
                    yield _template(document, owner)

    @guarded
    def check_ins(self) -> Iterator[CheckIn | Broken]:
        """See ``Snapshot.check_ins``."""
        names = Names(self._rooms)
        current = {str(p["_id"]): str(p.get("name_key")) for p in self._rooms.people.find(PRESENT, {"name_key": 1})}
        for document in self._rooms.attendance.find({}):
            try:
                owner = names.person_of(document) if document.get("person_id") is None else None
                name = str(document.get("matched_identity"))
                renamed = owner is not None and current.get(owner) != name_key(name)
                yield to_check_in(document, owner if renamed else None)
            except CorruptRecordError as error:
                yield Broken(f"attendance/{document.get('_id')}", str(error))

    @guarded
    def attempts(self, only: Sequence[str] | None = None) -> Iterator[StoredAttempt | Broken]:
        """See ``Snapshot.attempts``."""
        batches: Iterable[Document] = [{}]
        if only is not None:
            batches = ({"_id": {"$in": list(only[start : start + _IDS])}} for start in range(0, len(only), _IDS))
        for document in chain.from_iterable(self._rooms.attempts.find(query, {"picture": 0}) for query in batches):
            check_in = document.get("check_in_id")
            try:
                yield StoredAttempt(attempt_from_dict(document), check_in if isinstance(check_in, str) else None)
            except CorruptRecordError as error:
                yield Broken(f"attempts/{document['_id']}", str(error))

    @guarded
    def audit(self) -> Iterator[AuditEntry | Broken]:
        """See ``Snapshot.audit``."""
        for document in self._rooms.audit.find({}).sort("_id", 1):
            try:
                details = json.loads(document["details"])
                yield audit_from_dict({**document, "sequence": document["_id"], "details": details})
            except (CorruptRecordError, KeyError, TypeError, ValueError) as error:
                yield Broken(f"audit/{document['_id']}", str(error))

    @guarded
    def kept(self, kind: str) -> list[Kept]:
        """See ``Snapshot.kept``."""
        return [kept_from_dict(found) for found in self._rooms.kept.find({"kind": kind}).sort("key", 1)]

    @guarded
    def active_model(self) -> str | None:
        """See ``Snapshot.active_model``."""
        return read_active(self._rooms)

    @guarded
    def removed(self, person_ids: Sequence[str]) -> set[str]:
        """See ``Snapshot.removed``."""
        batches = (list(person_ids[start : start + _IDS]) for start in range(0, len(person_ids), _IDS))
        queries = ({"_id": {"$in": batch}, **REMOVED} for batch in batches)
        return {str(found["_id"]) for query in queries for found in self._rooms.people.find(query, {"_id": 1})}

    def _templates(self, person_ids: Sequence[str]) -> Iterator[tuple[Belonging, list[Document]]]:
        """Of some people after others."""
        for start in range(0, len(person_ids), _PEOPLE):
            ids = list(person_ids[start : start + _PEOPLE])
            belonging = Belonging.of(self._rooms.people.find({"_id": {"$in": ids}, **PRESENT}, BELONGING))
            yield belonging, list(self._rooms.templates.find({"person_id": {"$in": ids}}))


def _enrolled(person: Mapping[str, Any], listed: Mapping[str, int] | None) -> Enrolled | Broken:
    try:
        return Enrolled(to_person(person, 0), None if listed is None else _state(person, listed), _token(person))
    except CorruptRecordError as error:
        return Broken(f"people/{person['_id']}", str(error))


def _token(person: Mapping[str, Any]) -> str:
    """Whatever stands there: it is only compared."""
    return f"{person.get('token')}"


def _state(person: Mapping[str, Any], listed: Mapping[str, int]) -> str | None:
    """The person's own token and what an older app's pictures are known by; None where something is under way."""
    token, known = person.get("token"), [listed.get(name) for name in sorted(person.get("legacy_names") or ())]
    if not isinstance(token, str) or person.get("open") or None in known:
        return None
    return "-".join([token, *(f"{number:x}" for number in known)])


def _template(document: Document, owner: str) -> StoredTemplate | Broken:
    made, failed = document.get("embedding"), document.get("failed")
    known = StoredTemplate(str(document.get("model_id")), owner, str(document.get("reference_id")), made, failed)
    if made is None and isinstance(failed, str):
        return known
    if not isinstance(made, bytes) or not made or len(made) % 4:
        return Broken(f"templates/{document['_id']}", "A template of an impossible size.", owner)
    return known
