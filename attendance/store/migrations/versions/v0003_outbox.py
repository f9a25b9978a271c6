"""The session of an attempt, its number, and whether it waits to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to the tables of schema version 2. Attempts of before were made in no session, so none of them waits."""
    op.add_column("state", sa.Column("numbered", sa.Integer, nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("session", sa.String))
    op.add_column("attempts", sa.Column("number", sa.Integer))
    op.add_column("attempts", sa.Column("waiting", sa.Boolean))
    waiting, has_number = sa.text("waiting IS NOT NULL"), sa.text("number IS NOT NULL")
    op.create_index("ix_attempts_waiting", "attempts", ["number", "at_utc", "attempt_id"], sqlite_where=waiting)
    op.create_index("ix_attempts_session", "attempts", ["session", "number"], sqlite_where=has_number)


def downgrade() -> None:
    """An older version of the app would leave what waits unsent, and count as if nothing did."""
    raise NotImplementedError("There is no way back to version 2; restore a copy of the file instead.")
