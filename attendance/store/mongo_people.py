"""People: looking them up, listing and changing them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from attendance.domain.names import name_key
from attendance.errors import ConflictError, CorruptRecordError, PersonExistsError, PersonNotFoundError
from attendance.store.codec import person_from_dict, plain, storable
from attendance.store.mongo_documents import LEGACY, new_token, pictures_of, search_key, warn_skipped
from attendance.store.mongo_errors import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from attendance.domain.model import Person, PersonStatus
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

PRESENT = {"state": "present"}
TRIES = 8  # of a compare-and-set that others get in the way of


def not_found(key: str) -> PersonNotFoundError:
    """The one sentence for it."""
    return PersonNotFoundError("Nobody is registered under this name or number.", key=key)


def present(rooms: Rooms, person_id: str) -> Document:
    """The document of a person who is there.

    Raises:
        PersonNotFoundError.
    """
    document = rooms.people.find_one({"_id": person_id, **PRESENT}) if storable(person_id) else None
    if document is None:
        raise not_found(person_id)
    return document


def taken(error: DuplicateKeyError, name: str, external_id: str | None) -> PersonExistsError:
    """Which of the two unique fields the server refused."""
    pattern = (error.details or {}).get("keyPattern")
    field = "external_id" if "external_id" in (pattern or str(error)) else "name"
    value = (external_id or "") if field == "external_id" else name
    what = "staff number" if field == "external_id" else "name"
    return PersonExistsError(f"Somebody is registered under this {what} already.", field=field, value=value)


def to_person(document: Mapping[str, Any], count: int) -> Person:
    """Raises CorruptRecordError."""
    return person_from_dict({**document, "person_id": document["_id"], "reference_count": count})


def count_pictures(rooms: Rooms, people: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many pictures of each of these people count."""
    counts = dict.fromkeys((person["_id"] for person in people), 0)
    batches = {person["_id"]: set(person.get("batches", ())) for person in people}
    grouped = rooms.images.aggregate(
        [
            {"$match": {"person_id": {"$in": [key for key, listed in batches.items() if listed]}}},
            {"$group": {"_id": {"person_id": "$person_id", "batch": "$batch"}, "n": {"$sum": 1}}},
        ]
    )
    for group in grouped:
        if group["_id"].get("batch") in batches[group["_id"]["person_id"]]:
            counts[group["_id"]["person_id"]] += group["n"]
    owners = {name: person["_id"] for person in people for name in person.get("legacy_names", ())}
    if owners:
        match = {**LEGACY, "name": {"$in": list(owners)}}  # answered by the index: pictures are large
        for group in rooms.images.aggregate([{"$match": match}, {"$group": {"_id": "$name", "n": {"$sum": 1}}}]):
            if isinstance(group["_id"], str):
                counts[owners[group["_id"]]] += group["n"]
    for person in people:
        if person.get("gone"):  # a removal that is under way: seldom, so counted one by one
            counts[person["_id"]] = rooms.images.count_documents(pictures_of(person))
    return counts


class PeoplePart:
    """The store's methods about people; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def person(self, person_id: str) -> Person:
        """See ``Store.person``."""
        return self._with_count(present(self._rooms, person_id))

    @guarded
    def find_person(self, key: str) -> Person:
        """See ``Store.find_person``."""
        document = None
        if storable(key):
            document = self._rooms.people.find_one({"name_key": name_key(key), **PRESENT})
            document = document or self._rooms.people.find_one({"external_id": key, **PRESENT})
        if document is None:
            raise not_found(key)
        return self._with_count(document)

    @guarded
    def people(
        self, *, search: str = "", status: PersonStatus | None = None, limit: int | None = None, offset: int = 0
    ) -> list[Person]:
        """See ``Store.people``."""
        query: Document = dict(PRESENT)
        if status is not None:
            query["status"] = status.value
        wanted = name_key(search)
        if "\0" in wanted or not storable(wanted) or limit == 0:  # no name holds such a character
            return []
        if wanted:
            query["search_key"] = {"$regex": re.escape(wanted)}
        cursor = self._rooms.people.find(query).sort([("name_key", 1), ("_id", 1)]).skip(offset)
        documents = list(cursor if limit is None else cursor.limit(limit))
        counts = count_pictures(self._rooms, documents)
        return list(_readable(documents, counts))

    @guarded
    def count_people(self) -> int:
        """See ``Store.count_people``."""
        return self._rooms.people.count_documents(PRESENT)

    @guarded
    def update_person(
        self,
        person_id: str,
        *,
        name: str | None = None,
        external_id: str | None = None,
        group: str | None = None,
        status: PersonStatus | None = None,
    ) -> Person:
        """See ``Store.update_person``."""
        for _ in range(TRIES):
            before = present(self._rooms, person_id)
            given = {"name": name, "external_id": external_id, "group": group, "status": status and status.value}
            # An empty text takes a number or a group away.
            change: Document = {field: plain(value) or None for field, value in given.items() if value is not None}
            after = {**before, **change}
            change["search_key"] = search_key(after["name"], after.get("external_id"), after.get("group"))
            change["name_key"] = name_key(after["name"])
            try:
                document = self._rooms.people.find_one_and_update(
                    {"_id": person_id, "token": before["token"], **PRESENT},
                    {"$set": {**change, "token": new_token()}, "$currentDate": {"changed_at": True}},
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError as error:
                raise taken(error, after["name"], after.get("external_id")) from error
            if document is not None:
                if name is not None:  # for older apps that read the same pictures; ours go by person_id
                    self._rooms.images.update_many({"person_id": person_id}, {"$set": {"name": document["name"]}})
                return self._with_count(document)
        raise ConflictError("This person is being changed by somebody else; try again.")

    def _with_count(self, document: Document) -> Person:
        return to_person(document, count_pictures(self._rooms, [document])[document["_id"]])


def _readable(documents: Iterable[Document], counts: Mapping[str, int]) -> Iterable[Person]:
    for document in documents:
        try:
            yield to_person(document, counts[document["_id"]])
        except CorruptRecordError as error:  # one broken document never hides the others
            warn_skipped("people", [document["_id"]], str(error))
