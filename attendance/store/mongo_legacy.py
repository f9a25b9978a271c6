"""Databases of older apps: their pictures carry a name and nothing else, and stay as they are.

Each name gets a person. An older app may go on writing and deleting while we run, so this is looked at again now and then.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from pymongo.errors import DuplicateKeyError

from attendance.domain.model import PersonStatus
from attendance.domain.names import name_key
from attendance.store.mongo_documents import LEGACY, USABLE, legacy_pictures, moment, new_token, search_key, warn_skipped
from attendance.store.mongo_journal import touch
from attendance.store.mongo_people import PRESENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_PAGE = 200


def adopt(rooms: Rooms) -> None:
    """Give people to the names that have none, and forget the templates of pictures that an older app deleted."""
    # People first: a removed person keeps the names until the pictures are deleted, so nobody comes back half-way.
    known = {
        name
        for person in rooms.people.find({"legacy_names": {"$exists": True}}, {"legacy_names": 1})
        for name in person["legacy_names"]
    }
    skipped = []
    for group in rooms.images.aggregate([{"$match": LEGACY}, {"$group": {"_id": "$name"}}]):
        name = group["_id"]
        if isinstance(name, str) and name_key(name):
            if name not in known:
                _adopt_name(rooms, name)
        else:
            skipped.append(name)
    if skipped:
        warn_skipped("face_images", [f"{type(name).__name__} as a name" for name in skipped], "a picture without a name")
    _forget_deleted(rooms)


def _adopt_name(rooms: Rooms, name: str) -> None:
    picture = rooms.images.find_one({**legacy_pictures([name]), **USABLE}, {"created_at": 1})
    if picture is None:
        broken = rooms.images.find(legacy_pictures([name]), {"_id": 1}).limit(5)
        warn_skipped("face_images", [document["_id"] for document in broken], "a name without any picture")
        return
    key = name_key(name)
    while not _lend_name(rooms, key, name):
        person = {
            "_id": uuid.uuid4().hex,
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


def _lend_name(rooms: Rooms, key: str, name: str) -> bool:
    """Two names with one key are one person, and so is a name that was enrolled here already."""
    change = {"$addToSet": {"legacy_names": name}, "$set": {"token": new_token()}, "$currentDate": {"changed_at": True}}
    return rooms.people.update_one({"name_key": key, **PRESENT}, change).matched_count > 0


def _forget_deleted(rooms: Rooms) -> None:
    query = {"legacy_names.0": {"$exists": True}, **PRESENT}
    people = list(rooms.people.find(query, {"legacy_names": 1}))
    for start in range(0, len(people), _PAGE):
        _forget_deleted_of(rooms, people[start : start + _PAGE])


def _forget_deleted_of(rooms: Rooms, people: Sequence[Document]) -> None:
    templates = list(
        rooms.templates.find(
            {"person_id": {"$in": [person["_id"] for person in people]}, "batch": None}, {"reference_id": 1, "person_id": 1}
        )
    )
    if not templates:
        return
    names = [name for person in people for name in person["legacy_names"]]
    there = {str(picture["_id"]) for picture in rooms.images.find(legacy_pictures(names), {"_id": 1})}
    orphans = [template for template in templates if template["reference_id"] not in there]
    if orphans:
        rooms.templates.delete_many({"_id": {"$in": [template["_id"] for template in orphans]}})
        touch(rooms, sorted({template["person_id"] for template in orphans}))
