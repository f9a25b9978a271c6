"""Attempts as they are stored, reviewed and read back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pymongo
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from attendance.errors import ConflictError, CorruptRecordError, StoreError
from attendance.store.codec import attempt_from_dict, plain, storable
from attendance.store.mongo_batch import MAX_DOCUMENT
from attendance.store.mongo_documents import review_is, time_range, warn_skipped
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_settle import finish_slots, settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from attendance.domain.model import Attempt, Review
    from attendance.store.base import Settlement
    from attendance.store.mongo_schema import Rooms

_ROOM = 256 * 1024  # bytes for everything of an attempt but its picture


class AttemptPart:
    """The store's methods about attempts; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def settle(self, attempt: Attempt, cooldown_s: float, picture: bytes | None = None) -> Settlement:
        """See ``Store.settle``."""
        if picture is not None and len(picture) > MAX_DOCUMENT - _ROOM:
            raise StoreError("The picture of an attempt is larger than the 16 MB that MongoDB can store.")
        with pymongo.timeout(self._rooms.timeout_s):  # for all its steps together
            return settle(self._rooms, attempt, cooldown_s, picture)

    @guarded
    def attempt(self, attempt_id: str) -> Attempt | None:
        """See ``Store.attempt``."""
        document = self._rooms.attempts.find_one({"_id": attempt_id}, {"picture": 0}) if storable(attempt_id) else None
        return None if document is None else attempt_from_dict(document)

    @guarded
    def attempt_picture(self, attempt_id: str) -> bytes | None:
        """See ``Store.attempt_picture``."""
        document = self._rooms.attempts.find_one({"_id": attempt_id}, {"picture": 1}) if storable(attempt_id) else None
        return None if document is None or document.get("picture") is None else bytes(document["picture"])

    @guarded
    def attempts(
        self, *, since: datetime | None = None, until: datetime | None = None, limit: int | None = None
    ) -> Iterator[Attempt]:
        """See ``Store.attempts``."""
        query = time_range("at_utc", since, until)
        direction = ASCENDING if limit is None else DESCENDING
        found = self._rooms.attempts.find(query, {"picture": 0}).sort([("at_utc", direction), ("_id", direction)])
        readable = readable_attempts(found)
        if limit is None:
            yield from readable
            return
        latest: deque[Attempt] = deque()
        for attempt in readable if limit > 0 else ():
            latest.appendleft(attempt)
            if len(latest) == limit:
                break
        yield from latest

    @guarded
    def set_review(self, attempt_id: str, review: Review, *, actor: str, at_utc: datetime, expected: Review) -> Attempt:
        """See ``Store.set_review``."""
        change = {"review": plain(review), "reviewed_by": plain(actor), "reviewed_at_utc": plain(at_utc)}

        def set_if_expected() -> Mapping[str, Any] | None:
            return self._rooms.attempts.find_one_and_update(
                {"_id": attempt_id, **review_is(expected)},
                {"$set": change},
                projection={"picture": 0},
                return_document=ReturnDocument.AFTER,
            )

        if storable(attempt_id):
            with pymongo.timeout(self._rooms.timeout_s):  # for all its steps together
                document = set_if_expected()
                if document is None:
                    finish_slots(self._rooms)  # it may have been decided, and cut off before it was stored
                    document = set_if_expected()
            if document is not None:
                return attempt_from_dict(document)
        raise ConflictError("This attempt is not there, or somebody else has reviewed it first.")


def readable_attempts(documents: Iterable[Mapping[str, Any]]) -> Iterator[Attempt]:
    """Those that can be read; the others are left out with a warning."""
    for document in documents:
        try:
            yield attempt_from_dict(document)
        except CorruptRecordError as error:  # one broken document never hides the others
            warn_skipped("attempts", [document["_id"]], str(error))
