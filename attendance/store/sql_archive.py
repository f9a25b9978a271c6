"""Everything in the embedded database, read in one transaction and so as of one moment.

Values are taken as they are in the file and read one row at a time, so that one which is damaged is told by its id.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from attendance.errors import CorruptRecordError
from attendance.store.archive import Broken, Enrolled, StoredAttempt, StoredPicture, StoredTemplate
from attendance.store.codec import (
    attempt_from_dict,
    audit_from_dict,
    check_in_from_dict,
    from_ms,
    kept_from_dict,
    person_from_dict,
)
from attendance.store.digests import is_digest, whole_digest
from attendance.store.sql_schema import (
    UNKNOWN_MS,
    Milliseconds,
    attempts,
    attendance,
    audit,
    face_images,
    kept,
    load_json,
    people,
    removed_people,
    state,
    templates,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence

    from attendance.domain.model import AuditEntry, CheckIn, Kept
    from attendance.store.sql_database import Database

_ROWS = 500  # read at a time
_IDS = 500  # in one statement; SQLite takes at least 999
_BYTES = 8_000_000  # of pictures held at a time

Row = dict[str, Any]
Result = TypeVar("Result")


class SqlArchive:
    """The store's methods that take everything out; see ``store.archive.Archive``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def snapshot(self) -> Iterator[SqlSnapshot]:
        """One reading transaction: whoever writes meanwhile is not held up, and is not seen."""
        with self._database.read() as connection:
            yield SqlSnapshot(connection)


class SqlSnapshot:
    """Implements ``store.archive.Snapshot``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def states(self) -> Iterator[tuple[str, str | None]]:
        """The revision, and which pictures: revisions alone may come again in a file that was put back from a copy."""
        known = self._rows(sa.select(people.c.person_id, people.c.revision).order_by(people.c.person_id))
        # Joined by SQLite, in an order of its own: in another one it would be read again, and be the same.
        owner = face_images.c.person_id
        listed = sa.select(owner, sa.func.group_concat(face_images.c.reference_id, "\n")).group_by(owner).order_by(owner)
        pictures = self._rows(listed)
        of, ids = next(pictures, (None, ""))
        for person_id, revision in known:
            while of is not None and of < person_id:
                of, ids = next(pictures, (None, ""))
            digest = hashlib.sha256(str(ids).encode() if of == person_id else b"")
            yield person_id, f"{revision}-{digest.hexdigest()[:32]}"

    def people(self, *, states: bool = True) -> Iterator[Enrolled | Broken]:
        """Beside their states."""
        fields = [column for column in people.c if column.name not in {"name_key", "search_key", "revision"}]
        rows = self._raw(sa.select(*map(_raw, fields)).order_by(people.c.person_id))
        state_of = self.states() if states else repeat((None, None))
        for row in rows:
            _, known = next(state_of)  # in one transaction the two are in step
            yield _read(f"people/{row['person_id']}", partial(_enrolled, row, known))

    def changed(self, people: Sequence[Enrolled]) -> dict[str, Enrolled | Broken | None]:  # noqa: ARG002 - the contract's name
        """Nobody: all of it is of one moment."""
        return {}

    def pictures(
        self, person_ids: Sequence[str], known: Collection[str] = (), *, checked: bool = True
    ) -> Iterator[StoredPicture | Broken]:
        """Rows first, then bytes, so many at a time as fit into a few megabytes."""
        fields = [column for column in face_images.c if column.name != "image_bytes"]
        for batch in _batches(person_ids):
            query = sa.select(*map(_raw, fields)).where(face_images.c.person_id.in_(batch))
            found: dict[str, list[Row]] = {}
            for row in self._raw(query):
                found.setdefault(row["person_id"], []).append(row)
            rows = [row for person_id in batch for row in found.get(person_id, ())]
            for group in _by_size(rows, lambda row: 0 if row["reference_id"] in known else int(row["size"])):
                yield from self._with_bytes(group, known, checked=checked)

    def strays(self) -> Iterator[Broken]:
        """None: every picture is somebody's."""
        yield from ()

    def templates(self, person_ids: Sequence[str]) -> Iterator[StoredTemplate | Broken]:
        """Joined with the pictures, which know their people."""
        fields = (face_images.c.person_id, templates.c.model_id, templates.c.reference_id)
        for batch in _batches(person_ids):
            query = (
                sa.select(*map(_raw, (*fields, templates.c.embedding, templates.c.failure)))
                .join_from(templates, face_images, templates.c.reference_id == face_images.c.reference_id)
                .where(face_images.c.person_id.in_(batch))
            )
            for row in self._raw(query):
                made = row["embedding"]
                if made is not None and (not isinstance(made, bytes) or not made or len(made) % 4):
                    record = f"templates/{row['model_id']}|{row['reference_id']}"
                    yield Broken(record, "A template of an impossible size.", row["person_id"])
                else:
                    yield StoredTemplate(**row)

    def check_ins(self) -> Iterator[CheckIn | Broken]:
        """By time."""
        for row in self._raw(sa.select(*map(_raw, attendance.c)).order_by(attendance.c.timestamp, attendance.c.id)):
            yield _read(f"attendance/{row['id']}", partial(_check_in, row))

    def attempts(self, only: Sequence[str] | None = None) -> Iterator[StoredAttempt | Broken]:
        """By time, each with the attempt that left its check-in."""
        joined = attempts.outerjoin(attendance, attempts.c.check_in_id == attendance.c.id)
        left_by = _raw(attendance.c.attempt_id).label("left_by")
        query = sa.select(*map(_raw, attempts.c), left_by).select_from(joined)
        query = query.order_by(attempts.c.at_utc, attempts.c.attempt_id)
        wanted = [query] if only is None else [query.where(attempts.c.attempt_id.in_(batch)) for batch in _batches(only)]
        for row in chain.from_iterable(map(self._raw, wanted)):
            yield _read(f"attempts/{row['attempt_id']}", partial(_attempt, row))

    def audit(self) -> Iterator[AuditEntry | Broken]:
        """By sequence."""
        for row in self._raw(sa.select(*map(_raw, audit.c)).order_by(audit.c.sequence)):
            yield _read(f"audit/{row['sequence']}", partial(_entry, row))

    def kept(self, kind: str) -> list[Kept]:
        """By key."""
        rows = self._connection.execute(sa.select(kept).where(kept.c.kind == kind).order_by(kept.c.key)).mappings()
        return [kept_from_dict(row) for row in rows]

    def active_model(self) -> str | None:
        """Of the one row that says it."""
        return self._connection.scalar(sa.select(state.c.active_model))

    def removed(self, person_ids: Sequence[str]) -> set[str]:
        """Of those that are remembered without a name."""
        query = sa.select(removed_people.c.person_id)
        batches = (removed_people.c.person_id.in_(batch) for batch in _batches(person_ids))
        return {key for fits in batches for key in self._connection.scalars(query.where(fits))}

    def _rows(self, query: sa.Select[Any]) -> Iterator[Any]:
        found = self._connection.execution_options(yield_per=_ROWS).execute(query)
        yield from chain.from_iterable(found.partitions())

    def _raw(self, query: sa.Select[Any]) -> Iterator[Row]:
        names = [column.name for column in query.selected_columns]
        return (dict(zip(names, row, strict=True)) for row in self._rows(query))

    def _with_bytes(self, rows: Sequence[Row], known: Container[str], *, checked: bool) -> Iterator[StoredPicture | Broken]:
        wanted = [row["reference_id"] for row in rows if row["reference_id"] not in known]
        query = sa.select(face_images.c.reference_id, face_images.c.image_bytes)
        stored: dict[str, bytes] = {}
        for start in range(0, len(wanted), _IDS):
            stored.update(self._rows(query.where(face_images.c.reference_id.in_(wanted[start : start + _IDS]))))
        for row in rows:
            picture = stored.pop(row["reference_id"], None)
            owner = str(row["person_id"])
            yield _read(f"face_images/{row['reference_id']}", partial(_picture, row, picture, checked=checked), owner)


