"""The templates that models made of the pictures."""

from __future__ import annotations

import hashlib
import heapq
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import ReplaceOne
from pymongo.errors import DuplicateKeyError

from attendance.errors import CorruptRecordError
from attendance.store.base import TemplateCoverage
from attendance.store.codec import embedding_to_bytes, storable
from attendance.store.mongo_documents import (
    BELONGING,
    WITHOUT_BYTES,
    Belonging,
    id_candidates,
    new_token,
    now_utc,
    picture_bytes,
    template_id,
)
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_journal import rest, touch
from attendance.store.mongo_people import PRESENT, count_pictures
from attendance.store.mongo_references import ODD_IDS, complete, picture_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pymongo.cursor import Cursor

    from attendance.domain.model import Reference
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

PAGE = 200  # documents that are looked up in one query


def all_templates(rooms: Rooms) -> Cursor[Document]:
    """Every template without its numbers, read from the index alone."""
    fields = {"model_id": 1, "person_id": 1, "batch": 1, "failed": 1, "reference_id": 1, "_id": 0}
    return rooms.templates.find({"model_id": {"$gt": ""}}, fields)


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


class TemplatePart:
    """The store's methods about templates; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def references_without_template(self, model_id: str, *, limit: int = 100, after: str | None = None) -> list[Reference]:
        """See ``Store.references_without_template``."""
        return list(islice(self._without(model_id, after or ""), limit))

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
            rooms.people.update_many(
                {"_id": {"$in": people}, **PRESENT}, {"$push": {"open": mark}, "$set": {"open_at": now_utc()}}
            )
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
        for template in all_templates(self._rooms):
            if belonging.template_owner(template) is not None:
                counts.setdefault(template["model_id"], [0, 0])[template.get("failed") is not None] += 1
        return [TemplateCoverage(model_id, references, *counts[model_id]) for model_id in sorted(counts)]

    @guarded
    def active_model(self) -> str | None:
        """See ``Store.active_model``."""
        return read_active(self._rooms)

    @guarded
    def activate_model(self, model_id: str) -> None:
        """See ``Store.activate_model``."""
        self._rooms.meta.update_one({"_id": "active_model"}, {"$set": {"model_id": model_id}}, upsert=True)

    def _without(self, model_id: str, after: str) -> Iterator[Reference]:
        belonging = Belonging.of(self._rooms.people.find(PRESENT, BELONGING))
        keys = self._behind(after)
        while page := list(islice(keys, PAGE)):
            tried = self._tried(model_id, [str(key) for key in page])
            # Those without usable bytes as well: that no template can be made of them is found out, and remembered.
            left = [key for key in page if str(key) not in tried]
            documents = self._rooms.images.find({"_id": {"$in": left}}, WITHOUT_BYTES) if left else ()
            for document in sorted(documents, key=lambda found: str(found["_id"])):
                owner = belonging.picture_owner(document)
                if owner is not None:
                    yield complete(self._rooms, document, owner, 0)

    def _tried(self, model_id: str, reference_ids: Sequence[str]) -> set[str]:
        """Which of these were tried with the model; answered by an index alone."""
        query: Document = {"_id": {"$in": [template_id(model_id, key) for key in reference_ids]}}
        return {
            made["_id"].removeprefix(template_id(model_id, "")) for made in self._rooms.templates.find(query, {"_id": 1})
        }

    def _behind(self, after: str) -> Iterator[Any]:
        """Ids of ``face_images`` in the order of ``str(_id)``: one stream for each type of id, read from the index."""

        def ordered(query: Document) -> Iterator[Any]:
            return (document["_id"] for document in self._rooms.images.find(query, {"_id": 1}).sort("_id", 1))

        hexadecimal = len(after) - len(after.lstrip("0123456789abcdef"))
        floor = ObjectId(after[: min(hexadecimal, 24)].ljust(24, "0"))  # never above the first id behind ``after``
        odd = sorted(ordered(ODD_IDS), key=str)
        merged = heapq.merge(ordered({"_id": {"$gt": after}}), ordered({"_id": {"$gte": floor}}), odd, key=str)
        return (key for key in merged if str(key) > after)


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
        "_id": template_id(model_id, key),
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
