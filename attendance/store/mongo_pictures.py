"""Pictures out of MongoDB, person by person, each checked; the server finds some while others are being used."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from attendance.errors import CorruptRecordError
from attendance.store.ahead import ahead
from attendance.store.archive import Broken, StoredPicture
from attendance.store.digests import is_digest, whole_digest
from attendance.store.mongo_documents import (
    BELONGING,
    WITHOUT_BYTES,
    Belonging,
    legacy_pictures,
    picture_bytes,
    reference,
)
from attendance.store.mongo_people import PRESENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_INDEXES = 2**30  # of pictures; an older app's beyond it is no index, and others still fit behind the last
_PEOPLE = 25  # whose pictures are listed in one query
_IDS = 200  # pictures that are read in one query
_BYTES = 4_000_000  # of pictures read at a time; as many are being worked on


def read_pictures(
    rooms: Rooms, person_ids: Sequence[str], known: Collection[str], *, checked: bool
) -> Iterator[StoredPicture | Broken]:
    """See ``Snapshot.pictures``."""
    for found in ahead(_read(rooms, person_ids, known)):
        for document in found.documents:
            if found.with_bytes:
                yield _whole(document, found.owner, checked=checked)
            else:
                yield _stored(document, found.owner, None)


class _Some(NamedTuple):
    """Some pictures of one person, read together."""

    owner: str
    documents: Sequence[Document]
    with_bytes: bool


def _read(rooms: Rooms, person_ids: Sequence[str], known: Collection[str]) -> Iterator[_Some]:
    """One person after another."""
    for start in range(0, len(person_ids), _PEOPLE):
        ids = person_ids[start : start + _PEOPLE]
        people = {p["_id"]: p for p in rooms.people.find({"_id": {"$in": list(ids)}, **PRESENT}, BELONGING)}
        belonging = Belonging.of(people.values())
        ours: dict[str, list[Document]] = {}
        if known:
            for document in rooms.images.find({"person_id": {"$in": list(people)}}, WITHOUT_BYTES):
                if (owner := belonging.picture_owner(document)) is not None:
                    ours.setdefault(owner, []).append(document)
        for person_id in filter(people.__contains__, ids):
            if known:
                yield from _ours(rooms, ours.get(person_id, ()), person_id, known)
            else:
                yield from _all(rooms, {"person_id": person_id}, person_id, belonging)
            if names := people[person_id].get("legacy_names"):
                yield from _all(rooms, legacy_pictures(names), person_id, belonging)


def _ours(rooms: Rooms, documents: Sequence[Document], owner: str, known: Container[str]) -> Iterator[_Some]:
    wanted: list[Document] = []
    there: list[Document] = []
    for document in documents:
        (there if str(document["_id"]) in known and isinstance(document.get("sha256"), str) else wanted).append(document)
    yield _Some(owner, there, with_bytes=False)
    for group in _by_size(wanted, lambda document: int(document.get("size") or 0)):
        ids = {"_id": {"$in": [document["_id"] for document in group]}}
        found = {d["_id"]: d for d in rooms.images.find(ids, {"image_bytes": 1})}
        # A document that is not found was removed in this moment.
        whole = [{**document, **found[document["_id"]]} for document in group if document["_id"] in found]
        yield _Some(owner, whole, with_bytes=True)


def _all(rooms: Rooms, query: Document, owner: str, belonging: Belonging) -> Iterator[_Some]:
    found = rooms.images.find(query)
    theirs = (document for document in found if belonging.picture_owner(document) is not None)
    for group in _by_size(theirs, _weight):
        yield _Some(owner, group, with_bytes=True)


def _weight(document: Document) -> int:
    """Of the picture, whatever stands in its place."""
    picture = document.get("image_bytes")
    return len(picture) if isinstance(picture, bytes | str) else 0


def _by_size(documents: Iterable[Document], size: Callable[[Document], int]) -> Iterator[list[Document]]:
    """So many at a time as may be held."""
    group: list[Document] = []
    total = 0
    for document in documents:
        group.append(document)
        total += size(document)
        if total > _BYTES or len(group) >= _IDS:
            yield group
            group, total = [], 0
    if group:
        yield group


def _whole(document: Document, owner: str, *, checked: bool) -> StoredPicture | Broken:
    record = f"face_images/{document['_id']}"
    try:
        picture = picture_bytes(document)
    except CorruptRecordError as error:
        return Broken(record, str(error), owner)
    ours, stored = document.get("batch") is not None, whole_digest(str(document.get("sha256")))
    if checked or not ours or not is_digest(stored):
        found = hashlib.sha256(picture).hexdigest()
        if ours and stored != found:
            return Broken(record, "The picture is not what was stored.", owner)
        stored = found
    document["sha256"] = stored
    document["size"] = len(picture)
    return _stored(document, owner, picture)


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
