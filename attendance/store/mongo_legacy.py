"""Databases of older apps: their pictures carry a name and nothing else, and stay as they are.

Each name gets a person. An older app may go on writing and deleting while we run, so this is looked at again now and then.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure

from attendance.domain.model import PersonStatus
from attendance.domain.names import name_key
from attendance.store.mongo_documents import (
    BELONGING,
    LEGACY,
    USABLE,
    Belonging,
    legacy_pictures,
    moment,
    new_token,
    search_key,
    warn_skipped,
)
from attendance.store.mongo_journal import touch
from attendance.store.mongo_people import PRESENT
from attendance.store.mongo_templates import all_templates

if TYPE_CHECKING:
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_PAGE = 200
_NO_LENGTHS = {168}  # InvalidPipelineOperator: $binarySize is there since MongoDB 4.4


def adopt(rooms: Rooms) -> None:
    """Give people to the names that have none, and forget what an older app deleted."""
    # People first: a removed person keeps the names until the pictures are deleted, so nobody comes back half-way.
    known = {
        name
        for person in rooms.people.find({"legacy_names": {"$exists": True}}, {"legacy_names": 1})
        for name in person["legacy_names"]
    }
    found = [group["_id"] for group in rooms.images.aggregate([{"$match": LEGACY}, {"$group": {"_id": "$name"}}])]
    skipped = [name for name in found if not isinstance(name, str) or not name_key(name)]
    for name in sorted(name for name in found if isinstance(name, str) and name_key(name)):
        if name not in known:
            _adopt_name(rooms, name)
    if skipped:
        warn_skipped("face_images", [f"{type(name).__name__} as a name" for name in skipped], "a picture without a name")
    if known:
        forget_deleted(rooms)


def _adopt_name(rooms: Rooms, name: str) -> None:
    usable = {**legacy_pictures([name]), **USABLE}
    picture = rooms.images.find_one(usable, {"created_at": 1}, sort=[("created_at", ASCENDING)])
    if picture is None:
        broken = rooms.images.find(legacy_pictures([name]), {"_id": 1}).limit(5)
        warn_skipped("face_images", [document["_id"] for document in broken], "a name without any picture")
        return
    key = name_key(name)
    while not _lend_name(rooms, key, name):
        person = {
            "_id": _unused_id(rooms, key),
            "name": name,
            "name_key": key,
            "search_key": search_key(name, None, None),
            "group": None,
            "status": PersonStatus.ACTIVE.value,
            "consent": None,
            "created_at": moment(picture.get("created_at")),
            "state": "present",
            "token": new_token(),
            "batches": [],
            "open": [],
            "void": [],
            "gone": [],
            "legacy_names": [name],
        }
        try:
            rooms.people.update_one(
                {"_id": person.pop("_id")}, {"$setOnInsert": person, "$currentDate": {"changed_at": True}}, upsert=True
            )
        except DuplicateKeyError:  # another process was first, so now there is somebody of this name
            continue
        return


def _unused_id(rooms: Rooms, key: str) -> str:
    """An id that follows from the name alone, so that copies of one database get the same people, in whatever order their
    documents lie; another one only where that person was removed and somebody of the name comes back."""
    number = 0
    while True:
        person_id = hashlib.sha256(f"older app/{number}/{key}".encode()).hexdigest()[:32]
        if rooms.people.find_one({"_id": person_id, "state": "removed"}, {"_id": 1}) is None:
            return person_id
        number += 1


def _lend_name(rooms: Rooms, key: str, name: str) -> bool:
    """Two names with one key are one person, and so is a name that was enrolled here already."""
    change = {"$addToSet": {"legacy_names": name}, "$set": {"token": new_token()}, "$currentDate": {"changed_at": True}}
    return rooms.people.update_one({"name_key": key, **PRESENT}, change).matched_count > 0


def forget_deleted(rooms: Rooms) -> None:
    """Delete the templates of pictures that another app has deleted, so that nobody is recognised by them."""
    # In this order: what is committed, then its templates, then its pictures, which were there before either.
    belonging = Belonging.of(rooms.people.find(PRESENT, BELONGING))
    templates = [made for made in all_templates(rooms) if belonging.template_owner(made) is not None]
    there = {str(picture["_id"]) for picture in rooms.images.find({}, {"_id": 1}).sort("_id", 1)}
    orphans = [made for made in templates if made["reference_id"] not in there]
    for start in range(0, len(orphans), _PAGE):
        page = orphans[start : start + _PAGE]
        rooms.templates.delete_many({"reference_id": {"$in": [made["reference_id"] for made in page]}})
        touch(rooms, sorted({made["person_id"] for made in page}))


def listed_pictures(rooms: Rooms) -> dict[str, int]:
    """By what the pictures of each name are known without their bytes: their ids and fields, and how many bytes they have.

    Bytes that are changed where they lie, with as many others, and nothing else of the document, are not seen. Empty where
    the server cannot tell lengths.
    """
    length = {
        "$cond": [{"$in": [{"$type": "$image_bytes"}, ["binData", "string"]]}, {"$binarySize": "$image_bytes"}, -1],
    }
    fields = {"name": 1, "image_index": 1, "created_at": 1, "size": 1, "length": length}
    found: dict[str, int] = {}
    try:
        documents = rooms.images.aggregate([{"$match": LEGACY}, {"$project": fields}])
    except OperationFailure as error:
        if error.code in _NO_LENGTHS:
            return {}
        raise
    for document in documents:
        name = document.get("name")
        if isinstance(name, str):
            known = repr(sorted(document.items())).encode("utf-8", "replace")
            # A sum does not depend on the order; ids differ, so no two of the terms are of one picture.
            found[name] = (found.get(name, 0) + int.from_bytes(hashlib.sha256(known).digest()[:16])) % 2**128
    return found
