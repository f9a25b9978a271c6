"""Reading pictures, and the templates that models made of them."""

from __future__ import annotations

import hashlib
import heapq
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import ReplaceOne
from pymongo.errors import DuplicateKeyError

from attendance.errors import CorruptRecordError, PersonNotFoundError
from attendance.store.base import TemplateCoverage
from attendance.store.codec import embedding_to_bytes
from attendance.store.mongo_documents import (
    BELONGING,
    USABLE,
    WITHOUT_BYTES,
    Belonging,
    id_candidates,
    new_token,
    now_utc,
    picture_bytes,
    pictures_of,
    reference,
    storable,
)
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_journal import rest, touch
from attendance.store.mongo_people import PRESENT, count_pictures, to_person

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.model import Person, Reference
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

PAGE = 200  # documents that are looked up in one query
# Ids that are neither texts (ours) nor ObjectIds (the driver's own choice): few or none, so sorted here.
_ODD_IDS = {"_id": {"$type": ["number", "binData", "object", "bool", "date"]}}


def picture_document(rooms: Rooms, reference_id: str, projection: Mapping[str, int] | None = None) -> Document | None:
    """One document of ``face_images``, whatever type its ``_id`` has."""
    if not storable(reference_id):
        return None
    found = rooms.images.find_one({"_id": {"$in": id_candidates([reference_id])}}, projection)
    if found is not None:
        return found
    odd = next((d["_id"] for d in rooms.images.find(_ODD_IDS, {"_id": 1}) if str(d["_id"]) == reference_id), None)
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
        _complete(rooms, {**document, **digests.get(str(document["_id"]), {})}, person_id, position)
        for position, document in enumerate(documents)
    ]
    return sorted(found, key=lambda known: (known.image_index, known.reference_id))


def _legacy_digests(rooms: Rooms, reference_ids: list[str]) -> dict[str, Document]:
    """What cannot be written into an older app's document is kept with its templates."""
    if not reference_ids:
        return {}
    templates = rooms.templates.find({"reference_id": {"$in": reference_ids}}, {"reference_id": 1, "sha256": 1})
    return {template["reference_id"]: {"sha256": template.get("sha256")} for template in templates}


def _complete(rooms: Rooms, document: Document, person_id: str, position: int) -> Reference:
    if isinstance(document.get("size"), int):
        return reference(document, person_id, position)
    size = 0
    with suppress(CorruptRecordError):
        size = len(picture_bytes(rooms.images.find_one({"_id": document["_id"]}, {"image_bytes": 1}) or {}))
    return reference({**document, "size": None}, person_id, position, size)


def remember_active(rooms: Rooms, model_id: str) -> None:
    """The first model that has a template becomes the active one."""
    with suppress(DuplicateKeyError):  # another process was first
        rooms.meta.update_one({"_id": "active_model"}, {"$setOnInsert": {"model_id": model_id}}, upsert=True)


