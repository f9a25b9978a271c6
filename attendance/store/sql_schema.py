"""The tables of the embedded database, as the newest migration leaves them; a test holds the two to each other.

Times are whole milliseconds since 1970 in UTC, mappings are JSON, embeddings little-endian float32. The bytes of pictures
are the last columns of their tables, so that reading the others does not walk over them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    and_,
    text,
)

from attendance.domain.model import Outcome
from attendance.errors import CorruptRecordError
from attendance.store.codec import from_ms, ms_since_epoch

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

HEAD = "0003"  # the newest migration, whose number is also the schema version


UNKNOWN = datetime.min.replace(tzinfo=UTC)  # when an older app's picture was made that does not say when
UNKNOWN_MS = ms_since_epoch(UNKNOWN)


class Milliseconds(TypeDecorator[Any]):
    """An aware datetime in UTC, kept as whole milliseconds since 1970; UNKNOWN_MS is told as None."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's name
        """Into the database."""
        return None if value is None else ms_since_epoch(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the same
        """Out of the database."""
        return None if value is None or value == UNKNOWN_MS else from_ms(value, "the database file")


def dump_json(value: Any) -> str:
    """Compact JSON, letters of every script as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def load_json(data: str | bytes) -> Any:
    """Raises CorruptRecordError."""
    try:
        return json.loads(data)
    except (TypeError, ValueError) as error:
        raise CorruptRecordError("The database file holds a record that is damaged.", record="the database file") from error


metadata = MetaData()
_json = JSON(none_as_null=True)

# One row: what the galleries watch. Every change of a person, a name or a template takes the next revision.
state = Table(
    "state",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="ck_state_one_row"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("active_model", String),
    Column("numbered", Integer, nullable=False, server_default="0"),  # the last number that an attempt got
)

people = Table(
    "people",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("external_id", String),
    Column("group", String),
    Column("status", String, nullable=False),
    Column("consent", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("search_key", Text, nullable=False),  # name, staff number and group, folded by name_key, one a line
    Column("revision", Integer, nullable=False),
    UniqueConstraint("name_key", name="uq_people_name_key"),
    UniqueConstraint("external_id", name="uq_people_external_id"),
    Index("ix_people_revision", "revision"),
    Index("ix_people_name", "name"),
)

# Who is gone, so that a gallery that asks later learns of it; no name, no picture.
removed_people = Table(
    "removed_people",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Index("ix_removed_people_revision", "revision"),
)

face_images = Table(
    "face_images",
    metadata,
    Column("reference_id", String, primary_key=True),
    Column("person_id", String, ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False),
    Column("image_index", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("sha256", String, nullable=False),
    Column("quality", _json),
    Column("image_bytes", LargeBinary, nullable=False),
    UniqueConstraint("person_id", "image_index", name="uq_face_images_person_index"),
    UniqueConstraint("sha256", name="uq_face_images_sha256"),
)

# Apart from the pictures: reading all templates would otherwise walk over all pictures.
templates = Table(
    "templates",
    metadata,
    Column("model_id", String, primary_key=True),
    Column("reference_id", String, ForeignKey("face_images.reference_id", ondelete="CASCADE"), primary_key=True),
    Column("failure", Text),
    Column("embedding", LargeBinary),
    CheckConstraint("(failure IS NULL) <> (embedding IS NULL)", name="ck_templates_either"),
    Index("ix_templates_reference", "reference_id"),
)

# What a RecordFilter narrows besides time and people.
FILTERED = ("outcome", "review", "decision", "reason", "model_id")

# person_id is no foreign key here and in attendance: records outlive the people.
attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", String, primary_key=True),
    Column("at_utc", Milliseconds, nullable=False),
    Column("mode", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("records", Boolean, nullable=False),
    Column("entered_name", Text),
    Column("person_id", String),
    Column("person_name", Text),
    Column("nearest_person_id", String),
    Column("distance_l2", Float),
    Column("runner_up_l2", Float),
    Column("threshold", Float, nullable=False),
    Column("model_id", String, nullable=False),
    Column("parameters", _json, nullable=False),
    Column("quality", _json),
    Column("faces", _json, nullable=False),
    Column("timings_ms", _json, nullable=False),
    Column("source", String, nullable=False),
    Column("device", String),
    Column("site", String),
    Column("day", String),
    Column("check_in_at_utc", Milliseconds),
    Column("review", String, nullable=False, server_default="none"),
    Column("reviewed_by", Text),
    Column("reviewed_at_utc", Milliseconds),
    Column("check_in_id", Integer),  # the attendance record that this attempt made or repeats
    Column("session", String),
    Column("number", Integer),
    Column("waiting", Boolean),  # to be sent; NULL for what was sent or never is, so that the index holds the others alone
    # Each holds all that a filter asks for, so that counts and the search for a page's ids do not read the wide rows.
    Index("ix_attempts_filter", "at_utc", "attempt_id", "person_id", *FILTERED),
    Index("ix_attempts_person", "person_id", "at_utc", "attempt_id", *FILTERED),
    Index("ix_attempts_check_in", "check_in_id", *FILTERED),
    Index("ix_attempts_waiting", "number", "at_utc", "attempt_id", sqlite_where=text("waiting IS NOT NULL")),
    Index("ix_attempts_session", "session", "number", sqlite_where=text("number IS NOT NULL")),
)

attempt_pictures = Table(
    "attempt_pictures",
    metadata,
    Column("attempt_id", String, ForeignKey("attempts.attempt_id", ondelete="CASCADE"), primary_key=True),
    Column("image_bytes", LargeBinary, nullable=False),
)

attendance = Table(
    "attendance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Milliseconds, nullable=False),
    Column("entered_name", Text, nullable=False),
    Column("matched_identity", Text, nullable=False),
    Column("distance", Float),
    Column("person_id", String),
    Column("attempt_id", String),
    Column("day", String),
    Column("kind", String, nullable=False),
    Column("source", String),
    Column("site", String),
    UniqueConstraint("attempt_id", name="uq_attendance_attempt_id"),
    Index("ix_attendance_time", "timestamp", "id"),
    Index("ix_attendance_person_time", "person_id", "timestamp", "id"),
    Index("ix_attendance_name", "matched_identity", "person_id", "timestamp", "id"),
)

# The attempt that left an attendance record: others that repeat it have its id too.
LEFT_BY = and_(attempts.c.check_in_id == attendance.c.id, attempts.c.outcome == Outcome.RECORDED.value)

# Sessions, paired screens, saved settings; value is JSON text.
kept = Table(
    "kept",
    metadata,
    Column("kind", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("expires_at", Milliseconds),
    Index("ix_kept_expires", "expires_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("at_utc", Milliseconds, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("details", _json, nullable=False),
    Column("previous", String, nullable=False),
    Column("digest", String, nullable=False),
)
