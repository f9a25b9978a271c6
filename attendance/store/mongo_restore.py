"""Putting back into MongoDB what an export took out of it: a person's pictures first, and the person's document last, which
alone says that they count. What is there already, by its id, stays as it is.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from attendance.domain.names import name_key
from attendance.store.codec import (
    attempt_to_dict,
    audit_to_dict,
    check_in_to_dict,
    kept_to_dict,
    person_to_dict,
    plain,
)
from attendance.store.digests import copy_digest
from attendance.store.mongo_documents import new_token, search_key, template_id
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_kept import entry_id
from attendance.store.mongo_people import PRESENT, taken
from attendance.store.mongo_references import read_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pymongo.collection import Collection

    from attendance.domain.model import AuditEntry, CheckIn, Kept, Person
    from attendance.store.archive import RestoredPerson, StoredAttempt, StoredPicture, StoredTemplate
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_LISTS: Document = {"open": [], "void": [], "gone": [], "legacy_names": []}


class RestorePart:
    """The store's methods that put everything back; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def restore_people(self, people: Sequence[RestoredPerson]) -> None:
        """See ``Archive.restore_people``."""
        for one in people:
            batch = f"restored-{one.person.person_id}"  # of this person alone: a batch is taken back whole
            _add(self._rooms.templates, (_template(template, batch) for template in one.templates))
            pictures = _pictures(self._rooms, one, batch)
            next_index = max((int(picture["image_index"]) for picture in pictures), default=-1) + 1
            _add(self._rooms.images, pictures)
            _commit(self._rooms, one.person, batch, next_index)

    @guarded
    def restore_check_ins(self, records: Sequence[tuple[CheckIn, int]]) -> None:
        """See ``Archive.restore_check_ins``."""
        ours = (record for record, _ in records if record.attempt_id is not None)
        documents = [{"_id": record.attempt_id, **check_in_to_dict(record)} for record in ours]
        for record, wanted in records:
            if record.attempt_id is None:
                documents += self._missing(record, wanted)
        _add(self._rooms.attendance, documents)

    @guarded
    def restore_attempts(self, attempts: Sequence[StoredAttempt]) -> None:
        """See ``Archive.restore_attempts``."""
        documents = (
            {"_id": one.attempt.attempt_id, **attempt_to_dict(one.attempt), "check_in_id": one.check_in} for one in attempts
        )
        _add(self._rooms.attempts, documents)

    @guarded
    def restore_audit(self, entries: Sequence[AuditEntry]) -> None:
        """See ``Archive.restore_audit``."""
        documents = []
        for entry in entries:
            known = audit_to_dict(entry)
            documents.append({"_id": known.pop("sequence"), **known, "details": json.dumps(known["details"])})
        _add(self._rooms.audit, documents)

    @guarded
    def restore_kept(self, entries: Sequence[Kept]) -> None:
        """See ``Archive.restore_kept``."""
        documents = ({"_id": entry_id(one.kind, one.key), "turn": new_token(), **kept_to_dict(one)} for one in entries)
        _add(self._rooms.kept, documents)

    def _missing(self, record: CheckIn, wanted: int) -> list[Document]:
        """Documents as an older app writes them, for as many as are missing; their ids say what they are."""
        known = check_in_to_dict(record)
        fields = {name: known[name] for name in ("timestamp", "entered_name", "matched_identity", "distance", "person_id")}
        there = self._rooms.attendance.count_documents({**fields, "attempt_id": None})
        told = {name: value for name, value in known.items() if value is not None or name == "distance"}
        if told["kind"] == "check-in":
            del told["kind"]
        text = json.dumps({**told, "timestamp": str(told["timestamp"])}, sort_keys=True)
        key = f"restored-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        return [{"_id": f"{key}-{number}", **told} for number in range(there, wanted)]


def _add(collection: Collection[Document], documents: Iterable[Document]) -> None:
    """Store those that are not there, by their ids."""
    changes = []
    for document in documents:
        key = document.pop("_id")
        changes.append(UpdateOne({"_id": key}, {"$setOnInsert": document}, upsert=True))
    if changes:
        collection.bulk_write(changes, ordered=True)


def _template(template: StoredTemplate, batch: str) -> Document:
    return {
        "_id": template_id(template.model_id, template.reference_id),
        "model_id": template.model_id,
        "reference_id": template.reference_id,
        "person_id": template.person_id,
        "batch": batch,
        "embedding": template.embedding,
        "failed": template.failure,
    }


def _pictures(rooms: Rooms, one: RestoredPerson, batch: str) -> list[Document]:
    if not one.pictures:
        return []
    ids = [picture.reference_id for picture in one.pictures]
    there = {found["_id"] for found in rooms.images.find({"_id": {"$in": ids}}, {"_id": 1})}
    wanted: Document = {"sha256": {"$in": [picture.sha256 for picture in one.pictures]}, "batch": {"$exists": True}}
    digests = {found["sha256"] for found in rooms.images.find(wanted, {"sha256": 1})}
    indexes = {known.image_index for known in read_references(rooms, one.person.person_id)}
    missing = [picture for picture in one.pictures if picture.reference_id not in there]
    return [_picture(picture, one.person.name, batch, digests, indexes) for picture in missing]


def _picture(picture: StoredPicture, name: str, batch: str, digests: set[str], indexes: set[int]) -> Document:
    """``digests`` and ``indexes`` are those that are taken, and grow."""
    index = picture.image_index
    if index is None or index in indexes:
        index = max(indexes, default=-1) + 1
    indexes.add(index)
    copied = picture.sha256 in digests
    digests.add(picture.sha256)
    return {
        "_id": picture.reference_id,
        "name": name,  # for older apps that read the same pictures
        "image_index": index,
        "image_bytes": picture.picture,
        "created_at": plain(picture.created_at),
        "size": picture.size,
        "person_id": picture.person_id,
        "sha256": copy_digest(picture.sha256, picture.reference_id) if copied else picture.sha256,
        "quality": plain(picture.quality),
        "batch": batch,
    }


def _commit(rooms: Rooms, person: Person, batch: str, next_index: int) -> None:
    """Let the batch count; the person comes into being with it."""
    change: Document = {"$currentDate": {"changed_at": True}, "$max": {"next_index": next_index}}
    known = rooms.people.update_one(
        {"_id": person.person_id, **PRESENT}, {**change, "$addToSet": {"batches": batch}, "$set": {"token": new_token()}}
    )
    if known.matched_count:
        return
    fields = person_to_dict(person)
    del fields["person_id"]
    if fields["external_id"] is None:
        del fields["external_id"]  # the unique index holds texts alone
    fields["name_key"] = name_key(person.name)
    fields["search_key"] = search_key(person.name, person.external_id, person.group)
    made = {**_LISTS, **fields, "batches": [batch], "state": "present", "token": new_token()}
    try:
        rooms.people.update_one(
            {"_id": person.person_id, "state": {"$ne": "present"}},
            {**change, "$set": made, "$unset": {"open_at": ""}},
            upsert=True,
        )
    except DuplicateKeyError as error:
        raise taken(error, person.name, person.external_id) from error