def _raw(column: sa.Column[Any]) -> sa.Label[Any]:
    """The value as it is in the file, so that a damaged one cannot end the reading of all rows."""
    return sa.type_coerce(column, sa.types.NullType()).label(column.name)


def _typed(table: sa.Table, row: Row) -> Row:
    """Times, JSON and truth values of a raw row. Raises CorruptRecordError."""
    return {**row, **{name: _value(kind, row[name]) for name, kind in _kept_otherwise(table) if name in row}}


@cache
def _kept_otherwise(table: sa.Table) -> list[tuple[str, sa.types.TypeEngine[Any]]]:
    """The columns whose values are not in the file as they are told."""
    kinds = (Milliseconds, sa.JSON, sa.Boolean)
    return [(column.name, column.type) for column in table.c if isinstance(column.type, kinds)]


def _value(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, Milliseconds):
        return None if value == UNKNOWN_MS else from_ms(value, "the record")
    if isinstance(kind, sa.JSON):
        return load_json(value)
    return bool(value) if isinstance(kind, sa.Boolean) else value


def _enrolled(row: Row, known: str | None) -> Enrolled:
    return Enrolled(person_from_dict(_typed(people, row)), known)


def _check_in(row: Row) -> CheckIn:
    return check_in_from_dict(_typed(attendance, row))


def _attempt(row: Row) -> StoredAttempt:
    return StoredAttempt(attempt_from_dict(_typed(attempts, row)), row["left_by"])


def _entry(row: Row) -> AuditEntry:
    return audit_from_dict(_typed(audit, row))


def _picture(row: Row, picture: bytes | None, *, checked: bool) -> StoredPicture:
    """Raises CorruptRecordError."""
    row["sha256"] = whole_digest(str(row["sha256"]))
    trusted = not checked and is_digest(row["sha256"])
    if picture is not None and not trusted and hashlib.sha256(picture).hexdigest() != row["sha256"]:
        raise CorruptRecordError("The picture is not what was stored.", record=f"face_images/{row['reference_id']}")
    created_at, quality = row["created_at"], row["quality"]
    return StoredPicture(
        row["reference_id"],
        row["person_id"],
        row["image_index"],
        row["size"],
        row["sha256"],
        None if created_at is None or created_at == UNKNOWN_MS else from_ms(created_at, "the record"),
        None if quality is None else load_json(quality),
        older=False,
        picture=picture,
    )


def _read(record: str, make: Callable[[], Result], owner: str | None = None) -> Result | Broken:
    try:
        return make()
    except CorruptRecordError as error:
        return Broken(record, str(error), owner)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _IDS] for start in range(0, len(ids), _IDS))


def _by_size(rows: Iterable[Row], size: Callable[[Row], int]) -> Iterator[list[Row]]:
    """Groups of rows whose sizes add up to a few megabytes."""
    group: list[Row] = []
    total = 0
    for row in rows:
        if group and total + size(row) > _BYTES:
            yield group
            group, total = [], 0
        group.append(row)
        total += size(row)
    if group:
        yield group
