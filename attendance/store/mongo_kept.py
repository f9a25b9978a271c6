"""What the server remembers across restarts: small entries, each decided by one document.

``version`` is what callers compare; ``turn`` is what the compare-and-set compares, since it never comes again, not even
after an entry was removed and made anew. Nothing here deletes by itself (a TTL index would go by the server's clock): an
entry has expired by the clock of the one who asks, and is removed by ``forget_expired``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymongo
from pymongo.errors import DuplicateKeyError

from attendance.domain.model import Kept
from attendance.errors import ConflictError, CorruptRecordError
from attendance.store.codec import kept_from_dict, kept_to_dict, storable, to_ms
from attendance.store.mongo_documents import new_token, now_utc, warn_skipped
from attendance.store.mongo_errors import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

_TRIES = 500  # each lost one means that somebody else's change was stored; the call's time limit ends it earlier


class KeptPart:
    """The store's methods about what is kept; ``MongoStore`` is made of such parts."""

    _rooms: Rooms

    @guarded
    def keep(
        self,
        kind: str,
        key: str,
        value: Mapping[str, Any],
        *,
        version: int | None = None,
        expires_at: datetime | None = None,
    ) -> Kept:
        """See ``Store.keep``."""
        with pymongo.timeout(self._rooms.timeout_s):  # for all tries together
            for _ in range(_TRIES):
                found = self._find(kind, key)
                there = _unexpired(found)
                last = 0 if there is None else there.version
                if version not in {None, last}:
                    break
                entry = kept_to_dict(Kept(kind, key, value, last + 1, expires_at))
                if self._replace(found, entry):
                    return kept_from_dict(entry)
        raise ConflictError("This entry has been changed in the meantime.")

    @guarded
    def kept(self, kind: str, key: str) -> Kept | None:
        """See ``Store.kept``."""
        return _unexpired(self._find(kind, key))

    @guarded
    def all_kept(self, kind: str) -> list[Kept]:
        """See ``Store.all_kept``."""
        entries = []
        for found in self._rooms.kept.find({"kind": kind}).sort("key", 1) if storable(kind) else ():
            try:
                if (entry := _unexpired(found)) is not None:
                    entries.append(entry)
            except CorruptRecordError as error:  # one broken entry never hides the others
                warn_skipped("kept", [kind], str(error))
        return entries

    @guarded
    def forget(self, kind: str, key: str) -> None:
        """See ``Store.forget``."""
        if storable(kind + key):
            self._rooms.kept.delete_one({"_id": entry_id(kind, key)})

    @guarded
    def forget_expired(self, now: datetime) -> int:
        """See ``Store.forget_expired``."""
        return self._rooms.kept.delete_many({"expires_at": {"$lte": to_ms(now)}}).deleted_count

    def _find(self, kind: str, key: str) -> Document | None:
        return self._rooms.kept.find_one({"_id": entry_id(kind, key)}) if storable(kind + key) else None

    def _replace(self, found: Mapping[str, Any] | None, entry: Document) -> bool:
        """Store the entry in the place of what was found; False where somebody else was quicker."""
        document = {"_id": entry_id(entry["kind"], entry["key"]), "turn": new_token(), **entry}
        if found is not None:
            known = {"_id": document["_id"], "turn": found.get("turn")}
            return self._rooms.kept.replace_one(known, document).matched_count > 0
        try:
            self._rooms.kept.insert_one(document)
        except DuplicateKeyError:
            return False
        return True


def entry_id(kind: str, key: str) -> Document:
    """The ``_id`` of an entry."""
    return {"kind": kind, "key": key}


def _unexpired(document: Mapping[str, Any] | None) -> Kept | None:
    """Raises CorruptRecordError."""
    entry = None if document is None else kept_from_dict(document)
    return entry if entry is None or entry.expires_at is None or entry.expires_at > now_utc() else None
