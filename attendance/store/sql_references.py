"""Stored pictures of people in the embedded database."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from attendance.domain.model import Reference
from attendance.errors import CorruptRecordError, DuplicatePictureError, PersonNotFoundError
from attendance.store.codec import embedding_to_bytes, person_from_dict, plain
from attendance.store.digests import whole_digest
from attendance.store.sql_gallery import activate_first, touch
from attendance.store.sql_schema import face_images, people, templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.model import NewReference, Person
    from attendance.store.sql_database import Database

_REFERENCE = sa.select(
    face_images.c.reference_id,
    face_images.c.person_id,
    face_images.c.image_index,
    face_images.c.size,
    face_images.c.created_at,
    face_images.c.sha256,
    face_images.c.quality,
)


def store_references(
    connection: sa.Connection, person_id: str, references: Sequence[NewReference], model_id: str
) -> list[Reference]:
    """Pictures and templates of a person who is there, inside the caller's writing transaction.

    Raises:
        DuplicatePictureError: one is stored already, or given twice.
    """
    _require_new(connection, references)
    if not references:
        return []
    last = connection.scalar(sa.select(sa.func.max(face_images.c.image_index)).where(face_images.c.person_id == person_id))
    first = 0 if last is None else last + 1
    now = datetime.now(UTC)
    pictures: list[dict[str, Any]] = [
        {
            "reference_id": uuid.uuid4().hex,
            "person_id": person_id,
            "image_index": index,
            "size": len(reference.picture),
            "created_at": now,
            "sha256": reference.sha256,
            "quality": None if reference.quality is None else plain(reference.quality.as_dict()),
            "image_bytes": reference.picture,
        }
        for index, reference in enumerate(references, first)
    ]
    made = [
        {
            "model_id": model_id,
            "reference_id": picture["reference_id"],
            "failure": None,
            "embedding": embedding_to_bytes(reference.embedding),
        }
        for picture, reference in zip(pictures, references, strict=True)
    ]
    connection.execute(face_images.insert(), pictures)
    connection.execute(templates.insert(), made)
    activate_first(connection, model_id)
    ids = [picture["reference_id"] for picture in pictures]
    query = _REFERENCE.where(face_images.c.reference_id.in_(ids)).order_by(face_images.c.image_index)
    return _list(connection, query)


class SqlReferences:
    """The store's methods about pictures; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_references(self, person_id: str, references: Sequence[NewReference], model_id: str) -> list[Reference]:
        """In one transaction."""
        with self._database.write() as connection:
            if connection.scalar(sa.select(people.c.person_id).where(people.c.person_id == person_id)) is None:
                raise PersonNotFoundError("This person is not registered.", key=person_id)
            stored = store_references(connection, person_id, references, model_id)
            if stored:
                touch(connection, [person_id])
            return stored

    def remove_reference(self, reference_id: str) -> None:
        """In one transaction; afterwards the picture is overwritten in the file."""
        with self._database.write() as connection:
            removed = sa.delete(face_images).where(face_images.c.reference_id == reference_id)
            owner = connection.scalar(removed.returning(face_images.c.person_id))
            if owner is None:
                return
            touch(connection, [owner])
        self._database.purge()

    def references(self, person_id: str) -> list[Reference]:
        """By image index."""
        query = _REFERENCE.where(face_images.c.person_id == person_id).order_by(face_images.c.image_index)
        with self._database.read() as connection:
            return _list(connection, query)

    def picture(self, reference_id: str) -> bytes:
        """The bytes, checked against their digest: a damaged picture is never given out."""
        query = sa.select(face_images.c.image_bytes, face_images.c.sha256)
        with self._database.read() as connection:
            row = connection.execute(query.where(face_images.c.reference_id == reference_id)).first()
        if row is None:
            raise PersonNotFoundError("This picture is gone.", key=reference_id)
        if hashlib.sha256(row.image_bytes).hexdigest() != whole_digest(row.sha256):
            raise CorruptRecordError(f"The picture {reference_id} is damaged.", record=f"face_images/{reference_id}")
        return bytes(row.image_bytes)

    def picture_owner(self, sha256: str) -> Person | None:
        """By the digest of the bytes."""
        owner = sa.select(face_images.c.person_id).where(face_images.c.sha256 == sha256).scalar_subquery()
        count = sa.select(sa.func.count()).where(face_images.c.person_id == people.c.person_id).scalar_subquery()
        query = sa.select(people, count.label("reference_count")).where(people.c.person_id == owner)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else person_from_dict(row)

    def references_without_template(self, model_id: str, *, limit: int = 100, after: str | None = None) -> list[Reference]:
        """By reference id."""
        tried = sa.select(templates.c.reference_id).where(
            templates.c.reference_id == face_images.c.reference_id, templates.c.model_id == model_id
        )
        query = _REFERENCE.where(~tried.exists()).order_by(face_images.c.reference_id).limit(limit)
        if after is not None:
            query = query.where(face_images.c.reference_id > after)
        with self._database.read() as connection:
            return _list(connection, query)

    def count_references(self) -> int:
        """How many pictures are stored."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(face_images)) or 0


def _list(connection: sa.Connection, query: sa.Select[Any]) -> list[Reference]:
    rows = connection.execute(query).mappings()
    return [Reference(**{**row, "sha256": whole_digest(row["sha256"])}) for row in rows]


def _require_new(connection: sa.Connection, references: Sequence[NewReference]) -> None:
    given: set[str] = set()
    for reference in references:
        stored = connection.scalar(sa.select(face_images.c.reference_id).where(face_images.c.sha256 == reference.sha256))
        if stored is not None or reference.sha256 in given:
            words = "is stored already" if stored is not None else "was given twice"
            raise DuplicatePictureError(f"This picture {words}.", sha256=reference.sha256, label=reference.label)
        given.add(reference.sha256)
