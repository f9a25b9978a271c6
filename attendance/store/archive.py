"""The part of the store's contract for taking everything out, in order and with one broken record never hiding the others.

All of it is raw: older records carry no more than what an older app wrote, and pictures come as the bytes they were stored
as. Text orders are those of Unicode code points, the same on every engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from attendance.domain.model import Attempt, AuditEntry, CheckIn, Kept, Person


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that cannot be read.

    Attributes:
        record: the collection and the record's id, such as ``face_images/65a…``.
        why: one sentence without anything that the record holds.
        person_id: whose it is, of pictures and templates.
    """

    record: str
    why: str
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person with a word that stands for the state of everything that the person has.

    Attributes:
        state: the same as long as neither the person nor a picture nor a template of the person changed; None where that
            cannot be told without reading the pictures, and where it was not asked for. Of pictures that an older app
            wrote it holds ids, times and lengths.
        token: another word after every change that this app makes; None where a snapshot is of one moment.
    """

    person: Person
    state: str | None
    token: str | None = None


class StoredPicture(NamedTuple):
    """One picture of a person.

    Attributes:
        image_index: None where an older app wrote none that can be read.
        older: written by an older app: its id is the database's own choice and says nothing.
        picture: the original bytes; None where the caller said that it knows them.
        sha256: of these bytes, hexadecimal.
    """

    reference_id: str
    person_id: str
    image_index: int | None
    size: int
    sha256: str
    created_at: datetime | None
    quality: Mapping[str, float] | None
    older: bool
    picture: bytes | None


class StoredTemplate(NamedTuple):
    """One model's template of one picture: little-endian float32 bytes, or the reason why there is none."""

    model_id: str
    person_id: str
    reference_id: str
    embedding: bytes | None
    failure: str | None


@dataclass(frozen=True, slots=True, eq=False)
class RestoredPerson:
    """Somebody with pictures, each with its bytes, and templates; pictures of one person may come in several."""

    person: Person
    pictures: Sequence[StoredPicture] = ()
    templates: Sequence[StoredTemplate] = ()


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """An attempt, and the id of the attempt whose check-in it left or repeats."""

    attempt: Attempt
    check_in: str | None


class Snapshot(Protocol):
    """What is in a store. On an engine with transactions everything is of one moment. On others ``changed`` tells whom to
    read again, so that every person is of one moment, and who reads attempts, then attendance records, then people finds
    the record of every attempt, and the person of every record.

    Every method may raise StoreUnavailableError at any step.
    """

    def states(self) -> Iterator[tuple[str, str | None]]:
        """Every person's id and ``Enrolled.state``, by id; quick."""

    def people(self, *, states: bool = True) -> Iterator[Enrolled | Broken]:
        """Everybody, by id; without their states where nobody asks for them, which is quicker."""

    def changed(self, people: Sequence[Enrolled]) -> dict[str, Enrolled | Broken | None]:
        """Those of these people who changed since they were read, by id, as they are now; None: removed."""

    def pictures(
        self, person_ids: Sequence[str], known: Collection[str] = (), *, checked: bool = True
    ) -> Iterator[StoredPicture | Broken]:
        """These people's pictures, one person after another in the order given, a person's in no particular order.

        The bytes of those in ``known`` (reference ids) are left out, unless an older app may have changed them. Where they
        are not ``checked``, the caller has to compare them with their digest.
        """

    def strays(self) -> Iterator[Broken]:
        """Pictures of an older app that can be nobody's, such as those without a name."""

    def templates(self, person_ids: Sequence[str]) -> Iterator[StoredTemplate | Broken]:
        """These people's templates, in no particular order."""

    def check_ins(self) -> Iterator[CheckIn | Broken]:
        """Every attendance record, in no particular order. One of an older app has no ``person_id``, but where its person
        has another name by now."""

    def attempts(self, only: Sequence[str] | None = None) -> Iterator[StoredAttempt | Broken]:
        """Every attempt, or only those of these ids that are there, in no particular order."""

    def audit(self) -> Iterator[AuditEntry | Broken]:
        """Every entry, oldest first."""

    def kept(self, kind: str) -> list[Kept]:
        """As ``Memory.all_kept``."""

    def active_model(self) -> str | None:
        """As ``Store.active_model``."""

    def removed(self, person_ids: Sequence[str]) -> set[str]:
        """Which of these ids belonged to people who were removed."""


class Archive(Protocol):
    """Taking everything out, and putting it back.

    What is put back keeps its ids, times and reviews; what is there already, by its id, stays as it is, so that all of it
    can be done once more after a kill. Each call is all or nothing on SQLite and a person at a time on MongoDB, and durable
    when it returns. Galleries hear of it.
    """

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Read everything; nothing is written meanwhile by the one who reads."""

    def restore_people(self, people: Sequence[RestoredPerson]) -> None:
        """Put people, pictures and templates back. Pictures are added to somebody who is there; where their index is taken,
        with the next one that is free. Somebody who was removed is there again.

        Raises:
            PersonExistsError: a name or staff number is somebody else's.
        """

    def restore_check_ins(self, records: Sequence[tuple[CheckIn, int]]) -> None:
        """Put attendance records back; of those without an attempt's id as many as are missing to the number given."""

    def restore_attempts(self, attempts: Sequence[StoredAttempt]) -> None:
        """Put attempts back, once the check-ins are that they left."""

    def restore_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Put entries back as they were, digests included."""

    def restore_kept(self, entries: Sequence[Kept]) -> None:
        """Put entries back with their versions."""
