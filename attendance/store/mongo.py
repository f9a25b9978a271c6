"""The store on MongoDB, through PyMongo and without transactions, so the same on a standalone server as on a replica set.

What must happen once is decided by one document, and what a crash leaves half-done does not count and is finished or taken
back later; docs/decisions/0004-mongodb-without-transactions.md tells how. Acknowledged means a majority and the journal.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from attendance.domain.audit import GENESIS, entry_digest
from attendance.domain.model import AuditEntry
from attendance.errors import ConflictError, CorruptRecordError
from attendance.store.base import StoreInfo
from attendance.store.codec import audit_from_dict, plain, to_ms
from attendance.store.mongo_archive import ArchivePart
from attendance.store.mongo_attempts import AttemptPart
from attendance.store.mongo_attendance import AttendancePart
from attendance.store.mongo_enrolment import EnrolmentPart
from attendance.store.mongo_errors import guarded, translated
from attendance.store.mongo_gallery import GalleryPart, Views
from attendance.store.mongo_journal import finish_unfinished
from attendance.store.mongo_kept import KeptPart
from attendance.store.mongo_legacy import adopt, forget_deleted
from attendance.store.mongo_outbox import OutboxPart
from attendance.store.mongo_pages import PagePart
from attendance.store.mongo_people import PeoplePart
from attendance.store.mongo_references import ReferencePart
from attendance.store.mongo_restore import RestorePart
from attendance.store.mongo_schema import Rooms, open_rooms, schema_version
from attendance.store.mongo_settle import finish_slots
from attendance.store.mongo_templates import TemplatePart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_AUDIT_TRIES = 500  # each lost one means that somebody else's entry was stored


class MongoStore(
    PeoplePart,
    EnrolmentPart,
    ReferencePart,
    TemplatePart,
    GalleryPart,
    AttemptPart,
    AttendancePart,
    PagePart,
    OutboxPart,
    KeptPart,
    ArchivePart,
    RestorePart,
):
    """``store.base.Store`` on MongoDB. Several threads may use one; they share its connections."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._views = Views()

    @classmethod
    def open(cls, url: str, timeout_s: float) -> MongoStore:
        """Connect to ``mongodb://…``, database ``face_attendance`` where the URL names none; finish what a crash left, and
        give people to the names of an older app.

        Args:
            url: may hold a user name and a password; no message repeats them.
            timeout_s: how long one operation may take, seconds.

        Raises:
            SettingsError: the URL cannot be used.
            StoreUnavailableError: the server is away, hangs, or refuses the account.
            StoreError: the data were written by a newer version.
        """
        rooms = open_rooms(url, timeout_s)
        try:
            with translated():
                finish_slots(rooms)
                finish_unfinished(rooms)
                adopt(rooms)
                forget_deleted(rooms)
        except Exception:
            rooms.client.close()
            raise
        return cls(rooms)

    def close(self) -> None:
        """See ``Store.close``."""
        self._rooms.client.close()

    @guarded
    def info(self) -> StoreInfo:
        """See ``Store.info``."""
        version = str(self._rooms.client.admin.command("buildInfo").get("version", "unknown"))
        return StoreInfo(
            engine="mongodb",
            location=self._rooms.location,
            version=version,
            schema_version=schema_version(self._rooms),
            details={"transactions": "yes" if self._rooms.transactions else "no"},  # never needed here
        )

    def require_whole(self) -> None:
        """See ``Store.require_whole``."""

    @guarded
    def append_audit(self, actor: str, action: str, details: Mapping[str, Any], at_utc: datetime) -> AuditEntry:
        """See ``Store.append_audit``."""
        at, kept, actor, action = to_ms(at_utc), plain(details), plain(actor), plain(action)
        for _ in range(_AUDIT_TRIES):
            last = self._rooms.audit.find_one({}, {"digest": 1}, sort=[("_id", DESCENDING)])
            sequence, previous = (1, GENESIS) if last is None else (int(last["_id"]) + 1, str(last["digest"]))
            entry = AuditEntry(
                sequence, at, actor, action, kept, previous, entry_digest(previous, sequence, at, actor, action, kept)
            )
            document = {
                "_id": sequence,
                "at_utc": at,
                "actor": actor,
                "action": action,
                "details": json.dumps(kept),  # as text: a detail's name may hold dots and dollars, a number any digits
                "previous": previous,
                "digest": entry.digest,
            }
            try:
                self._rooms.audit.insert_one(document)
            except DuplicateKeyError:
                continue
            return entry
        raise ConflictError("The audit is being written by too many at once; try again.")

    @guarded
    def audit(self) -> Iterator[AuditEntry]:
        """See ``Store.audit``."""
        for document in self._rooms.audit.find({}).sort("_id", 1):
            try:
                details = json.loads(document["details"])
            except (KeyError, TypeError, ValueError) as error:
                record = f"audit/{document['_id']}"
                raise CorruptRecordError(f"The record {record} cannot be read.", record=record) from error
            yield audit_from_dict({**document, "sequence": document["_id"], "details": details})
