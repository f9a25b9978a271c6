"""The audit in the embedded database: a chain, only ever added to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from attendance.domain.audit import GENESIS, entry_digest
from attendance.domain.model import AuditEntry
from attendance.store.codec import audit_from_dict, audit_to_dict, plain, to_ms
from attendance.store.sql_schema import audit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from attendance.store.sql_database import Database

_PAGE = 500  # rows read at a time
_LAST = sa.select(audit.c.sequence, audit.c.digest).order_by(audit.c.sequence.desc()).limit(1)


class SqlAudit:
    """The store's methods about the audit; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append_audit(self, actor: str, action: str, details: Mapping[str, Any], at_utc: datetime) -> AuditEntry:
        """Reads the last entry and writes the next in one transaction, so the chain has no forks."""
        at, noted = to_ms(at_utc), plain(details)
        with self._database.write() as connection:
            last = connection.execute(_LAST).first()
            sequence, previous = (1, GENESIS) if last is None else (last.sequence + 1, last.digest)
            digest = entry_digest(previous, sequence, at, actor, action, noted)
            entry = AuditEntry(sequence, at, actor, action, noted, previous, digest)
            connection.execute(audit.insert().values(**audit_to_dict(entry)))
        return entry

    def audit(self) -> Iterator[AuditEntry]:
        """A page at a time."""
        behind = 0
        while True:
            query = sa.select(audit).where(audit.c.sequence > behind).order_by(audit.c.sequence).limit(_PAGE)
            with self._database.read() as connection:
                rows = connection.execute(query).mappings().all()
            for row in rows:
                yield audit_from_dict(row)
            if len(rows) < _PAGE:
                return
            behind = rows[-1]["sequence"]
