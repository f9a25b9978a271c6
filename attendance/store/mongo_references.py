"""Reading the pictures."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attendance.errors import CorruptRecordError, PersonNotFoundError
from attendance.store.codec import storable
from attendance.store.mongo_documents import (
    BELONGING,
    WITHOUT_BYTES,
    Belonging,
    id_candidates,
    picture_bytes,
    pictures_of,
    reference,
)
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_people import PRESENT, count_pictures, to_person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.domain.model import Person, Reference
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

# Ids that are neither texts (ours) nor ObjectIds (the driver's own choice): few or none, so sorted here.
ODD_IDS = {"_id": {"$type": ["number", "binData", "object", "bool", "date"]}}


def picture_document(rooms: Rooms, reference_id: str, projection: Mapping[str, int] | None = None) -> Document | None:
    """One document of ``face_images``, whatever type its ``_id`` has."""
    if not storable(reference_id):
        return None
    found = rooms.images.find_one({"_id": {"$in": id_candidates([reference_id])}}, projection)
    if found is not None:
        return found
    odd = next((d["_id"] for d in rooms.images.find(ODD_IDS, {"_id": 1}) if str(d["_id"]) == reference_id), None)
    return None if odd is None else rooms.images.find_one({"_id": odd}, projection)


def owner_document(rooms: Rooms, picture: Mapping[str, Any]) -> Document | None:
    """The person whom a picture belongs to, or None where it does not count."""
    if picture.get("person_id") is not None:
        person = rooms.people.find_one({"_id": picture["person_id"], **PRESENT})
    elif isinstance(picture.get("name"), str):
        person = rooms.people.find_one({"legacy_names": picture["name"], **PRESENT})
    else:
        return None
    return person if person is not None and Belonging.of([person]).picture_owner(picture) is not None else None


def owner_of_digest(rooms: Rooms, sha256: str) -> Document | None:
    """Whose picture has this digest; that of an older app's picture is known once a model has tried it."""
    picture = rooms.images.find_one({"sha256": sha256, "batch": {"$exists": True}}, WITHOUT_BYTES)
    if picture is not None:
        return owner_document(rooms, picture)
    for template in rooms.templates.find({"sha256": sha256}, {"embedding": 0}):
        person = rooms.people.find_one({"_id": template["person_id"], **PRESENT})
        if person is not None and Belonging.of([person]).template_owner(template) is not None:
            return person
    return None


def read_references(rooms: Rooms, person_id: str) -> list[Reference]:
    """See ``Store.references``."""
    person = rooms.people.find_one({"_id": person_id, **PRESENT}) if storable(person_id) else None
    if person is None:
        return []
    documents = sorted(rooms.images.find(pictures_of(person), WITHOUT_BYTES), key=lambda document: str(document["_id"]))
    digests = _legacy_digests(rooms, [str(document["_id"]) for document in documents if document.get("batch") is None])
    found = [
        complete(rooms, {**document, **digests.get(str(document["_id"]), {})}, person_id, position)
        for position, document in enumerate(documents)
    ]
    return sorted(found, key=lambda known: (known.image_index, known.reference_id))


def _legacy_digests(rooms: Rooms, reference_ids: list[str]) -> dict[str, Document]:
    """What cannot be written into an older app's document is kept with its templates."""
    if not reference_ids:
        return {}
    templates = rooms.templates.find({"reference_id": {"$in": reference_ids}}, {"reference_id": 1, "sha256": 1})
    return {template["reference_id"]: {"sha256": template.get("sha256")} for template in templates}


def complete(rooms: Rooms, document: Document, person_id: str, position: int) -> Reference:
    """One picture without its bytes; its size is looked up where an older app has not written it."""
    if isinstance(document.get("size"), int):
        return reference(document, person_id, position)
    size = 0
    with suppress(CorruptRecordError):
        size = len(picture_bytes(rooms.images.find_one({"_id": document["_id"]}, {"image_bytes": 1}) or {}))
    return reference({**document, "size": None}, person_id, position, size)


class ReferencePart:
    """The store's methods about pictures and templates; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def references(self, person_id: str) -> list[Reference]:
        """See ``Store.references``."""
        return read_references(self._rooms, person_id)

    @guarded
    def picture(self, reference_id: str) -> bytes:
        """See ``Store.picture``."""
        document = picture_document(self._rooms, reference_id)
        if document is None or owner_document(self._rooms, document) is None:
            raise PersonNotFoundError("This picture is not stored any more.", key=reference_id)
        return picture_bytes(document)

    @guarded
    def picture_owner(self, sha256: str) -> Person | None:
        """See ``Store.picture_owner``."""
        person = owner_of_digest(self._rooms, sha256) if storable(sha256) else None
        return None if person is None else to_person(person, count_pictures(self._rooms, [person])[person["_id"]])

    @guarded
    def count_references(self) -> int:
        """See ``Store.count_references``."""
        return sum(count_pictures(self._rooms, list(self._rooms.people.find(PRESENT, BELONGING))).values())
