"""Attempts that wait to be sent, in the embedded database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from attendance.domain.model import Numbered
from attendance.store.codec import attempt_from_dict, storable
from attendance.store.outgoing import OutboxState
from attendance.store.sql_schema import attempts, dump_json, state

if TYPE_CHECKING:
    from collections.abc import Collection

    from attendance.store.sql_database import Database

_WAITING = attempts.c.waiting.is_not(None)  # in just these words, or SQLite does not use the index
_HAS_NUMBER = attempts.c.number.is_not(None)
_NEXT = (
    sa.select(attempts.c.attempt_id)
    .where(_WAITING, attempts.c.number.is_(None))
    .order_by(attempts.c.at_utc, attempts.c.attempt_id)
    .limit(sa.bindparam("limit"))
)
_NUMBER = sa.update(attempts).where(attempts.c.attempt_id == sa.bindparam("key")).values(number=sa.bindparam("next_number"))
_UNSENT = sa.select(attempts).where(_WAITING, _HAS_NUMBER).order_by(attempts.c.number).limit(sa.bindparam("limit"))
_OF_SESSION = (
    sa.select(attempts)
    .where(attempts.c.session == sa.bindparam("of"), attempts.c.number > sa.bindparam("after"), _HAS_NUMBER)
    .order_by(attempts.c.number)
    .limit(sa.bindparam("limit"))
)
_COUNTED = sa.select(sa.func.count(), sa.func.count(attempts.c.number), sa.func.min(attempts.c.at_utc)).where(_WAITING)


class SqlOutbox:
    """The store's methods about the outbox; see ``store.outgoing.Outgoing``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def number_attempts(self, limit: int) -> int:
        """One transaction that nobody else writes beside."""
        with self._database.read() as connection:
            if connection.execute(_NEXT, {"limit": 1}).first() is None:
                return 0  # as nearly always; nobody is kept from writing for it
        with self._database.write() as connection:
            keys = connection.scalars(_NEXT, {"limit": max(limit, 0)}).all()
            if keys:
                last = connection.scalar(sa.select(state.c.numbered)) or 0
                numbers = [{"key": key, "next_number": last + step} for step, key in enumerate(keys, start=1)]
                connection.execute(_NUMBER, numbers)
                connection.execute(sa.update(state).values(numbered=last + len(keys)))
        return len(keys)

    def unsent(self, limit: int) -> list[Numbered]:
        """From an index that holds what waits alone."""
        with self._database.read() as connection:
            return _numbered(connection.execute(_UNSENT, {"limit": max(limit, 0)}))

    def numbered(self, session: str, *, after: int = 0, limit: int) -> list[Numbered]:
        """From an index by session and number."""
        if not storable(session):
            return []
        with self._database.read() as connection:
            return _numbered(connection.execute(_OF_SESSION, {"of": session, "after": after, "limit": max(limit, 0)}))

    def mark_sent(self, numbers: Collection[int]) -> None:
        """One statement."""
        listed = sa.select(sa.func.json_each(dump_json(list(numbers))).table_valued("value").c.value)
        if numbers:
            with self._database.write() as connection:
                connection.execute(sa.update(attempts).where(_WAITING, attempts.c.number.in_(listed)).values(waiting=None))

    def outbox(self) -> OutboxState:
        """From the same index; what was ever numbered and does not wait was sent."""
        with self._database.read() as connection:
            waiting, with_number, oldest = connection.execute(_COUNTED).one()
            last = connection.scalar(sa.select(state.c.numbered)) or 0
        return OutboxState(last - with_number, waiting, oldest)


def _numbered(rows: sa.CursorResult[tuple[object, ...]]) -> list[Numbered]:
    return [Numbered(row["number"], attempt_from_dict(row)) for row in rows.mappings()]
