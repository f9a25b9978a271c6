"""People in the embedded database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from attendance.domain.names import name_key
from attendance.errors import ConflictError, PersonExistsError, PersonNotFoundError
from attendance.store.codec import person_from_dict, person_to_dict, storable
from attendance.store.sql_gallery import touch
from attendance.store.sql_references import store_references
from attendance.store.sql_schema import face_images, people, removed_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.model import NewReference, Person, PersonStatus
    from attendance.store.sql_database import Database

_PICTURES = (
    sa.select(sa.func.count())
    .where(face_images.c.person_id == people.c.person_id)
    .scalar_subquery()
    .label("reference_count")
)
_PERSON = sa.select(
    people.c.person_id,
    people.c.name,
    people.c.external_id,
    people.c.group,
    people.c.status,
    people.c.created_at,
    people.c.consent,
    _PICTURES,
)


class SqlPeople:
    """The store's methods about people; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_person(self, person: Person, references: Sequence[NewReference], model_id: str) -> Person:
        """In one transaction."""
        row = {**person_to_dict(person), "external_id": person.external_id or None, "group": person.group or None}
        row["created_at"] = person.created_at or datetime.now(UTC)
        with self._database.write() as connection:
            _require_unused_id(connection, person.person_id)
            require_free(connection, person.person_id, name=person.name, external_id=row["external_id"])
            revision = touch(connection, ())
            connection.execute(people.insert().values(**row, **keys(row), revision=revision))
            store_references(connection, person.person_id, references, model_id)
            return _one(connection, person.person_id)

    def person(self, person_id: str) -> Person:
        """By id."""
        with self._database.read() as connection:
            return _one(connection, person_id)

    def find_person(self, key: str) -> Person:
        """By name, then by staff number."""
        if storable(key):
            with self._database.read() as connection:
                for fits in (people.c.name_key == name_key(key), people.c.external_id == key):
                    row = connection.execute(_PERSON.where(fits)).mappings().first()
                    if row is not None:
                        return person_from_dict(row)
        raise PersonNotFoundError("Nobody is registered under this name or number.", key=key)

    def people(
        self, *, search: str = "", status: PersonStatus | None = None, limit: int | None = None, offset: int = 0
    ) -> list[Person]:
        """By name's key, so without regard to case."""
        if not storable(search):
            return []
        query = _PERSON.order_by(people.c.name_key, people.c.person_id).limit(limit).offset(offset)
        if wanted := name_key(search):
            query = query.where(sa.func.instr(people.c.search_key, wanted) > 0)
        if status is not None:
            query = query.where(people.c.status == status.value)
        with self._database.read() as connection:
            return [person_from_dict(row) for row in connection.execute(query).mappings()]

    def count_people(self) -> int:
        """Active or not."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(people)) or 0

    def update_person(
        self,
        person_id: str,
        *,
        name: str | None = None,
        external_id: str | None = None,
        group: str | None = None,
        status: PersonStatus | None = None,
    ) -> Person:
        """An empty staff number or group takes it away."""
        with self._database.write() as connection:
            row = person_to_dict(_one(connection, person_id))
            if name is not None:
                row["name"] = name
            if external_id is not None:
                row["external_id"] = external_id or None
            if group is not None:
                row["group"] = group or None
            if status is not None:
                row["status"] = status.value
            require_free(connection, person_id, name=row["name"], external_id=row["external_id"])
            connection.execute(sa.update(people).where(people.c.person_id == person_id).values(**row, **keys(row)))
            touch(connection, [person_id])
            return _one(connection, person_id)

    def remove_person(self, person_id: str) -> Person:
        """In one transaction; afterwards the pictures are overwritten in the file."""
        with self._database.write() as connection:
            person = _one(connection, person_id)
            connection.execute(sa.delete(people).where(people.c.person_id == person_id))  # pictures, templates: cascade
            connection.execute(insert(removed_people).values(person_id=person_id, revision=touch(connection, ())))
        self._database.purge()
        return person


def _one(connection: sa.Connection, person_id: str) -> Person:
    row = None
    if storable(person_id):
        row = connection.execute(_PERSON.where(people.c.person_id == person_id)).mappings().first()
    if row is None:
        raise PersonNotFoundError("This person is not registered.", key=person_id)
    return person_from_dict(row)


def keys(row: dict[str, Any]) -> dict[str, str]:
    """The columns of the folded forms, by which names are compared and found. A folded text has no line feed in it."""
    texts = (row["name"], row["external_id"] or "", row["group"] or "")
    return {"name_key": name_key(row["name"]), "search_key": "\n".join(name_key(text) for text in texts)}


def _require_unused_id(connection: sa.Connection, person_id: str) -> None:
    for table in (people, removed_people):
        if connection.scalar(sa.select(table.c.person_id).where(table.c.person_id == person_id)) is not None:
            raise ConflictError(f"The person id {person_id} has been used before.")


def require_free(connection: sa.Connection, person_id: str, *, name: str, external_id: str | None) -> None:
    """Raises PersonExistsError where somebody else has the name or the staff number."""
    others = sa.select(people.c.person_id).where(people.c.person_id != person_id)
    if connection.scalar(others.where(people.c.name_key == name_key(name))) is not None:
        raise PersonExistsError("Somebody is registered under this name already.", field="name", value=name)
    if external_id and connection.scalar(others.where(people.c.external_id == external_id)) is not None:
        raise PersonExistsError(
            "Somebody is registered under this staff number already.", field="external_id", value=external_id
        )
