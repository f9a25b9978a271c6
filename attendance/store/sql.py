"""The embedded store: one SQLite file, through SQLAlchemy Core, migrated by Alembic. Made of parts that share the file."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from attendance.errors import SettingsError
from attendance.store.base import SCHEMA_VERSION, StoreInfo
from attendance.store.sql_archive import SqlArchive
from attendance.store.sql_attempts import SqlAttempts
from attendance.store.sql_audit import SqlAudit
from attendance.store.sql_database import Database
from attendance.store.sql_gallery import SqlGallery
from attendance.store.sql_kept import SqlKept
from attendance.store.sql_migrate import migrate
from attendance.store.sql_outbox import SqlOutbox
from attendance.store.sql_people import SqlPeople
from attendance.store.sql_records import SqlRecords
from attendance.store.sql_references import SqlReferences
from attendance.store.sql_restore import SqlRestore

PREFIX = "sqlite:///"


class SqlStore:
    """Implements ``store.base.Store``. Each part implements its methods; here they are put together."""

    def __init__(self, database: Database) -> None:  # noqa: PLR0915  # a list of the contract's methods
        self._database = database
        people, references = SqlPeople(database), SqlReferences(database)
        gallery, attempts, records = SqlGallery(database), SqlAttempts(database), SqlRecords(database)
        outbox, kept, audit = SqlOutbox(database), SqlKept(database), SqlAudit(database)

        self.add_person = people.add_person
        self.person = people.person
        self.find_person = people.find_person
        self.people = people.people
        self.count_people = people.count_people
        self.update_person = people.update_person
        self.remove_person = people.remove_person

        self.add_references = references.add_references
        self.remove_reference = references.remove_reference
        self.references = references.references
        self.picture = references.picture
        self.picture_owner = references.picture_owner
        self.references_without_template = references.references_without_template
        self.count_references = references.count_references

        self.put_templates = gallery.put_templates
        self.template_coverage = gallery.template_coverage
        self.active_model = gallery.active_model
        self.activate_model = gallery.activate_model
        self.gallery_changes = gallery.gallery_changes

        self.settle = attempts.settle
        self.attempt = attempts.attempt
        self.attempt_picture = attempts.attempt_picture
        self.set_review = attempts.set_review

        self.attempts = records.attempts
        self.check_ins = records.check_ins
        self.count_check_ins = records.count_check_ins
        self.attempt_page = records.attempt_page
        self.count_attempts = records.count_attempts
        self.check_in_page = records.check_in_page
        self.last_seen = records.last_seen

        self.number_attempts = outbox.number_attempts
        self.unsent = outbox.unsent
        self.numbered = outbox.numbered
        self.mark_sent = outbox.mark_sent
        self.outbox = outbox.outbox

        self.keep = kept.keep
        self.kept = kept.kept
        self.all_kept = kept.all_kept
        self.forget = kept.forget
        self.forget_expired = kept.forget_expired

        self.snapshot = SqlArchive(database).snapshot
        restore = SqlRestore(database)
        self.restore_people = restore.restore_people
        self.restore_check_ins = restore.restore_check_ins
        self.restore_attempts = restore.restore_attempts
        self.restore_audit = restore.restore_audit
        self.restore_kept = restore.restore_kept

        self.append_audit = audit.append_audit
        self.audit = audit.audit

    @classmethod
    def open(cls, url: str, timeout_s: float) -> SqlStore:
        """Open ``sqlite:///relative/to/the/working/directory.db`` or ``sqlite:////absolute.db``, made where it is missing.

        Args:
            url: the whole of what follows the third slash is the path, taken as it stands.
            timeout_s: how long a call may wait for the file.

        Raises:
            SettingsError: the URL names no file.
            StoreUnavailableError, CorruptRecordError: the file cannot be used.
            StoreError: it was written by a newer version, or by another program.
        """
        name = url.removeprefix(PREFIX)
        if name == url or not name.strip() or name.endswith("/") or name.startswith(":memory:") or "?" in name:
            raise SettingsError(
                "ATTEND_STORE_URL: write sqlite:///folder/file.db, or sqlite:////folder/file.db for an absolute path; "
                "options are not taken, and memory keeps nothing.",
                name="ATTEND_STORE_URL",
            )
        database = Database(Path(name).absolute(), timeout_s)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def info(self) -> StoreInfo:
        """A round trip to the file."""
        with self._database.read() as connection:
            version = str(connection.scalar(sa.text("SELECT sqlite_version()")))
            connection.execute(sa.text("SELECT revision FROM state")).one()
        return StoreInfo("sqlite", f"{PREFIX}{self._database.path}", version, SCHEMA_VERSION, self._database.details())

    def require_whole(self) -> None:
        """See ``Store.require_whole``."""
        self._database.require_whole()
