"""Whose turn it is to record a check-in, decided by one document.

A person's document in ``check_in_slots`` is replaced by the winner, on condition that it is still the one that was read, and
holds the whole attempt. Then the attendance record and the attempt are stored and the slot is closed. Whoever finds a slot
open finishes it first, so what was once decided is never lost, "already checked in" is never said of a record that is not
stored, and everything that earlier winners left is in ``attendance`` and ``attempts`` before somebody else can win.
"""

from __future__ import annotations

import secrets
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from attendance.domain.model import Decision, Outcome, PersonStatus
from attendance.errors import CorruptRecordError, PersonNotFoundError, StoreUnavailableError
from attendance.store.base import Settlement
from attendance.store.codec import attempt_from_dict, attempt_to_dict, check_in_to_dict, storable
from attendance.store.mongo_attendance import to_check_in
from attendance.store.mongo_documents import all_but, warn_skipped
from attendance.store.mongo_people import PRESENT
from attendance.store.rules import NO_COOLDOWN, check_in_of, cooldown_window, settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.domain.model import Attempt, CheckIn
    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_TRIES = 500  # each lost one means that somebody else won; the call's time limit ends it earlier


def settle(rooms: Rooms, attempt: Attempt, cooldown_s: float, picture: bytes | None) -> Settlement:
    """See ``Store.settle``; the caller has set the time limit and checked the picture's size."""
    attempt = attempt_from_dict(attempt_to_dict(attempt))  # as it is stored and told
    earlier = rooms.attempts.find_one({"_id": attempt.attempt_id}, {"picture": 0})
    if earlier is not None:
        return _replay(rooms, earlier)
    if attempt.decision is Decision.ACCEPTED:
        _refuse_absent(rooms, attempt.person_id)
        if attempt.records and attempt.person_id is not None:
            return _record(rooms, attempt, attempt.person_id, cooldown_s, picture)
    return _store(rooms, settled(attempt, Outcome.NONE, None), None, None, picture)


def finish_slots(rooms: Rooms) -> None:
    """Complete every check-in that was decided and cut off; called at the start."""
    for slot in list(rooms.slots.find({"open": True})):
        _finish(rooms, slot)


def _refuse_absent(rooms: Rooms, person_id: str | None) -> None:
    query = {"_id": person_id, "status": PersonStatus.ACTIVE.value, **PRESENT}
    if person_id is None or not storable(person_id) or rooms.people.find_one(query, {"_id": 1}) is None:
        raise PersonNotFoundError("This person is not enrolled any more, or is inactive.", key=person_id or "")


def _replay(rooms: Rooms, document: Mapping[str, Any]) -> Settlement:
    """The answer of the first time."""
    attempt = attempt_from_dict(document)
    key = document.get("check_in_id")
    record = rooms.attendance.find_one({"_id": key}) if key is not None else None
    return Settlement(attempt.outcome, attempt, None if record is None else to_check_in(record), replayed=True)


def _document(attempt: Attempt, check_in_id: object, picture: bytes | None) -> Document:
    document = {"_id": attempt.attempt_id, **attempt_to_dict(attempt), "check_in_id": check_in_id}
    if attempt.session is not None:
        document["waiting"] = True
    return document if picture is None else {**document, "picture": picture}


def _store(
    rooms: Rooms, attempt: Attempt, check_in_id: object, check_in: CheckIn | None, picture: bytes | None
) -> Settlement:
    try:
        rooms.attempts.insert_one(_document(attempt, check_in_id, picture))
    except DuplicateKeyError:
        return _replay_when_seen(rooms, attempt.attempt_id)
    return Settlement(attempt.outcome, attempt, check_in, replayed=False)


def _replay_when_seen(rooms: Rooms, attempt_id: str) -> Settlement:
    """Of an attempt that is stored for certain; a read of what a majority holds may see it a moment later."""
    for _ in range(_TRIES):
        document = rooms.attempts.find_one({"_id": attempt_id}, {"picture": 0})
        if document is not None:
            return _replay(rooms, document)
        _pause()
    raise _busy()


