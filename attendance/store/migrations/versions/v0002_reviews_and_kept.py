"""Reviews of attempts, what the server has to remember, and indices for pages of records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Which record an attempt made or repeats was looked up by person and time; from now on it is written down.
_LINK_RECORDED = """
    UPDATE attempts SET check_in_id = (SELECT id FROM attendance WHERE attendance.attempt_id = attempts.attempt_id)
    WHERE outcome = 'recorded'
"""
_LINK_REPEATED = """
    UPDATE attempts SET check_in_id = (
        SELECT min(id) FROM attendance
        WHERE attendance.person_id = attempts.person_id AND attendance.timestamp = attempts.check_in_at_utc
    )
    WHERE outcome = 'already'
"""


def upgrade() -> None:
    """Add to the tables of schema version 1; nothing in them is lost."""
    op.add_column("attempts", sa.Column("review", sa.String, nullable=False, server_default="none"))
    op.add_column("attempts", sa.Column("reviewed_by", sa.Text))
    op.add_column("attempts", sa.Column("reviewed_at_utc", sa.Integer))
    op.add_column("attempts", sa.Column("check_in_id", sa.Integer))
    op.execute(_LINK_RECORDED)
    op.execute(_LINK_REPEATED)
    op.drop_index("ix_attempts_at", "attempts")
    filtered = ["outcome", "review", "decision", "reason", "model_id"]
    op.create_index("ix_attempts_filter", "attempts", ["at_utc", "attempt_id", "person_id", *filtered])
    op.create_index("ix_attempts_person", "attempts", ["person_id", "at_utc", "attempt_id", *filtered])
    op.create_index("ix_attempts_check_in", "attempts", ["check_in_id", *filtered])
    op.create_index("ix_people_name", "people", ["name"])
    op.create_index("ix_attendance_name", "attendance", ["matched_identity", "person_id", "timestamp", "id"])
    op.create_table(
        "kept",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer),
    )
    op.create_index("ix_kept_expires", "kept", ["expires_at"])


def downgrade() -> None:
    """An older version of the app would not know what a void check-in means."""
    raise NotImplementedError("There is no way back to version 1; restore a copy of the file instead.")
