"""Lists, pages and counts of attempts and attendance in the embedded database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from attendance.domain.model import RecordFilter, Review
from attendance.store.codec import attempt_from_dict, check_in_from_dict, storable
from attendance.store.rules import attempt_values, fits_without_attempt
from attendance.store.sql_schema import LEFT_BY, attempts, attendance, dump_json, people

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from attendance.domain.model import Attempt, CheckIn
    from attendance.store.sql_database import Database

_PAGE = 500  # rows read at a time, so that a long list holds neither memory nor a transaction
_FEW = 50  # people whose records are looked up one by one

_BY_NAME = people.c.name == attendance.c.matched_identity
_OWNER = sa.func.coalesce(attendance.c.person_id, sa.select(people.c.person_id).where(_BY_NAME).scalar_subquery())
_CHECK_IN = (*(column for column in attendance.c if column.name != "person_id"), _OWNER.label("owner"))
_VOID = sa.exists().where(LEFT_BY, attempts.c.review == Review.VOID.value)


class SqlRecords:
    """The store's methods that list attempts and attendance; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attempts(
        self, *, since: datetime | None = None, until: datetime | None = None, limit: int | None = None
    ) -> Iterator[Attempt]:
        """Those of one moment by their ids."""
        fits = _attempts_that(RecordFilter(since=since, until=until))
        for row in self._walk(sa.select(attempts).where(*fits), (attempts.c.at_utc, attempts.c.attempt_id), limit):
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
        who = None if person_id is None else frozenset({person_id})
        query = _check_ins_that(sa.select(*_CHECK_IN), RecordFilter(since=since, until=until, person_ids=who))
        for row in self._walk(query, (attendance.c.timestamp, attendance.c.id), limit):
            yield _check_in(row)

    def count_attempts(self, which: RecordFilter) -> int:
        """From an index alone."""
        return self._count(sa.select(sa.func.count()).select_from(attempts).where(*_attempts_that(which)))

    def count_check_ins(self, which: RecordFilter | None = None) -> int:
        """Looks at the attempts only where the filter asks for something of theirs."""
        # Not of "*", or SQLite walks over the smallest index, whose order has nothing to do with that of the attempts.
        how_many = sa.select(sa.func.count(attendance.c.timestamp))
        return self._count(_check_ins_that(how_many, which or RecordFilter()))

    def attempt_page(self, which: RecordFilter, *, limit: int, offset: int = 0) -> list[Attempt]:
        """Finds the ids in an index and then reads those rows alone. Those of one moment by their ids, backwards."""
        order = (attempts.c.at_utc.desc(), attempts.c.attempt_id.desc())
        found = sa.select(attempts.c.attempt_id).where(*_attempts_that(which)).order_by(*order)
        found = found.limit(max(limit, 0)).offset(offset)
        query = sa.select(attempts).where(attempts.c.attempt_id.in_(found)).order_by(*order)
        with self._database.read() as connection:
            return [attempt_from_dict(row) for row in connection.execute(query).mappings()]

    def check_in_page(self, which: RecordFilter, *, limit: int, offset: int = 0) -> list[tuple[CheckIn, Attempt | None]]:
        """As ``attempt_page``. Those of one moment in the order in which they were stored, backwards."""
        order = (attendance.c.timestamp.desc(), attendance.c.id.desc())
        found = _check_ins_that(sa.select(attendance.c.id), which).order_by(*order).limit(max(limit, 0)).offset(offset)
        query = (
            sa.select(*_CHECK_IN, attempts)
            .outerjoin_from(attendance, attempts, LEFT_BY)
            .where(attendance.c.id.in_(found))
            .order_by(*order)
        )
        with self._database.read() as connection:
            return [(_check_in(row), _attempt(row)) for row in connection.execute(query).mappings()]

    def last_seen(self, person_ids: Collection[str]) -> dict[str, datetime]:
        """One query: for each person the latest record under the id, and under the name alone, from indices."""
        asked = _listed(person_ids)
        time = sa.select(attendance.c.timestamp).order_by(attendance.c.timestamp.desc()).limit(1)
        by_id = time.where(attendance.c.person_id == asked.c.value, ~_VOID)
        by_name = time.where(attendance.c.person_id.is_(None), _BY_NAME)
        query = sa.select(asked.c.value, by_id.scalar_subquery(), by_name.scalar_subquery()).select_from(
            asked.outerjoin(people, people.c.person_id == asked.c.value)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {person_id: max(filter(None, times)) for person_id, *times in rows if any(times)}

    def _count(self, query: sa.Select[Any]) -> int:
        with self._database.read() as connection:
            return connection.scalar(query) or 0

    def _walk(
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


def _attempts_that(which: RecordFilter) -> list[sa.ColumnElement[bool]]:
    fits = _between(attempts.c.at_utc, which)
    if which.person_ids is not None:
        fits.append(attempts.c.person_id.in_(sa.select(_listed(which.person_ids).c.value)))
    return fits + [attempts.c[name] == value for name, value in attempt_values(which).items()]


def _check_ins_that(query: sa.Select[Any], which: RecordFilter) -> sa.Select[Any]:
    """The query, joined with the attempts where something is asked of them."""
    query = query.where(*_between(attendance.c.timestamp, which))
    if which.person_ids is not None:
        asked = sa.select(_listed(which.person_ids).c.value)
        names = sa.select(people.c.name).where(people.c.person_id.in_(asked))
        older = sa.and_(attendance.c.person_id.is_(None), attendance.c.matched_identity.in_(names))
        # For many people a walk in the order of time is quicker than putting together what each of them has.
        few = len(which.person_ids) <= _FEW
        query = query.where(sa.or_(attendance.c.person_id.in_(asked), older) if few else _OWNER.in_(asked))
    values = attempt_values(which)
    if not values:
        return query
    fits = sa.and_(*(attempts.c[name] == value for name, value in values.items()))
    if fits_without_attempt(which):
        return query.outerjoin(attempts, LEFT_BY).where(sa.or_(attempts.c.check_in_id.is_(None), fits))
    return query.join(attempts, LEFT_BY).where(fits)


def _listed(person_ids: Collection[str]) -> sa.TableValuedAlias:
    """The ids as a table of one parameter, however many they are."""
    return sa.func.json_each(dump_json([one for one in person_ids if storable(one)])).table_valued("value")


def _between(column: sa.Column[Any], which: RecordFilter) -> list[sa.ColumnElement[bool]]:
    bounds = []
    if which.since is not None:
        bounds.append(column >= which.since)
    if which.until is not None:
        bounds.append(column < which.until)
    return bounds


def _check_in(row: sa.RowMapping) -> CheckIn:
    """A name alone is told as its person's."""
    known = {column.name: row[column] for column in attendance.c if column in row}
    return check_in_from_dict({**known, "person_id": row["owner"]})


def _attempt(row: sa.RowMapping) -> Attempt | None:
    known = {column.name: row[column] for column in attempts.c}
    return None if known["attempt_id"] is None else attempt_from_dict(known)
