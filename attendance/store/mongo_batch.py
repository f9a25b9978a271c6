"""The pictures of one enrolment as they are written: a batch that does not count until its person's document lists it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from bson import encode
from pymongo.errors import BulkWriteError

from attendance.errors import DuplicatePictureError, StoreError
from attendance.store.codec import embedding_to_bytes, plain
from attendance.store.mongo_documents import Belonging, now_utc, template_id
from attendance.store.mongo_errors import DUPLICATE_KEY
from attendance.store.mongo_journal import delete_batch, purge_reference, resolve, take_back_batch
from attendance.store.mongo_references import owner_of_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.model import NewReference
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

MAX_DOCUMENT = 16 * 1024 * 1024  # bytes of BSON that a MongoDB document may have


class TakenBackError(Exception):
    """Somebody else took back what was being written, or was in the way and has been taken back; start again."""


def refuse_known(rooms: Rooms, references: Sequence[NewReference]) -> None:
    """Refuse what is certain to fail before anything is written."""
    seen: set[str] = set()
    for new in references:
        if new.sha256 in seen or owner_of_digest(rooms, new.sha256) is not None:
            raise _duplicate(new)
        seen.add(new.sha256)


def _duplicate(new: NewReference) -> DuplicatePictureError:
    return DuplicatePictureError("This picture is stored already, or was given twice.", sha256=new.sha256, label=new.label)


def write_batch(
    rooms: Rooms,
    person_id: str,
    name: str,
    batch: str,
    references: Sequence[NewReference],
    model_id: str,
    *,
    first_index: int,
) -> list[Document]:
    """The templates and pictures of a batch, which do not count yet. Returns the pictures' documents."""
    pictures, templates = [], []
    for position, new in enumerate(references):
        key = uuid.uuid4().hex
        quality = new.quality.as_dict() if new.quality is not None else None
        picture = {
            "_id": key,
            "name": name,
            "image_index": first_index + position,
            "image_bytes": new.picture,
            "created_at": plain(now_utc()),
            "size": len(new.picture),
            "person_id": person_id,
            "sha256": new.sha256,
            "quality": plain(quality),
            "batch": batch,
        }
        if len(new.picture) > MAX_DOCUMENT - len(encode({**picture, "image_bytes": b""})):
            raise StoreError("A picture is larger than the 16 MB that MongoDB can store.")
        pictures.append(picture)
        templates.append(
            {
                "_id": template_id(model_id, key),
                "model_id": model_id,
                "reference_id": key,
                "person_id": person_id,
                "batch": batch,
                "embedding": embedding_to_bytes(new.embedding),
                "failed": None,
                "sha256": new.sha256,
            }
        )
    if not references:
        return []
    rooms.templates.insert_many(templates)
    try:
        rooms.images.insert_many(pictures)
    except BulkWriteError as error:
        refused = next((e for e in error.details.get("writeErrors", ()) if e.get("code") == DUPLICATE_KEY), None)
        if refused is None:
            raise
        _make_room(rooms, references[refused["index"]])
        raise TakenBackError from error
    return pictures


def _make_room(rooms: Rooms, new: NewReference) -> None:
    """A picture with this digest is there. If it counts, it is a duplicate; otherwise it is taken back."""
    holder = rooms.images.find_one({"sha256": new.sha256, "batch": {"$exists": True}}, {"image_bytes": 0})
    if holder is None:
        return
    owner = rooms.people.find_one({"_id": holder["person_id"]})
    if owner is not None and owner["state"] == "present":
        if Belonging.of([owner]).picture_owner(holder) is not None:
            raise _duplicate(new)
        if str(holder["_id"]) in owner.get("gone", ()):
            purge_reference(rooms, owner["_id"], str(holder["_id"]))
        else:
            take_back_batch(rooms, owner["_id"], holder["batch"])
    elif owner is not None and holder["batch"] in owner.get("open", ()):
        resolve(rooms, owner)
    else:  # of a batch that can never be committed any more
        delete_batch(rooms, holder["batch"])
