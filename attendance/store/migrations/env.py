"""What Alembic runs: the migrations on the connection, and in the transaction, of ``store.sql_migrate``."""

from __future__ import annotations

from alembic import context

from attendance.store.sql_schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
