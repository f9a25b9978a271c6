"""What the server has to remember, in the embedded database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from attendance.domain.model import Kept
from attendance.errors import ConflictError
from attendance.store.codec import kept_from_dict, kept_to_dict, storable
from attendance.store.sql_schema import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.store.sql_database import Database


class SqlKept:
    """The store's methods about kept entries; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self,
        kind: str,
        key: str,
        value: Mapping[str, Any],
        *,
        version: int | None = None,
        expires_at: datetime | None = None,
    ) -> Kept:
        """Reads the version and writes the next in one transaction."""
        row = kept_to_dict(Kept(kind, key, value, 0, expires_at))  # refused before the file is asked for
        with self._database.write() as connection:
            there = connection.scalar(sa.select(kept.c.version).where(*_entry(kind, key), _is_there())) or 0
            if version is not None and version != there:
                raise ConflictError(f"This entry ({kind}) has been changed meanwhile.")
            row["version"] = there + 1
            put = insert(kept).values(row)
            connection.execute(put.on_conflict_do_update(index_elements=["kind", "key"], set_=row))
        return kept_from_dict(row)

    def kept(self, kind: str, key: str) -> Kept | None:
        """By its key."""
        if not (storable(kind) and storable(key)):
            return None
        with self._database.read() as connection:
            row = connection.execute(sa.select(kept).where(*_entry(kind, key), _is_there())).mappings().first()
        return None if row is None else kept_from_dict(row)

    def all_kept(self, kind: str) -> list[Kept]:
        """In the order of the keys' code points."""
        if not storable(kind):
            return []
        query = sa.select(kept).where(kept.c.kind == kind, _is_there()).order_by(kept.c.key)
        with self._database.read() as connection:
            return [kept_from_dict(row) for row in connection.execute(query).mappings()]

    def forget(self, kind: str, key: str) -> None:
        """What is removed is overwritten in the file."""
        if storable(kind) and storable(key):
            with self._database.write() as connection:
                connection.execute(sa.delete(kept).where(*_entry(kind, key)))

    def forget_expired(self, now: datetime) -> int:
        """From an index."""
        with self._database.write() as connection:
            return connection.execute(sa.delete(kept).where(kept.c.expires_at <= now)).rowcount


def _entry(kind: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return kept.c.kind == kind, kept.c.key == key


def _is_there() -> sa.ColumnElement[bool]:
    return sa.or_(kept.c.expires_at.is_(None), kept.c.expires_at > datetime.now(UTC))
