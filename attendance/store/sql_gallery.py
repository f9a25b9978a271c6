"""What the galleries in memory watch: templates, the active model, and a revision that tells what changed.

Writers are one after the other (BEGIN IMMEDIATE), and each takes its revision inside its transaction; so whoever has seen
revision n has seen everything up to n.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from attendance.domain.model import PersonStatus, PersonTemplates
from attendance.errors import CorruptRecordError
from attendance.store.base import GalleryChanges, TemplateCoverage
from attendance.store.codec import embedding_from_bytes, embedding_to_bytes
from attendance.store.sql_schema import face_images, people, removed_people, state, templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from attendance.store.sql_database import Database

_STATE = sa.select(state.c.revision, state.c.active_model)
_BATCH = 500  # ids in one statement; SQLite takes at least 999


def touch(connection: sa.Connection, person_ids: Iterable[str]) -> int:
    """Give these people the next revision, inside the caller's writing transaction, and return it."""
    revision = int(
        connection.scalar(sa.update(state).values(revision=state.c.revision + 1).returning(state.c.revision)) or 0
    )
    ids = sorted(set(person_ids))
    for start in range(0, len(ids), _BATCH):
        batch = people.c.person_id.in_(ids[start : start + _BATCH])
        connection.execute(sa.update(people).where(batch).values(revision=revision))
    return revision


def activate_first(connection: sa.Connection, model_id: str) -> None:
    """Make this the active model where there is none yet."""
    connection.execute(sa.update(state).where(state.c.active_model.is_(None)).values(active_model=model_id))


class SqlGallery:
    """The store's methods about templates and models; see ``store.base.Store``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_templates(self, model_id: str, embeddings: Mapping[str, NDArray[np.float32] | str]) -> None:
        """References that are gone by now are left out."""
        with self._database.write() as connection:
            owners = _owners(connection, list(embeddings))
            rows = [
                {
                    "model_id": model_id,
                    "reference_id": reference_id,
                    "failure": value if isinstance(value, str) else None,
                    "embedding": None if isinstance(value, str) else embedding_to_bytes(value),
                }
                for reference_id, value in embeddings.items()
                if reference_id in owners
            ]
            if not rows:
                return
            statement = insert(templates)
            replace = statement.on_conflict_do_update(
                index_elements=[templates.c.model_id, templates.c.reference_id],
                set_={"failure": statement.excluded.failure, "embedding": statement.excluded.embedding},
            )
            connection.execute(replace, rows)
            touch(connection, owners.values())

    def template_coverage(self) -> list[TemplateCoverage]:
        """By model id."""
        counted = (
            sa.select(templates.c.model_id, sa.func.count(templates.c.embedding), sa.func.count(templates.c.failure))
            .group_by(templates.c.model_id)
            .order_by(templates.c.model_id)
        )
        with self._database.read() as connection:
            references = connection.scalar(sa.select(sa.func.count()).select_from(face_images)) or 0
            return [TemplateCoverage(model_id, references, *counts) for model_id, *counts in connection.execute(counted)]

    def active_model(self) -> str | None:
        """None before the first enrolment."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(state.c.active_model))

    def activate_model(self, model_id: str) -> None:
        """From now on, in all processes."""
        with self._database.write() as connection:
            connection.execute(sa.update(state).values(active_model=model_id))

    def gallery_changes(self, model_id: str, cursor: str | None = None) -> GalleryChanges:
        """One indexed read where nothing changed."""
        seen = int(cursor) if cursor is not None and cursor.isdecimal() else -1
        with self._database.read() as connection:
            revision, active = connection.execute(_STATE).one()
            if revision < seen:  # a restored copy of the file: what the gallery knows may never have been
                seen = -1
            if revision == seen:
                return GalleryChanges(str(revision), active, (), ())
            gone = sa.select(removed_people.c.person_id).where(removed_people.c.revision > seen)
            return GalleryChanges(
                cursor=str(revision),
                active_model=active,
                changed=tuple(_templates_of(connection, model_id, seen)),
                removed=tuple(connection.scalars(gone)),
            )


def _owners(connection: sa.Connection, reference_ids: Sequence[str]) -> dict[str, str]:
    """Reference id to person id, of those that are there."""
    owners: dict[str, str] = {}
    for start in range(0, len(reference_ids), _BATCH):
        wanted = face_images.c.reference_id.in_(reference_ids[start : start + _BATCH])
        rows = connection.execute(sa.select(face_images.c.reference_id, face_images.c.person_id).where(wanted))
        owners.update((reference_id, person_id) for reference_id, person_id in rows)
    return owners


def _templates_of(connection: sa.Connection, model_id: str, seen: int) -> list[PersonTemplates]:
    """Everybody who changed after revision ``seen``, those without a template included."""
    fits = sa.and_(
        templates.c.reference_id == face_images.c.reference_id,
        templates.c.model_id == model_id,
        templates.c.embedding.is_not(None),
    )
    query = (
        sa.select(people.c.person_id, people.c.name, people.c.status, face_images.c.reference_id, templates.c.embedding)
        .select_from(people.outerjoin(face_images, face_images.c.person_id == people.c.person_id).outerjoin(templates, fits))
        .where(people.c.revision > seen)
        .order_by(people.c.person_id, face_images.c.image_index)
    )
    found = []
    for person, rows in groupby(connection.execute(query), key=lambda row: (str(row[0]), str(row[1]), str(row[2]))):
        person_id, name, status = person
        made = [(row.reference_id, row.embedding) for row in rows if row.embedding is not None]
        vectors = [embedding_from_bytes(data, f"templates/{reference_id}") for reference_id, data in made]
        try:
            stacked = np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
            known_status = PersonStatus(status)
        except ValueError as error:
            raise CorruptRecordError(
                f"The templates of {person_id} do not fit together.", record=f"people/{person_id}"
            ) from error
        found.append(PersonTemplates(person_id, name, known_status, tuple(key for key, _ in made), stacked))
    return found
