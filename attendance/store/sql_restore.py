"""Putting back into the embedded database what an export took out of it: one transaction a call, all or nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from attendance.store.codec import (
    attempt_to_dict,
    audit_to_dict,
    check_in_to_dict,
    kept_to_dict,
    person_to_dict,
    plain,
)
from attendance.store.digests import copy_digest
from attendance.store.sql_gallery import touch
from attendance.store.sql_people import keys, require_free
from attendance.store.sql_schema import (
    UNKNOWN,
    attempts,
    attendance,
    audit,
    face_images,
    kept,
    people,
    removed_people,
    templates,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attendance.domain.model import AuditEntry, CheckIn, Kept
    from attendance.store.archive import RestoredPerson, StoredAttempt, StoredPicture, StoredTemplate
    from attendance.store.sql_database import Database

_IDS = 500  # in one statement; SQLite takes at least 999


class SqlRestore:
    """The store's methods that put everything back; see ``store.archive.Archive``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def restore_people(self, people: Sequence[RestoredPerson]) -> None:
        """With one revision for all of them."""
        if people:
            with self._database.write() as connection:
                _add_people(connection, people)
                _add_pictures(connection, [picture for one in people for picture in one.pictures])
                _add_templates(connection, [template for one in people for template in one.templates])
                touch(connection, [one.person.person_id for one in people])

    def restore_check_ins(self, records: Sequence[tuple[CheckIn, int]]) -> None:
        """Equal ones are counted by all their columns."""
        add = insert(attendance).on_conflict_do_nothing(index_elements=["attempt_id"])
        with self._database.write() as connection:
            for record, wanted in records:
                row = check_in_to_dict(record)
                missing = 1
                if record.attempt_id is None:
                    alike = (attendance.c[name].is_not_distinct_from(value) for name, value in row.items())
                    there = connection.scalar(sa.select(sa.func.count()).select_from(attendance).where(*alike)) or 0
                    missing = max(wanted - there, 0)
                if missing:
                    connection.execute(add, [row] * missing)

    def restore_attempts(self, attempts_: Sequence[StoredAttempt]) -> None:
        """Each points to the row of its check-in again."""
        if not attempts_:
            return
        with self._database.write() as connection:
            left = [stored.check_in for stored in attempts_ if stored.check_in is not None]
            rows_of = _found(connection, attendance.c.attempt_id, left, attendance.c.id)
            rows = [
                {**attempt_to_dict(stored.attempt), "check_in_id": rows_of.get(stored.check_in or "")}
                for stored in attempts_
            ]
            connection.execute(insert(attempts).on_conflict_do_nothing(index_elements=["attempt_id"]), rows)

    def restore_audit(self, entries: Sequence[AuditEntry]) -> None:
        """By sequence."""
        if entries:
            with self._database.write() as connection:
                add = insert(audit).on_conflict_do_nothing(index_elements=["sequence"])
                connection.execute(add, [audit_to_dict(entry) for entry in entries])

    def restore_kept(self, entries: Sequence[Kept]) -> None:
        """By kind and key."""
        if entries:
            with self._database.write() as connection:
                add = insert(kept).on_conflict_do_nothing(index_elements=["kind", "key"])
                connection.execute(add, [kept_to_dict(entry) for entry in entries])


def _add_people(connection: sa.Connection, restored: Sequence[RestoredPerson]) -> None:
    rows = []
    ids = [one.person.person_id for one in restored]
    there = _found(connection, people.c.person_id, ids, people.c.person_id)
    for one in restored:
        row = person_to_dict(one.person)
        if one.person.person_id in there:
            continue
        require_free(connection, one.person.person_id, name=row["name"], external_id=row["external_id"])
        rows.append({**row, **keys(row), "created_at": row["created_at"] or UNKNOWN, "revision": 0})
    if rows:  # somebody may come in several pieces
        connection.execute(insert(people).on_conflict_do_nothing(index_elements=["person_id"]), rows)
    for batch in _batches(ids):
        connection.execute(sa.delete(removed_people).where(removed_people.c.person_id.in_(batch)))


def _add_pictures(connection: sa.Connection, pictures: Sequence[StoredPicture]) -> None:
    person = face_images.c.person_id
    there = _found(connection, face_images.c.reference_id, [one.reference_id for one in pictures], person)
    digests = set(_found(connection, face_images.c.sha256, [one.sha256 for one in pictures], person))
    indexes: defaultdict[str, set[int]] = defaultdict(set)
    for batch in _batches(sorted({one.person_id for one in pictures})):
        for person_id, index in connection.execute(sa.select(person, face_images.c.image_index).where(person.in_(batch))):
            indexes[person_id].add(index)
    rows: list[dict[str, Any]] = []
    for one in pictures:
        if one.reference_id in there:
            continue
        taken, index = indexes[one.person_id], one.image_index
        if index is None or index in taken:
            index = max(taken, default=-1) + 1
        taken.add(index)
        rows.append(
            {
                "reference_id": one.reference_id,
                "person_id": one.person_id,
                "image_index": index,
                "size": one.size,
                "created_at": one.created_at or UNKNOWN,
                "sha256": copy_digest(one.sha256, one.reference_id) if one.sha256 in digests else one.sha256,
                "quality": plain(one.quality),
                "image_bytes": one.picture,
            }
        )
        digests.add(one.sha256)
    if rows:
        connection.execute(face_images.insert(), rows)


def _add_templates(connection: sa.Connection, restored: Sequence[StoredTemplate]) -> None:
    rows = [
        {"model_id": one.model_id, "reference_id": one.reference_id, "failure": one.failure, "embedding": one.embedding}
        for one in restored
    ]
    if rows:
        add = insert(templates).on_conflict_do_nothing(index_elements=["model_id", "reference_id"])
        connection.execute(add, rows)


def _found(connection: sa.Connection, key: sa.Column[Any], values: Iterable[str], told: sa.Column[Any]) -> dict[str, Any]:
    """What the rows with these keys say, by key."""
    found: dict[str, Any] = {}
    for batch in _batches(sorted(set(values))):
        found.update((row[0], row[1]) for row in connection.execute(sa.select(key, told).where(key.in_(batch))))
    return found


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _IDS] for start in range(0, len(values), _IDS))
