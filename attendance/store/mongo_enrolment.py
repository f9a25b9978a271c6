"""Adding and removing people and pictures: all of it or nothing, decided by one update of the person's document."""

from __future__ import annotations

import secrets
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from attendance.domain.names import name_key
from attendance.errors import (
    AttendanceError,
    ConflictError,
    PersonExistsError,
    StoreUnavailableError,
)
from attendance.store.codec import person_from_dict, person_to_dict, plain
from attendance.store.mongo_batch import TakenBackError, refuse_known, write_batch
from attendance.store.mongo_documents import new_token, now_utc, reference, search_key
from attendance.store.mongo_errors import guarded, translated
from attendance.store.mongo_journal import (
    purge,
    purge_reference,
    resolve,
    rest,
    take_back_batch,
    take_back_person,
)
from attendance.store.mongo_people import PRESENT, TRIES, count_pictures, not_found, present, taken, to_person
from attendance.store.mongo_references import (
    owner_document,
    picture_document,
    read_references,
)
from attendance.store.mongo_templates import remember_active

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attendance.domain.model import NewReference, Person, Reference
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]
Result = TypeVar("Result")

_LISTS: Document = {"batches": [], "open": [], "void": [], "gone": [], "legacy_names": []}


class EnrolmentPart:
    """The store's methods that write pictures; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def add_person(self, person: Person, references: Sequence[NewReference], model_id: str) -> Person:
        """See ``Store.add_person``."""
        rooms = self._rooms
        fields = person_to_dict(person)
        person = person_from_dict(fields)  # as it is stored and told
        del fields["person_id"]
        if fields["external_id"] is None:
            del fields["external_id"]  # the unique index holds texts alone
        fields["created_at"] = fields["created_at"] or plain(now_utc())
        fields["name_key"] = name_key(person.name)
        fields["search_key"] = search_key(person.name, person.external_id, person.group)

        def once() -> Person:
            _refuse_taken(rooms, person, fields["name_key"])  # a name says more than its pictures do
            refuse_known(rooms, references)
            batch = uuid.uuid4().hex
            pending = {"_id": person.person_id, "state": "pending", "open": [batch], "open_at": now_utc()}
            try:
                rooms.people.insert_one(pending)
            except DuplicateKeyError as error:
                _clear_the_way(rooms, person.person_id, error)
            with _taken_back_on_error(lambda: take_back_person(rooms, person.person_id, [batch])):
                write_batch(rooms, person.person_id, person.name, batch, references, model_id, first_index=0)
                done = {
                    **_LISTS,
                    "batches": [batch],
                    "next_index": len(references),
                    "state": "present",
                    "token": new_token(),
                }
                try:
                    committed = rooms.people.update_one(
                        {"_id": person.person_id, "state": "pending", "open": batch},
                        {"$set": {**fields, **done}, "$unset": {"open_at": ""}, "$currentDate": {"changed_at": True}},
                    )
                except DuplicateKeyError as error:
                    raise taken(error, person.name, person.external_id) from error
                if not committed.matched_count:
                    raise TakenBackError
            if references:
                remember_active(rooms, model_id)
            return to_person({**fields, "_id": person.person_id}, len(references))

        return _until_done(once)

    @guarded
    def add_references(self, person_id: str, references: Sequence[NewReference], model_id: str) -> list[Reference]:
        """See ``Store.add_references``."""
        rooms = self._rooms
        refuse_known(rooms, references)

        def once() -> list[Reference]:
            if present(rooms, person_id).get("legacy_names"):  # an older app counts for itself
                last = max((known.image_index for known in read_references(rooms, person_id)), default=-1)
                rooms.people.update_one({"_id": person_id, **PRESENT}, {"$max": {"next_index": last + 1}})
            batch = uuid.uuid4().hex
            before = rooms.people.find_one_and_update(
                {"_id": person_id, **PRESENT},
                {"$push": {"open": batch}, "$inc": {"next_index": len(references)}, "$set": {"open_at": now_utc()}},
                return_document=ReturnDocument.BEFORE,
            )
            if before is None:
                raise not_found(person_id)
            with _taken_back_on_error(lambda: _give_up(rooms, person_id, batch)):
                name, index = before["name"], before["next_index"]
                documents = write_batch(rooms, person_id, name, batch, references, model_id, first_index=index)
                committed = rooms.people.update_one(
                    {"_id": person_id, "open": batch, **PRESENT},
                    {
                        "$pull": {"open": batch},
                        "$push": {"batches": batch},
                        "$set": {"token": new_token()},
                        "$currentDate": {"changed_at": True},
                    },
                )
                if not committed.matched_count:
                    raise TakenBackError
            rest(rooms, [person_id])
            if references:
                remember_active(rooms, model_id)
            return [reference(document, person_id, index) for document in documents]

        return _until_done(once)

    @guarded
    def remove_reference(self, reference_id: str) -> None:
        """See ``Store.remove_reference``."""
        document = picture_document(self._rooms, reference_id, {"image_bytes": 0})
        owner = owner_document(self._rooms, document) if document is not None else None
        if owner is None:
            return
        marked = self._rooms.people.find_one_and_update(
            {"_id": owner["_id"], **PRESENT},
            {
                "$addToSet": {"gone": reference_id},
                "$set": {"token": new_token(), "open_at": now_utc()},
                "$currentDate": {"changed_at": True},
            },
            projection={"_id": 1},
        )
        if marked is not None:
            purge_reference(self._rooms, marked["_id"], reference_id)
            rest(self._rooms, [marked["_id"]])

    @guarded
    def remove_person(self, person_id: str) -> Person:
        """See ``Store.remove_person``."""
        before = present(self._rooms, person_id)
        person = to_person(before, count_pictures(self._rooms, [before])[person_id])
        fields = ("name", "name_key", "search_key", "external_id", "group", "consent", "created_at", "status")
        tombstone = self._rooms.people.find_one_and_update(
            {"_id": person_id, **PRESENT},
            {
                "$set": {"state": "removed", "token": new_token(), "open_at": now_utc()},
                "$unset": dict.fromkeys(fields, ""),
                "$currentDate": {"changed_at": True},
            },
            return_document=ReturnDocument.AFTER,
        )
        if tombstone is None:
            raise not_found(person_id)
        purge(self._rooms, tombstone)
        return person


def _until_done(once: Callable[[], Result]) -> Result:
    for attempt in range(TRIES):
        try:
            return once()
        except TakenBackError:
            # Two that are in each other's way must not meet again at the same time.
            time.sleep(secrets.randbelow(20 * (attempt + 1)) / 1000)
    raise ConflictError("The same person or picture is being stored by somebody else; try again.")


@contextmanager
def _taken_back_on_error(take_back: Callable[[], None]) -> Iterator[None]:
    """Undo what was begun. With the database away nothing can be undone now, and waiting for it would help nobody: what
    is left does not count, and ``finish_unfinished`` takes it back.
    """
    try:
        with translated():
            yield
    except StoreUnavailableError:
        raise
    except (AttendanceError, TakenBackError):
        with suppress(StoreUnavailableError), translated():
            take_back()
        raise


def _give_up(rooms: Rooms, person_id: str, batch: str) -> None:
    take_back_batch(rooms, person_id, batch)
    rooms.people.update_one({"_id": person_id, "state": "removed"}, {"$pull": {"open": batch}})
    rest(rooms, [person_id])


def _refuse_taken(rooms: Rooms, person: Person, key: str) -> None:
    """Early, so that no picture is written for nothing; the unique indexes decide at the end."""
    fields = [("name", {"name_key": key}, person.name)]
    if person.external_id is not None:
        fields.append(("external_id", {"external_id": person.external_id}, person.external_id))
    for field, query, value in fields:
        if rooms.people.find_one({**query, **PRESENT}, {"_id": 1}) is not None:
            what = "name" if field == "name" else "staff number"
            raise PersonExistsError(f"Somebody is registered under this {what} already.", field=field, value=value)


def _clear_the_way(rooms: Rooms, person_id: str, error: DuplicateKeyError) -> None:
    """The person's id is taken: by an enrolment that was cut off, or for good."""
    holder = rooms.people.find_one({"_id": person_id})
    if holder is not None and holder["state"] in {"present", "removed"}:
        raise ConflictError("This person's id is in use or was used before.") from error
    if holder is not None:
        resolve(rooms, holder)
    raise TakenBackError
