"""Attempts and attendance in the embedded database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from attendance.domain.model import Attempt, CheckIn, Decision, Outcome, PersonStatus
from attendance.errors import PersonNotFoundError
from attendance.store.base import Settlement
from attendance.store.codec import (
    attempt_from_dict,
    attempt_to_dict,
    check_in_from_dict,
    check_in_of,
    check_in_to_dict,
    cooldown_window,
    settled,
)
from attendance.store.sql_schema import attempt_pictures, attempts, attendance, people

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from attendance.store.sql_database import Database

_PAGE = 500  # rows read at a time, so that a long list holds neither memory nor a transaction

# Built once: SQLAlchemy then finds their compiled form by identity, and a check-in takes no time to build SQL.
_ATTEMPT = sa.select(attempts).where(attempts.c.attempt_id == sa.bindparam("key"))
_STATUS = sa.select(people.c.status).where(people.c.person_id == sa.bindparam("key"))
_MADE_BY = sa.select(attendance).where(attendance.c.attempt_id == sa.bindparam("key"))
_OF_PERSON = sa.select(attendance).where(attendance.c.person_id == sa.bindparam("key"))
_REPEATED = _OF_PERSON.where(attendance.c.timestamp == sa.bindparam("at", type_=attendance.c.timestamp.type)).limit(1)
_RECENT = (
    _OF_PERSON.where(
        attendance.c.timestamp > sa.bindparam("after", type_=attendance.c.timestamp.type),
        attendance.c.timestamp <= sa.bindparam("until", type_=attendance.c.timestamp.type),
    )
    .order_by(attendance.c.timestamp.desc())
    .limit(1)
)
_ADD_ATTEMPT, _ADD_CHECK_IN, _ADD_PICTURE = attempts.insert(), attendance.insert(), attempt_pictures.insert()


class SqlAttempts:
    """The store's methods about attempts and attendance; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, attempt: Attempt, cooldown_s: float, picture: bytes | None = None) -> Settlement:
        """One transaction that nobody else writes beside, so the question and the answer belong together."""
        with self._database.write() as connection:
            before = connection.execute(_ATTEMPT, {"key": attempt.attempt_id}).mappings().first()
            if before is not None:
                stored = attempt_from_dict(before)
                return Settlement(stored.outcome, stored, _check_in_of(connection, stored), replayed=True)
            outcome, check_in = _decide(connection, attempt, cooldown_s)
            stored = settled(attempt, outcome, check_in)
            connection.execute(_ADD_ATTEMPT, attempt_to_dict(stored))
            if outcome is Outcome.RECORDED and check_in is not None:
                connection.execute(_ADD_CHECK_IN, check_in_to_dict(check_in))
            if picture is not None:
                connection.execute(_ADD_PICTURE, {"attempt_id": stored.attempt_id, "image_bytes": picture})
        return Settlement(outcome, stored, check_in, replayed=False)

    def attempt(self, attempt_id: str) -> Attempt | None:
        """By its id."""
        with self._database.read() as connection:
            row = connection.execute(_ATTEMPT, {"key": attempt_id}).mappings().first()
        return None if row is None else attempt_from_dict(row)

    def attempt_picture(self, attempt_id: str) -> bytes | None:
        """As it was given to ``settle``."""
        query = sa.select(attempt_pictures.c.image_bytes).where(attempt_pictures.c.attempt_id == attempt_id)
        with self._database.read() as connection:
            return connection.scalar(query)

    def attempts(
        self, *, since: datetime | None = None, until: datetime | None = None, limit: int | None = None
    ) -> Iterator[Attempt]:
        """Those of one moment by their ids."""
        order = (attempts.c.at_utc, attempts.c.attempt_id)
        query = _between(sa.select(attempts), attempts.c.at_utc, since, until)
        for row in self._pages(query, order, limit):
            yield attempt_from_dict(row)

    def check_ins(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckIn]:
        """Those of one moment in the order in which they were stored."""
        query = _between(sa.select(attendance), attendance.c.timestamp, since, until)
        if person_id is not None:
            name = sa.select(people.c.name).where(people.c.person_id == person_id).scalar_subquery()
            older = sa.and_(attendance.c.person_id.is_(None), attendance.c.matched_identity == name)
            query = query.where(sa.or_(attendance.c.person_id == person_id, older))
        for row in self._pages(query, (attendance.c.timestamp, attendance.c.id), limit):
            yield check_in_from_dict(row)

    def count_check_ins(self) -> int:
        """How many attendance records there are."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(attendance)) or 0

    def _pages(
        self, query: sa.Select[Any], order: tuple[sa.Column[Any], sa.Column[Any]], limit: int | None
    ) -> Iterator[sa.RowMapping]:
        """Oldest first, a page at a time, each going on behind the last row of the one before."""
        if limit is not None:
            latest = query.order_by(*(column.desc() for column in order)).limit(limit)
            with self._database.read() as connection:
                rows = connection.execute(latest).mappings().all()
            yield from reversed(rows)
            return
        page = query.order_by(*order).limit(_PAGE)
        behind: sa.ColumnElement[bool] = sa.true()
        while True:
            with self._database.read() as connection:
                rows = connection.execute(page.where(behind)).mappings().all()
            yield from rows
            if len(rows) < _PAGE:
                return
            last = [sa.literal(rows[-1][column], column.type) for column in order]
            behind = sa.tuple_(*order) > sa.tuple_(*last)


def _decide(connection: sa.Connection, attempt: Attempt, cooldown_s: float) -> tuple[Outcome, CheckIn | None]:
    """What the attempt leaves, and the check-in that it makes or repeats. Raises PersonNotFoundError."""
    if attempt.decision is not Decision.ACCEPTED:
        return Outcome.NONE, None
    if connection.scalar(_STATUS, {"key": attempt.person_id}) != PersonStatus.ACTIVE:
        raise PersonNotFoundError("This person has just been removed or deactivated.", key=attempt.person_id or "")
    if not attempt.records:
        return Outcome.NONE, None
    after, until = cooldown_window(attempt.at_utc, cooldown_s)
    recent = connection.execute(_RECENT, {"key": attempt.person_id, "after": after, "until": until}).mappings().first()
    if recent is not None:
        return Outcome.ALREADY, check_in_from_dict(recent)
    return Outcome.RECORDED, check_in_of(attempt)


def _check_in_of(connection: sa.Connection, attempt: Attempt) -> CheckIn | None:
    """The check-in that a stored attempt made or repeated."""
    if attempt.outcome is Outcome.NONE:
        return None
    made = attempt.outcome is Outcome.RECORDED
    found = connection.execute(
        _MADE_BY if made else _REPEATED,
        {"key": attempt.attempt_id} if made else {"key": attempt.person_id, "at": attempt.check_in_at_utc},
    )
    row = found.mappings().first()
    return None if row is None else check_in_from_dict(row)


def _between(
    query: sa.Select[Any], column: sa.Column[Any], since: datetime | None, until: datetime | None
) -> sa.Select[Any]:
    if since is not None:
        query = query.where(column >= since)
    if until is not None:
        query = query.where(column < until)
    return query
