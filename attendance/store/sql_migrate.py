"""Bring the database file to the schema of this version, once, whichever process comes first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from attendance import migrations
from attendance.errors import StoreError
from attendance.store.sql_schema import HEAD

if TYPE_CHECKING:
    from attendance.store.sql_database import Database

FOLDER = Path(__file__).with_name("migrations")


def migrate(database: Database) -> None:
    """Run the migrations that the file does not have yet, in one transaction: all or nothing.

    Raises:
        StoreError: the file was written by a newer version, or belongs to another program.
        StoreUnavailableError, CorruptRecordError: as for every method of a store.
    """
    with database.read() as connection:
        if _version(connection, database.path) == HEAD:
            return
    with database.write() as connection:
        if _version(connection, database.path) != HEAD:  # another process may have been quicker
            _upgrade(connection)


def _version(connection: sa.Connection, path: Path) -> str | None:
    """The file's schema version as Alembic writes it, None where the file is new."""
    tables = set(connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    if not tables:
        return None
    version = None
    if "alembic_version" in tables:
        version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if version is None or not str(version).isdigit():
        raise StoreError(f"{path} is a database of another program. Choose another file in ATTEND_STORE_URL.")
    if int(version) > int(HEAD):
        raise StoreError(
            f"{path} was written by a newer version of this app (schema {int(version)}; this one knows {int(HEAD)}). "
            "Update the app."
        )
    return str(version)


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    with migrations.alone():
        command.upgrade(config, "head")
