"""What has been begun with a person, how it is taken back, and how it is finished after a crash.

A person's document is its own journal: ``state`` (``pending``, ``present``, ``void``, ``removed``), ``open`` (batches of
pictures being written), ``void`` (batches being taken back), ``gone`` (pictures being removed), and ``open_at`` as long as
any of that is under way. Taking back is safe at any time, even from a writer who is alive: it first moves the batch from
``open`` to ``void`` in one update, after which the writer's commit finds nothing to commit and starts again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attendance.store.mongo_documents import id_candidates, legacy_pictures, new_token, now_utc
from attendance.store.mongo_people import PRESENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

LEASE = timedelta(seconds=60)  # what is unfinished for longer was left by a crash; being wrong costs its writer a retry
EMPTY: Document = {"$in": [None, []]}
_FINISHED = {"open": EMPTY, "void": EMPTY, "gone": EMPTY}


def finish_unfinished(rooms: Rooms) -> None:
    """Take back or complete everything that a crash has left; called at the start and now and then afterwards."""
    for document in list(rooms.people.find({"open_at": {"$lt": now_utc() - LEASE}})):
        resolve(rooms, document)


def resolve(rooms: Rooms, document: Mapping[str, Any]) -> None:
    """Bring one person's document to rest, as it was read just now."""
    if document["state"] in {"pending", "void"}:
        take_back_person(rooms, document["_id"], document.get("open", ()))
    elif document["state"] == "removed":
        purge(rooms, document)
    else:
        for batch in [*document.get("open", ()), *document.get("void", ())]:
            take_back_batch(rooms, document["_id"], batch)
        for reference_id in document.get("gone", ()):
            purge_reference(rooms, document["_id"], reference_id)
        # The templates may have changed just before the crash, without word to the galleries.
        touch(rooms, [document["_id"]])
        rest(rooms, [document["_id"]])


def touch(rooms: Rooms, person_ids: Sequence[str]) -> None:
    """Let every gallery read these people again. The server's clock orders the changes."""
    rooms.people.update_many(
        {"_id": {"$in": list(person_ids)}, **PRESENT},
        {"$set": {"token": new_token()}, "$currentDate": {"changed_at": True}},
    )


def rest(rooms: Rooms, person_ids: Sequence[str]) -> None:
    """Take the people off the journal where nothing is under way any more."""
    rooms.people.update_many({"_id": {"$in": list(person_ids)}, **PRESENT, **_FINISHED}, {"$unset": {"open_at": ""}})


def take_back_person(rooms: Rooms, person_id: str, batches: Sequence[str]) -> None:
    """A person who was never enrolled, with pictures and templates."""
    rooms.people.update_one({"_id": person_id, "state": "pending"}, {"$set": {"state": "void"}})
    if rooms.people.find_one({"_id": person_id, **PRESENT}, {"_id": 1}) is not None:
        return  # the writer was quicker, and the person is enrolled
    for batch in batches:
        delete_batch(rooms, batch)
    rooms.people.delete_one({"_id": person_id, "state": "void"})


def take_back_batch(rooms: Rooms, person_id: str, batch: str) -> None:
    """Pictures that were being added to a person; nothing happens where they were committed in the meantime."""
    rooms.people.update_one({"_id": person_id, "open": batch}, {"$pull": {"open": batch}, "$push": {"void": batch}})
    if rooms.people.find_one({"_id": person_id, "batches": batch}, {"_id": 1}) is not None:
        return
    delete_batch(rooms, batch)
    rooms.people.update_one({"_id": person_id}, {"$pull": {"void": batch}})


def delete_batch(rooms: Rooms, batch: str) -> None:
    """Every document of a batch that does not count."""
    rooms.templates.delete_many({"batch": batch})
    rooms.images.delete_many({"batch": batch})


def purge_reference(rooms: Rooms, person_id: str, reference_id: str) -> None:
    """Delete a picture that is on its person's list of what is gone, and take it off the list."""
    rooms.templates.delete_many({"reference_id": reference_id})
    rooms.images.delete_many({"_id": {"$in": id_candidates([reference_id])}})
    rooms.templates.delete_many({"reference_id": reference_id})  # one that was being written for the picture
    rooms.people.update_one({"_id": person_id}, {"$pull": {"gone": reference_id}})


def purge(rooms: Rooms, document: Mapping[str, Any]) -> None:
    """Delete the pictures and templates of a person who is removed. The id stays, without a name, for the galleries."""
    person_id, names = document["_id"], list(document.get("legacy_names", ()))
    rooms.templates.delete_many({"person_id": person_id})
    rooms.images.delete_many({"person_id": person_id})
    if names:
        rooms.images.delete_many(legacy_pictures(names))
    rooms.templates.delete_many({"person_id": person_id})  # those that were being written for the pictures
    done: Document = {"legacy_names": "", "batches": "", "void": "", "gone": "", "next_index": ""}
    if not document.get("open") or document["open_at"] < now_utc() - LEASE:
        done |= {"open": "", "open_at": ""}  # otherwise a writer may still be adding; looked at again later
    rooms.people.update_one({"_id": person_id, "state": "removed"}, {"$unset": done})
