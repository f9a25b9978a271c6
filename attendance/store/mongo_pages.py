"""Attempts and attendance records a page at a time, and how many there are.

A record's review is its attempt's, and is kept nowhere else. So where a filter asks for what only an attempt knows, the
attempts are looked through, and the records are those that they left; everything else is asked of the records themselves.
"""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Any

import pymongo
from pymongo import DESCENDING

from attendance.domain.model import Decision, Outcome, RecordFilter, Review
from attendance.store.codec import storable, to_ms
from attendance.store.mongo_attempts import readable_attempts
from attendance.store.mongo_attendance import Names, carrying, of_people, older_names, readable, when, written
from attendance.store.mongo_documents import all_but, dated, review_is
from attendance.store.mongo_errors import guarded
from attendance.store.rules import attempt_values, fits_without_attempt

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from attendance.domain.model import Attempt, CheckIn
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_RECORDED: Document = {"outcome": Outcome.RECORDED.value}


class PagePart:
    """The store's methods about pages and counts; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def attempt_page(self, which: RecordFilter, *, limit: int, offset: int = 0) -> list[Attempt]:
        """See ``Store.attempt_page``."""
        with pymongo.timeout(self._rooms.timeout_s):  # for all its steps together, as everywhere here
            return list(self._attempts(self._attempt_ids(_attempts_that(which), limit, offset)).values())

    @guarded
    def count_attempts(self, which: RecordFilter) -> int:
        """See ``Store.count_attempts``."""
        return self._rooms.attempts.count_documents(_attempts_that(which))

    @guarded
    def check_in_page(self, which: RecordFilter, *, limit: int, offset: int = 0) -> list[tuple[CheckIn, Attempt | None]]:
        """See ``Store.check_in_page``."""
        with pymongo.timeout(self._rooms.timeout_s):
            page = self._records if fits_without_attempt(which) else self._records_by_attempt
            records = page(which, limit, offset) if limit > 0 else []
            attempts = self._attempts([record.attempt_id for record in records if record.attempt_id is not None])
            return [(record, attempts.get(record.attempt_id or "")) for record in records]

    @guarded
    def count_check_ins(self, which: RecordFilter | None = None) -> int:
        """See ``Store.count_check_ins``."""
        which = which or RecordFilter()
        with pymongo.timeout(self._rooms.timeout_s):
            if not fits_without_attempt(which):
                return self._rooms.attempts.count_documents(_attempts_that_left(which))
            query = self._records_that(which)
            texts = written(self._rooms, query, which.since, which.until, Names(self._rooms))
            timed = {**query, **dated("timestamp", which.since, which.until)}
            return self._rooms.attendance.count_documents(timed) + sum(1 for _ in texts)

    @guarded
    def last_seen(self, person_ids: Collection[str]) -> dict[str, datetime]:
        """See ``Store.last_seen``."""
        ids = sorted(filter(storable, person_ids))
        with pymongo.timeout(self._rooms.timeout_s):
            void = list(self._rooms.attempts.find({**review_is(Review.VOID), "person_id": {"$in": ids}}, {"person_id": 1}))
            doubted = sorted({one["person_id"] for one in void})
            others = sorted(set(ids) - set(doubted))
            # Apart, because an index alone answers for those who have nothing to leave out: nearly everybody.
            seen = self._latest("person_id", {"person_id": {"$in": others}})
            if doubted:
                query = {"person_id": {"$in": doubted}, **all_but([one["_id"] for one in void])}
                seen |= self._latest("person_id", query)
            if names := older_names(self._rooms, ids):
                timed = self._latest("matched_identity", carrying(names))
                texts = written(self._rooms, carrying(names), None, None, Names(self._rooms))
                for name, at in (*timed.items(), *((record.matched_identity, when(record)) for record in texts)):
                    seen[names[name]] = max(at, seen.get(names[name], at))
        return seen

    def _latest(self, field: str, query: Document) -> dict[str, datetime]:
        """The newest timestamp for each value of a field."""
        group: Document = {"_id": f"${field}", "at": {"$max": "$timestamp"}}
        timed = {**query, **dated("timestamp", None, None)}
        found = self._rooms.attendance.aggregate([{"$match": timed}, {"$group": group}])
        return {one["_id"]: to_ms(one["at"]) for one in found}

    def _attempt_ids(self, query: Document, limit: int, offset: int) -> list[str]:
        """Newest first. Ids alone, so that an index answers: what is skipped is not read, pictures least of all."""
        if limit <= 0:
            return []
        found = self._rooms.attempts.find(query, {"_id": 1}).sort([("at_utc", DESCENDING), ("_id", DESCENDING)])
        return [document["_id"] for document in found.skip(offset).limit(limit)]

    def _attempt_ids_of(self, query: Document) -> list[str]:
        return [document["_id"] for document in self._rooms.attempts.find(query, {"_id": 1})]

    def _attempts(self, ids: Sequence[str]) -> dict[str, Attempt]:
        """By id, in the order of ``ids``."""
        found = self._rooms.attempts.find({"_id": {"$in": list(ids)}}, {"picture": 0}) if ids else ()
        known = {attempt.attempt_id: attempt for attempt in readable_attempts(found)}
        return {key: known[key] for key in ids if key in known}

    def _records_that(self, which: RecordFilter) -> Document:
        """The query for the records that fit but for their time, where one without an attempt may fit."""
        values, time = attempt_values(which), dated("at_utc", which.since, which.until)
        unfit: list[str] = []
        # Few: what was ever reviewed; and an accepted attempt's reason is a match (domain/matching.py).
        if "review" in values:
            unfit += self._attempt_ids_of(
                {"review": {"$in": [one.value for one in Review if one is not which.review]}, **time}
            )
        if "reason" in values:
            unfit += self._attempt_ids_of({**_RECORDED, "reason": {"$ne": values["reason"]}, **time})
        people = {} if which.person_ids is None else of_people(self._rooms, which.person_ids)
        return {**people, **all_but(unfit)}

    def _records(self, which: RecordFilter, limit: int, offset: int) -> list[CheckIn]:
        """A page of records, newest first, where one without an attempt may fit."""
        query, names = self._records_that(which), Names(self._rooms)
        texts = sorted(written(self._rooms, query, which.since, which.until, names), key=when, reverse=True)
        # At most all texts are among the first ``offset``, so at least the others of those have a date and can be skipped.
        skipped = max(0, offset - len(texts))
        found = self._rooms.attendance.find({**query, **dated("timestamp", which.since, which.until)})
        found = found.sort([("timestamp", DESCENDING), ("_id", DESCENDING)]).skip(skipped).limit(limit + offset - skipped)
        merged = heapq.merge(readable(found, names), texts, key=when, reverse=True)
        return list(islice(merged, offset - skipped, offset - skipped + limit))

    def _records_by_attempt(self, which: RecordFilter, limit: int, offset: int) -> list[CheckIn]:
        """The same where only those fit that an attempt left, and the attempt says whether they do."""
        ids = self._attempt_ids(_attempts_that_left(which), limit, offset)
        found = self._rooms.attendance.find({"_id": {"$in": ids}}) if ids else ()
        known = {record.attempt_id: record for record in readable(found, Names(self._rooms))}
        return [known[key] for key in ids if key in known]


def _attempts_that(which: RecordFilter) -> Document:
    """The query for the attempts that fit."""
    query: Document = {}
    if which.person_ids is not None:
        query["person_id"] = {"$in": sorted(filter(storable, which.person_ids))}
    query |= attempt_values(which)
    if which.review is not None:
        query |= review_is(which.review)
    return query | dated("at_utc", which.since, which.until)


def _attempts_that_left(which: RecordFilter) -> Document:
    """The query for the attempts that fit and left a record; only accepted ones do."""
    asked = (which.decision or Decision.ACCEPTED, which.outcome or Outcome.RECORDED)
    if asked != (Decision.ACCEPTED, Outcome.RECORDED):
        return {"_id": {"$in": []}}
    return {**_attempts_that(which), **_RECORDED}
