"""The contract of a store, in the words of the services. No query language here; tests/contract holds every engine to it.

Every method may raise StoreUnavailableError within about three seconds when the database is away, and CorruptRecordError.
What returned is durable: a synced WAL on SQLite, majority and journal on MongoDB. Every method may be called by several
threads at once. Times go in and come out as aware datetimes in UTC, to the millisecond (what MongoDB keeps).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from attendance.store.archive import Archive
from attendance.store.memory import Memory
from attendance.store.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.model import (
        Attempt,
        AuditEntry,
        CheckIn,
        NewReference,
        Outcome,
        Person,
        PersonStatus,
        PersonTemplates,
        RecordFilter,
        Reference,
        Review,
    )

SCHEMA_VERSION = 3


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself.

    Attributes:
        engine: ``sqlite`` or ``mongodb``.
        location: the URL without user name, password and options.
        version: of the database engine.
        schema_version: of the data.
        details: more for `doctor`, such as whether the server has transactions.
    """

    engine: str
    location: str
    version: str
    schema_version: int
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class GalleryChanges:
    """What a gallery has to take over since it last asked.

    Attributes:
        cursor: give it back the next time; opaque.
        active_model: the model id whose templates decide, or None before the first enrolment.
        changed: people whose name, status or templates may have changed, each with all templates of the asked model.
            An inactive person is among them, with that status.
        removed: ids of people who are gone.
    """

    cursor: str
    active_model: str | None
    changed: tuple[PersonTemplates, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TemplateCoverage:
    """How many stored pictures have a template of one model, and for how many it was tried in vain."""

    model_id: str
    references: int
    templates: int
    failed: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an attempt: the attempt as it is stored, and the check-in it left or repeats.

    Attributes:
        replayed: True where this attempt id had been settled before; the answer is then the same as the first time.
    """

    outcome: Outcome
    attempt: Attempt
    check_in: CheckIn | None
    replayed: bool


class Store(Memory, Archive, Outgoing, Protocol):
    """People, references, templates, attempts, attendance, audit, what the server remembers, and what has to be sent."""

    def close(self) -> None:
        """Give back connections and files. The store is not used afterwards."""

    def info(self) -> StoreInfo:
        """Ask the database who it is; a round trip, so also the test of whether it is there."""

    def require_whole(self) -> None:
        """Look through the whole file for damage, which may lie where no question has come for long; seconds a gigabyte.

        A server looks after its own files: one is not asked.

        Raises:
            CorruptRecordError: something in it is damaged.
        """

    # People -------------------------------------------------------------------------------------------------------

    def add_person(self, person: Person, references: Sequence[NewReference], model_id: str) -> Person:
        """Store a person with pictures and templates: all of it or nothing, also across a kill.

        The first template ever stored makes ``model_id`` the active model. Reference ``image_index`` counts from 0.

        Raises:
            PersonExistsError: the name or the staff number is taken.
            DuplicatePictureError: one of the pictures is stored already, or given twice.
        """

    def add_references(self, person_id: str, references: Sequence[NewReference], model_id: str) -> list[Reference]:
        """Store more pictures of a person: all or nothing.

        Raises:
            PersonNotFoundError, DuplicatePictureError.
        """

    def remove_reference(self, reference_id: str) -> None:
        """Remove one picture with its templates. Removing what is not there is not an error."""

    def person(self, person_id: str) -> Person:
        """Raises PersonNotFoundError."""

    def find_person(self, key: str) -> Person:
        """The person of this name (compared by ``domain.names.name_key``) or, where no name fits, this staff number.

        Raises:
            PersonNotFoundError.
        """

    def people(
        self, *, search: str = "", status: PersonStatus | None = None, limit: int | None = None, offset: int = 0
    ) -> list[Person]:
        """People by name; ``search`` is looked for, as plain text, in name, staff number and group."""

    def count_people(self) -> int:
        """How many people are enrolled, active or not."""

    def update_person(
        self,
        person_id: str,
        *,
        name: str | None = None,
        external_id: str | None = None,
        group: str | None = None,
        status: PersonStatus | None = None,
    ) -> Person:
        """Change what is not None. Attendance records keep the name they were written with.

        Raises:
            PersonNotFoundError, PersonExistsError.
        """

    def remove_person(self, person_id: str) -> Person:
        """Remove a person with all pictures and templates. Attendance and attempts stay. Finished at the next start if
        the process dies half-way; from the first moment the person is in no gallery.

        Raises:
            PersonNotFoundError.
        """

    # References and templates -------------------------------------------------------------------------------------

    def references(self, person_id: str) -> list[Reference]:
        """The person's pictures by ``image_index``, without bytes."""

    def picture(self, reference_id: str) -> bytes:
        """The original bytes of one reference. Raises PersonNotFoundError where it is gone."""

    def picture_owner(self, sha256: str) -> Person | None:
        """Whose picture has this digest."""

    def references_without_template(self, model_id: str, *, limit: int = 100, after: str | None = None) -> list[Reference]:
        """References that have no template of this model and for which it has not been tried in vain, ordered by
        reference id, those behind ``after``.
        """

    def put_templates(self, model_id: str, embeddings: Mapping[str, NDArray[np.float32] | str]) -> None:
        """Store templates by reference id; a string instead of an embedding says why none can be made. The last one wins."""

    def template_coverage(self) -> list[TemplateCoverage]:
        """One entry for each model id that has templates."""

    def count_references(self) -> int:
        """How many pictures are stored."""

    def active_model(self) -> str | None:
        """The model id whose templates decide; None before the first enrolment."""

    def activate_model(self, model_id: str) -> None:
        """Let the templates of this model decide from now on, in all processes, at once."""

    def gallery_changes(self, model_id: str, cursor: str | None = None) -> GalleryChanges:
        """What changed since ``cursor`` (None: everything), for a gallery of ``model_id``. Cheap when nothing did. A person
        may be listed again though nothing changed; a change is never left out.
        """

    # Attempts and attendance --------------------------------------------------------------------------------------

    def settle(self, attempt: Attempt, cooldown_s: float, picture: bytes | None = None) -> Settlement:
        """Store an attempt and, where it is accepted and records, the check-in; durable before this returns.

        ``picture`` is kept with the attempt where it is given.

        Exactly one of the accepted attempts of a person within ``cooldown_s`` seconds leaves a check-in (outcome
        ``recorded``), whichever process or thread they come from; the others get ``already`` with that check-in. The same
        ``attempt_id`` again gives the first answer again and stores nothing. An earlier check-in that lies in the future
        by more than the cooldown (a clock that was set back) does not block.

        Raises:
            PersonNotFoundError: the accepted person has been removed, or is inactive, in the meantime; nothing is stored.
        """

    def attempt(self, attempt_id: str) -> Attempt | None:
        """One attempt, or None where it never arrived."""

    def attempt_picture(self, attempt_id: str) -> bytes | None:
        """The picture that was kept with an attempt, if one was."""

    def attempts(
        self, *, since: datetime | None = None, until: datetime | None = None, limit: int | None = None
    ) -> Iterator[Attempt]:
        """Attempts from ``since`` (included) to ``until`` (not included), oldest first; with a limit, the latest that many,
        still oldest first."""

    def check_ins(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckIn]:
        """Attendance records, those of older databases included, from ``since`` (included) to ``until`` (not included),
        oldest first; with a limit, the latest that many, still oldest first. By person: also the records of older
        databases that carry only that person's name.
        """

    def count_check_ins(self, which: RecordFilter | None = None) -> int:
        """How many attendance records there are, or how many of them fit."""

    def attempt_page(self, which: RecordFilter, *, limit: int, offset: int = 0) -> list[Attempt]:
        """Attempts that fit, newest first, without the first ``offset``; quick among 100,000 records."""

    def count_attempts(self, which: RecordFilter) -> int:
        """How many attempts fit."""

    def check_in_page(self, which: RecordFilter, *, limit: int, offset: int = 0) -> list[tuple[CheckIn, Attempt | None]]:
        """Attendance records that fit, newest first, each with the attempt that left it (None in older databases)."""

    def last_seen(self, person_ids: Collection[str]) -> dict[str, datetime]:
        """The time of each person's latest check-in that is not void; who never checked in is not in the answer."""

    def set_review(self, attempt_id: str, review: Review, *, actor: str, at_utc: datetime, expected: Review) -> Attempt:
        """Change what is thought of an attempt, if it is still ``expected``; durable before this returns.

        A check-in that is disputed or void no longer begins a cooldown: the next accepted attempt of that person records.

        Raises:
            ConflictError: the review is another one by now, or there is no such attempt.
        """

    # Audit --------------------------------------------------------------------------------------------------------

    def append_audit(self, actor: str, action: str, details: Mapping[str, Any], at_utc: datetime) -> AuditEntry:
        """Add an entry that carries the hash of the one before."""

    def audit(self) -> Iterator[AuditEntry]:
        """All entries, oldest first."""