def read_active(rooms: Rooms) -> str | None:
    """See ``Store.active_model``. Where a crash came between the first template and the note of its model, the note is made
    now.
    """
    document = rooms.meta.find_one({"_id": "active_model"})
    if document is not None:
        return str(document["model_id"])
    for template in rooms.templates.find({"failed": None}, {"embedding": 0}).limit(PAGE):
        person = rooms.people.find_one({"_id": template["person_id"], **PRESENT})
        if person is not None and Belonging.of([person]).template_owner(template) is not None:
            remember_active(rooms, template["model_id"])
            return str(template["model_id"])
    return None


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
    def references_without_template(
        self, model_id: str, *, never_tried: bool = False, limit: int = 100, after: str | None = None
    ) -> list[Reference]:
        """See ``Store.references_without_template``."""
        return list(islice(self._without(None if never_tried else model_id, after or ""), limit))

    @guarded
    def put_templates(self, model_id: str, embeddings: Mapping[str, NDArray[np.float32] | str]) -> None:
        """See ``Store.put_templates``."""
        rooms = self._rooms
        items = iter(embeddings.items())
        while page := dict(islice(items, PAGE)):
            known, owners = _find(rooms, page)
            if not owners:
                continue
            people, mark = sorted(set(owners.values())), new_token()
            # From here on the journal knows that the galleries have to be told, also after a crash.
            rooms.people.update_many({"_id": {"$in": people}}, {"$push": {"open": mark}, "$set": {"open_at": now_utc()}})
            documents = [_template(rooms, model_id, known[key], owners[key], page[key]) for key in owners]
            rooms.templates.bulk_write([ReplaceOne({"_id": made["_id"]}, made, upsert=True) for made in documents])
            left = {
                str(d["_id"]) for d in rooms.images.find({"_id": {"$in": [known[k]["_id"] for k in owners]}}, {"_id": 1})
            }
            rooms.templates.delete_many({"reference_id": {"$in": [key for key in owners if key not in left]}})
            if any(made["failed"] is None for made in documents):
                remember_active(rooms, model_id)
            touch(rooms, people)
            rooms.people.update_many({"_id": {"$in": people}}, {"$pull": {"open": mark}})
            rest(rooms, people)

    @guarded
    def template_coverage(self) -> list[TemplateCoverage]:
        """See ``Store.template_coverage``."""
        people = list(self._rooms.people.find(PRESENT, BELONGING))
        belonging = Belonging.of(people)
        references = sum(count_pictures(self._rooms, people).values())
        counts: dict[str, list[int]] = {}
        fields = {"model_id": 1, "person_id": 1, "batch": 1, "reference_id": 1, "failed": 1, "_id": 0}
        for template in self._rooms.templates.find({}, fields):
            if belonging.template_owner(template) is not None:
                counts.setdefault(template["model_id"], [0, 0])[template.get("failed") is not None] += 1
        return [TemplateCoverage(model_id, references, *counts[model_id]) for model_id in sorted(counts)]

    @guarded
    def count_references(self) -> int:
        """See ``Store.count_references``."""
        return sum(count_pictures(self._rooms, list(self._rooms.people.find(PRESENT, BELONGING))).values())

    @guarded
    def active_model(self) -> str | None:
        """See ``Store.active_model``."""
        return read_active(self._rooms)

    @guarded
    def activate_model(self, model_id: str) -> None:
        """See ``Store.activate_model``."""
        self._rooms.meta.update_one({"_id": "active_model"}, {"$set": {"model_id": model_id}}, upsert=True)

    def _without(self, model_id: str | None, after: str) -> Iterator[Reference]:
        belonging = Belonging.of(self._rooms.people.find(PRESENT, BELONGING))
        pictures = self._behind(after)
        while page := list(islice(pictures, PAGE)):
            query: Document = {"reference_id": {"$in": [str(document["_id"]) for document in page]}}
            if model_id is not None:
                query["model_id"] = model_id
            tried = {template["reference_id"] for template in self._rooms.templates.find(query, {"reference_id": 1})}
            for document in page:
                owner = belonging.picture_owner(document)
                if owner is not None and str(document["_id"]) not in tried:
                    yield _complete(self._rooms, document, owner, 0)

    def _behind(self, after: str) -> Iterator[Document]:
        """Documents of ``face_images`` in the order of ``str(_id)``, without bytes: one stream for each type of id."""
        readable: Document = {"$or": [{"batch": {"$exists": True}}, USABLE]}

        def ordered(query: Document) -> Iterator[Document]:
            return iter(self._rooms.images.find({**query, **readable}, WITHOUT_BYTES).sort("_id", 1))

        hexadecimal = len(after) - len(after.lstrip("0123456789abcdef"))
        floor = ObjectId(after[: min(hexadecimal, 24)].ljust(24, "0"))  # never above the first id behind ``after``
        odd = sorted(self._rooms.images.find({**_ODD_IDS, **readable}, WITHOUT_BYTES), key=lambda d: str(d["_id"]))
        streams = (ordered({"_id": {"$gt": after}}), ordered({"_id": {"$gte": floor}}), iter(odd))
        merged = heapq.merge(*streams, key=lambda document: str(document["_id"]))
        return (document for document in merged if str(document["_id"]) > after)


def _find(rooms: Rooms, reference_ids: Mapping[str, object]) -> tuple[dict[str, Document], dict[str, str]]:
    """The pictures of these ids, and the people of those that count."""
    wanted = [key for key in reference_ids if storable(key)]
    known = {str(d["_id"]): d for d in rooms.images.find({"_id": {"$in": id_candidates(wanted)}}, WITHOUT_BYTES)}
    for key in set(wanted) - set(known):
        document = picture_document(rooms, key, WITHOUT_BYTES)
        if document is not None:
            known[key] = document
    ids = [document["person_id"] for document in known.values() if document.get("person_id") is not None]
    names = [document["name"] for document in known.values() if isinstance(document.get("name"), str)]
    people = rooms.people.find({"$or": [{"_id": {"$in": ids}}, {"legacy_names": {"$in": names}}], **PRESENT}, BELONGING)
    belonging = Belonging.of(people)
    owners = {key: owner for key, document in known.items() if (owner := belonging.picture_owner(document)) is not None}
    return known, {key: owners[key] for key in wanted if key in owners}


def _template(
    rooms: Rooms, model_id: str, picture: Mapping[str, Any], person_id: str, made: NDArray[np.float32] | str
) -> Document:
    key, sha256 = str(picture["_id"]), picture.get("sha256")
    if picture.get("batch") is None:
        sha256 = None
        with suppress(CorruptRecordError):
            stored = rooms.images.find_one({"_id": picture["_id"]}, {"image_bytes": 1}) or {}
            sha256 = hashlib.sha256(picture_bytes(stored)).hexdigest()
    document = {
        "_id": f"{model_id}|{key}",
        "model_id": model_id,
        "reference_id": key,
        "person_id": person_id,
        "batch": picture.get("batch"),
        "embedding": None if isinstance(made, str) else embedding_to_bytes(made),
        "failed": made if isinstance(made, str) else None,
        "sha256": sha256,
    }
    if sha256 is None:
        del document["sha256"]
    return document
