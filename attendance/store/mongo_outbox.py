"""Attempts that wait to be sent.

A number is given by writing it into the attempt's document, on condition that it has none; an index lets each number be
there once. The attempts are numbered in order and the first refusal ends it, so no number is left out: when the n-th attempt
of a list gets one, those before it have theirs, from here or from another process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from attendance.domain.model import Numbered
from attendance.errors import StoreUnavailableError
from attendance.store.codec import storable
from attendance.store.mongo_attempts import readable_attempts
from attendance.store.mongo_documents import moment
from attendance.store.mongo_errors import DUPLICATE_KEY, guarded
from attendance.store.outgoing import OutboxState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

WAITING = {"waiting": True}
_NO_NUMBER: Document = {"number": None}  # absent
_TRIES = 500  # each lost one means that somebody else's numbers were stored


class OutboxPart:
    """The store's methods about the outbox; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def number_attempts(self, limit: int) -> int:
        """See ``Outgoing.number_attempts``."""
        if limit <= 0 or self._rooms.attempts.find_one({**WAITING, **_NO_NUMBER}, {"_id": 1}) is None:
            return 0  # as nearly always
        for _ in range(_TRIES):
            # The last number is asked for first: whoever is numbered in between is then not in the list.
            last = self._last_number()
            found = self._rooms.attempts.find({**WAITING, **_NO_NUMBER}, {"_id": 1})
            keys = [one["_id"] for one in found.sort([("at_utc", ASCENDING), ("_id", ASCENDING)]).limit(limit)]
            if not keys:
                return 0
            updates = [
                UpdateOne({"_id": key, **WAITING, **_NO_NUMBER}, {"$set": {"number": last + step}})
                for step, key in enumerate(keys, start=1)
            ]
            try:
                given = self._rooms.attempts.bulk_write(updates, ordered=True).modified_count
            except BulkWriteError as error:
                if any(one.get("code") != DUPLICATE_KEY for one in error.details.get("writeErrors", [{}])):
                    raise
                given = int(error.details.get("nModified", 0))
            if given:
                # Kept apart as well, so that no number comes again where an attempt is removed.
                self._rooms.meta.update_one({"_id": "outbox"}, {"$max": {"numbered": last + given}}, upsert=True)
                return given
        raise StoreUnavailableError("Too many processes number attempts at once.", reason="busy")

    @guarded
    def unsent(self, limit: int) -> list[Numbered]:
        """See ``Outgoing.unsent``."""
        return self._numbered({**WAITING, "number": {"$gt": 0}}, limit)

    @guarded
    def numbered(self, session: str, *, after: int = 0, limit: int) -> list[Numbered]:
        """See ``Outgoing.numbered``."""
        return self._numbered({"session": session, "number": {"$gt": max(after, 0)}}, limit) if storable(session) else []

    @guarded
    def mark_sent(self, numbers: Collection[int]) -> None:
        """See ``Outgoing.mark_sent``."""
        if numbers:
            # Looked for among those that wait, which are few, and changed by their keys, since the change takes them out
            # of the index that finds them.
            found = self._rooms.attempts.find({**WAITING, "number": {"$in": list(numbers)}}, {"_id": 1})
            keys = [one["_id"] for one in found]
            if keys:
                self._rooms.attempts.update_many({"_id": {"$in": keys}}, {"$unset": {"waiting": ""}})

    @guarded
    def outbox(self) -> OutboxState:
        """See ``Outgoing.outbox``."""
        attempts = self._rooms.attempts
        last = self._last_number()
        waiting = attempts.count_documents(WAITING)
        without = attempts.count_documents({**WAITING, **_NO_NUMBER})
        oldest = attempts.find_one(WAITING, {"at_utc": 1}, sort=[("at_utc", ASCENDING)])
        return OutboxState(
            sent=max(0, last - (waiting - without)),
            waiting=waiting,
            oldest_waiting_at_utc=None if oldest is None else moment(oldest.get("at_utc")),
        )

    def _last_number(self) -> int:
        """The kept one, or a greater one that was given just before a kill; looked for above it alone."""
        known = int((self._rooms.meta.find_one({"_id": "outbox"}) or {}).get("numbered", 0))
        found = self._rooms.attempts.find_one({"number": {"$gt": known}}, {"number": 1}, sort=[("number", DESCENDING)])
        return known if found is None else int(found["number"])

    def _numbered(self, query: Mapping[str, Any], limit: int) -> list[Numbered]:
        if limit <= 0:
            return []
        found: Iterable[Document] = self._rooms.attempts.find(query, {"picture": 0}).sort("number", ASCENDING).limit(limit)
        numbers: dict[str, int] = {}

        def noted() -> Iterable[Document]:
            for document in found:
                numbers[str(document["_id"])] = int(document["number"])
                yield document

        return [Numbered(numbers[one.attempt_id], one) for one in readable_attempts(noted())]
