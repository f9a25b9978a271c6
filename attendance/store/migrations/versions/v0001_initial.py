"""People, pictures, templates, attempts, attendance and audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of schema version 1."""
    state = op.create_table(
        "state",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1", name="ck_state_one_row"), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("active_model", sa.String),
    )
    op.bulk_insert(state, [{"id": 1, "revision": 0, "active_model": None}])
    _people()
    _attempts()
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("at_utc", sa.Integer, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("previous", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )


def downgrade() -> None:
    """There is no version before the first."""
    raise NotImplementedError("Version 1 is the first; restore a copy of the file instead.")


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("person_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_key", sa.String, nullable=False),
        sa.Column("external_id", sa.String),
        sa.Column("group", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("consent", sa.Text),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("search_key", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.UniqueConstraint("name_key", name="uq_people_name_key"),
        sa.UniqueConstraint("external_id", name="uq_people_external_id"),
    )
    op.create_index("ix_people_revision", "people", ["revision"])
    op.create_table(
        "removed_people",
        sa.Column("person_id", sa.String, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_removed_people_revision", "removed_people", ["revision"])
    op.create_table(
        "face_images",
        sa.Column("reference_id", sa.String, primary_key=True),
        sa.Column("person_id", sa.String, sa.ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False),
        sa.Column("image_index", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("quality", sa.JSON),
        sa.Column("image_bytes", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("person_id", "image_index", name="uq_face_images_person_index"),
        sa.UniqueConstraint("sha256", name="uq_face_images_sha256"),
    )
    op.create_table(
        "templates",
        sa.Column("model_id", sa.String, primary_key=True),
        sa.Column(
            "reference_id",
            sa.String,
            sa.ForeignKey("face_images.reference_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("failure", sa.Text),
        sa.Column("embedding", sa.LargeBinary),
        sa.CheckConstraint("(failure IS NULL) <> (embedding IS NULL)", name="ck_templates_either"),
    )
    op.create_index("ix_templates_reference", "templates", ["reference_id"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("attempt_id", sa.String, primary_key=True),
        sa.Column("at_utc", sa.Integer, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("records", sa.Boolean, nullable=False),
        sa.Column("entered_name", sa.Text),
        sa.Column("person_id", sa.String),
        sa.Column("person_name", sa.Text),
        sa.Column("nearest_person_id", sa.String),
        sa.Column("distance_l2", sa.Float),
        sa.Column("runner_up_l2", sa.Float),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("model_id", sa.String, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("quality", sa.JSON),
        sa.Column("faces", sa.JSON, nullable=False),
        sa.Column("timings_ms", sa.JSON, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("device", sa.String),
        sa.Column("site", sa.String),
        sa.Column("day", sa.String),
        sa.Column("check_in_at_utc", sa.Integer),
    )
    op.create_index("ix_attempts_at", "attempts", ["at_utc", "attempt_id"])
    op.create_table(
        "attempt_pictures",
        sa.Column("attempt_id", sa.String, sa.ForeignKey("attempts.attempt_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("image_bytes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "attendance",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("timestamp", sa.Integer, nullable=False),
        sa.Column("entered_name", sa.Text, nullable=False),
        sa.Column("matched_identity", sa.Text, nullable=False),
        sa.Column("distance", sa.Float),
        sa.Column("person_id", sa.String),
        sa.Column("attempt_id", sa.String),
        sa.Column("day", sa.String),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("source", sa.String),
        sa.Column("site", sa.String),
        sa.UniqueConstraint("attempt_id", name="uq_attendance_attempt_id"),
    )
    op.create_index("ix_attendance_time", "attendance", ["timestamp", "id"])
    op.create_index("ix_attendance_person_time", "attendance", ["person_id", "timestamp", "id"])
