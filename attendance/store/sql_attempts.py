"""Attempts, what they leave and what is thought of them, in the embedded database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from attendance.domain.model import Decision, Outcome, PersonStatus
from attendance.errors import ConflictError, PersonNotFoundError
from attendance.store.base import Settlement
from attendance.store.codec import attempt_from_dict, attempt_to_dict, check_in_from_dict, check_in_to_dict, plain, storable
from attendance.store.rules import NO_COOLDOWN, check_in_of, cooldown_window, settled
from attendance.store.sql_schema import LEFT_BY, attempt_pictures, attempts, attendance, people

if TYPE_CHECKING:
    from datetime import datetime

    from attendance.domain.model import Attempt, CheckIn, Review
    from attendance.store.sql_database import Database

# Built once: SQLAlchemy then finds their compiled form by identity, and a check-in takes no time to build SQL.
_ATTEMPT = sa.select(attempts).where(attempts.c.attempt_id == sa.bindparam("key"))
_STATUS = sa.select(people.c.status).where(people.c.person_id == sa.bindparam("key"))
_CHECK_IN = sa.select(attendance).where(attendance.c.id == sa.bindparam("key"))
_DOUBTED = sa.exists().where(LEFT_BY, attempts.c.review.in_([one.value for one in NO_COOLDOWN]))
_RECENT = (
    sa.select(attendance)
    .where(
        attendance.c.person_id == sa.bindparam("key"),
        attendance.c.timestamp > sa.bindparam("after", type_=attendance.c.timestamp.type),
        attendance.c.timestamp <= sa.bindparam("until", type_=attendance.c.timestamp.type),
        ~_DOUBTED,
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
                row = connection.execute(_CHECK_IN, {"key": before["check_in_id"]}).mappings().first()
                return Settlement(stored.outcome, stored, None if row is None else check_in_from_dict(row), replayed=True)
            outcome, check_in, check_in_id = _decide(connection, attempt, cooldown_s)
            stored = settled(attempt, outcome, check_in)
            if outcome is Outcome.RECORDED and check_in is not None:
                added = connection.execute(_ADD_CHECK_IN, check_in_to_dict(check_in))
                check_in_id = added.inserted_primary_key[0] if added.inserted_primary_key else None
            waiting = True if stored.session is not None else None
            connection.execute(_ADD_ATTEMPT, {**attempt_to_dict(stored), "check_in_id": check_in_id, "waiting": waiting})
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

    def set_review(self, attempt_id: str, review: Review, *, actor: str, at_utc: datetime, expected: Review) -> Attempt:
        """Compared and set in one transaction."""
        row = None
        if storable(attempt_id):
            changed = (
                sa.update(attempts)
                .where(attempts.c.attempt_id == attempt_id, attempts.c.review == expected.value)
                .values(review=review.value, reviewed_by=plain(actor), reviewed_at_utc=at_utc)
            )
            with self._database.write() as connection:
                if connection.execute(changed).rowcount:
                    row = connection.execute(_ATTEMPT, {"key": attempt_id}).mappings().one()
        if row is None:
            raise ConflictError(f"The attempt {attempt_id} is not {expected.value} any more, or there is none.")
        return attempt_from_dict(row)


def _decide(connection: sa.Connection, attempt: Attempt, cooldown_s: float) -> tuple[Outcome, CheckIn | None, int | None]:
    """What the attempt leaves, and the check-in that it makes or repeats, the latter with its row's id.

    Raises PersonNotFoundError.
    """
    if attempt.decision is not Decision.ACCEPTED:
        return Outcome.NONE, None, None
    if connection.scalar(_STATUS, {"key": attempt.person_id}) != PersonStatus.ACTIVE:
        raise PersonNotFoundError("This person has just been removed or deactivated.", key=attempt.person_id or "")
    if not attempt.records:
        return Outcome.NONE, None, None
    after, until = cooldown_window(attempt.at_utc, cooldown_s)
    recent = connection.execute(_RECENT, {"key": attempt.person_id, "after": after, "until": until}).mappings().first()
    if recent is not None:
        return Outcome.ALREADY, check_in_from_dict(recent), recent["id"]
    return Outcome.RECORDED, check_in_of(attempt), None
