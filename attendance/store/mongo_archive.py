"""Everything in MongoDB, without a transaction, which a standalone server has not and which ends after a minute elsewhere.

A person's token changes with everything that this app does to the person, so who changed while being read is found
(``changed``) and read again. Of what an older app wrote, and may write at any time, ids, times and lengths are compared.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from attendance.domain.names import name_key
from attendance.errors import CorruptRecordError
from attendance.store.archive import Broken, Enrolled, StoredAttempt, StoredPicture, StoredTemplate
from attendance.store.codec import attempt_from_dict, audit_from_dict, kept_from_dict
from attendance.store.digests import whole_digest
from attendance.store.mongo_attendance import Names, to_check_in
from attendance.store.mongo_documents import (
    BELONGING,
    LEGACY,
    WITHOUT_BYTES,
    Belonging,
    legacy_pictures,
    picture_bytes,
    reference,
)
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_legacy import listed_pictures
from attendance.store.mongo_people import PRESENT, to_person
from attendance.store.mongo_templates import read_active

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from attendance.domain.model import AuditEntry, CheckIn, Kept
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_IDS = 200  # people or pictures that are looked up in one query
_INDEXES = 2**30  # of pictures; an older app's beyond it is no index, and others still fit behind the last
_BYTES = 8_000_000  # of pictures held at a time
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
    def pictures(self, person_ids: Sequence[str], known: Container[str] = ()) -> Iterator[StoredPicture | Broken]:
        """See ``Snapshot.pictures``."""
        for start in range(0, len(person_ids), _IDS):
            ids = person_ids[start : start + _IDS]
            people = {p["_id"]: p for p in self._rooms.people.find({"_id": {"$in": list(ids)}, **PRESENT}, BELONGING)}
            belonging = Belonging.of(people.values())
            ours: dict[str, list[Document]] = {}
            for document in self._rooms.images.find({"person_id": {"$in": list(people)}}, WITHOUT_BYTES):
                if (owner := belonging.picture_owner(document)) is not None:
                    ours.setdefault(owner, []).append(document)
            for person_id in ids:
                if person_id in people:
                    yield from self._ours(ours.get(person_id, ()), person_id, known)
                    yield from self._older(people[person_id], belonging)

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
        for start in range(0, len(person_ids), _IDS):
            ids = list(person_ids[start : start + _IDS])
            belonging = Belonging.of(self._rooms.people.find({"_id": {"$in": ids}, **PRESENT}, BELONGING))
            for document in self._rooms.templates.find({"person_id": {"$in": ids}}):
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

    def _ours(self, documents: Sequence[Document], owner: str, known: Container[str]) -> Iterator[StoredPicture | Broken]:
        waiting: list[Document] = []
        total = 0
        for document in documents:
            if str(document["_id"]) in known and isinstance(document.get("sha256"), str):
                yield _stored(document, owner, None)
                continue
            waiting.append(document)
            total += int(document.get("size") or 0)
            if total > _BYTES or len(waiting) >= _IDS:
                yield from self._with_bytes(waiting, owner)
                waiting, total = [], 0
        yield from self._with_bytes(waiting, owner)

    def _with_bytes(self, documents: Sequence[Document], owner: str) -> Iterator[StoredPicture | Broken]:
        if not documents:
            return
        wanted = {"_id": {"$in": [document["_id"] for document in documents]}}
        found = {d["_id"]: d for d in self._rooms.images.find(wanted, {"image_bytes": 1})}
        for document in documents:
            if document["_id"] in found:  # or removed in this moment
                yield _whole({**document, **found[document["_id"]]}, owner)

    def _older(self, person: Mapping[str, Any], belonging: Belonging) -> Iterator[StoredPicture | Broken]:
        names = person.get("legacy_names")
        if not names:
            return
        for document in self._rooms.images.find(legacy_pictures(names)):
            if belonging.picture_owner(document) is not None:
                yield _whole(document, person["_id"])


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


def _whole(document: Document, owner: str) -> StoredPicture | Broken:
    record = f"face_images/{document['_id']}"
    try:
        picture = picture_bytes(document)
    except CorruptRecordError as error:
        return Broken(record, str(error), owner)
    found = hashlib.sha256(picture).hexdigest()
    if document.get("batch") is not None and whole_digest(str(document.get("sha256"))) != found:
        return Broken(record, "The picture is not what was stored.", owner)
    return _stored({**document, "sha256": found, "size": len(picture)}, owner, picture)


def _stored(document: Document, owner: str, picture: bytes | None) -> StoredPicture:
    known = reference(document, owner, -1)
    return StoredPicture(
        reference_id=known.reference_id,
        person_id=owner,
        image_index=known.image_index if 0 <= known.image_index < _INDEXES else None,
        size=known.size,
        sha256=str(known.sha256),
        created_at=known.created_at,
        quality=known.quality if document.get("batch") is not None else None,
        older=document.get("batch") is None,
        picture=picture,
    )


def _template(document: Document, owner: str) -> StoredTemplate | Broken:
    made, failed = document.get("embedding"), document.get("failed")
    known = StoredTemplate(str(document.get("model_id")), owner, str(document.get("reference_id")), made, failed)
    if made is None and isinstance(failed, str):
        return known
    if not isinstance(made, bytes) or not made or len(made) % 4:
        return Broken(f"templates/{document['_id']}", "A template of an impossible size.", owner)
    return known