def _record(rooms: Rooms, attempt: Attempt, person_id: str, cooldown_s: float, picture: bytes | None) -> Settlement:
    check_in = check_in_of(attempt)
    recorded = settled(attempt, Outcome.RECORDED, check_in)
    after, until = cooldown_window(attempt.at_utc, cooldown_s)
    mine: Document = {
        "turn": uuid.uuid4().hex,
        "at": check_in.timestamp,
        "attempt_id": attempt.attempt_id,
        "open": True,
        "attempt": _document(recorded, attempt.attempt_id, picture),
    }
    for _ in range(_TRIES):
        slot = rooms.slots.find_one({"_id": person_id})
        if slot is not None and slot.get("open"):
            _finish(rooms, slot)
        # A cooldown of 0 repeats nothing, but this very attempt may still have been recorded by another of its requests.
        recent = rooms.attendance.find_one({"_id": attempt.attempt_id}) or _latest_undoubted(
            rooms, {"person_id": person_id, "timestamp": {"$gt": after, "$lte": until}}
        )
        if recent is not None and recent["_id"] == attempt.attempt_id:
            return _replay_when_seen(rooms, attempt.attempt_id)
        if recent is not None:
            earlier = to_check_in(recent)
            return _store(rooms, settled(attempt, Outcome.ALREADY, earlier), recent["_id"], earlier, picture)
        if _take_turn(rooms, person_id, slot, mine):
            _finish(rooms, {"_id": person_id, **mine})
            return Settlement(Outcome.RECORDED, recorded, check_in, replayed=False)
        _pause()
    raise _busy()


def _latest_undoubted(rooms: Rooms, query: Document) -> Document | None:
    """The latest of these check-ins that begins a cooldown. Its attempt's own document says whether it does, and is there
    before anybody can doubt it; nothing is copied from it, so nothing can lag behind a review."""
    doubted: list[object] = []
    while True:
        found = rooms.attendance.find_one({**query, **all_but(doubted)}, sort=[("timestamp", DESCENDING)])
        no_cooldown = {"review": {"$in": [review.value for review in NO_COOLDOWN]}}
        if found is None or rooms.attempts.find_one({"_id": found["_id"], **no_cooldown}, {"_id": 1}) is None:
            return found
        doubted.append(found["_id"])


def _take_turn(rooms: Rooms, person_id: str, slot: Mapping[str, Any] | None, mine: Mapping[str, Any]) -> bool:
    if slot is not None:
        known = {"_id": person_id, "turn": slot.get("turn"), "open": False}
        return rooms.slots.replace_one(known, dict(mine)).matched_count > 0
    try:
        rooms.slots.insert_one({"_id": person_id, **mine})
    except DuplicateKeyError:
        return False
    return True


def _finish(rooms: Rooms, slot: Mapping[str, Any]) -> None:
    """Store what a winner decided; any number of helpers may do so at once."""
    document = slot.get("attempt") or {}
    finished = {"_id": slot["_id"], "turn": slot.get("turn"), "open": True}
    try:
        attempt = attempt_from_dict(document)
    except CorruptRecordError as error:  # must not keep the person from ever checking in again
        warn_skipped("check_in_slots", [slot["_id"]], str(error))
        rooms.slots.update_one(finished, {"$set": {"open": False}})
        return
    with suppress(DuplicateKeyError):
        rooms.attendance.insert_one({"_id": attempt.attempt_id, **check_in_to_dict(check_in_of(attempt))})
    with suppress(DuplicateKeyError):
        rooms.attempts.insert_one(dict(document))
    rooms.slots.update_one(finished, {"$set": {"open": False}, "$unset": {"attempt": ""}})


def _pause() -> None:
    time.sleep((1 + secrets.randbelow(10)) / 1000)


def _busy() -> StoreUnavailableError:
    return StoreUnavailableError("Too many check-ins of one person at once; nothing was stored.", reason="busy")
