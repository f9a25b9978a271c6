"""What the store keeps: people, references, templates, attempts, check-ins, audit. Times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attendance.domain.vocabulary import PersonStatus, Review

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.recognition import Quality
    from attendance.domain.vocabulary import Decision, Mode, Outcome, Reason


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is enrolled.

    Attributes:
        person_id: never changes and is never used again.
        name: shown and entered; unique without regard to case, width and accents' composition.
        external_id: staff number, unique where given.
        group: such as a department.
        status: only active people are compared.
        created_at: UTC.
        reference_count: pictures that are stored of this person.
        consent: what was recorded about consent, or None.
    """

    person_id: str
    name: str
    external_id: str | None = None
    group: str | None = None
    status: PersonStatus = PersonStatus.ACTIVE
    created_at: datetime | None = None
    reference_count: int = 0
    consent: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """One stored picture of a person, without its bytes."""

    reference_id: str
    person_id: str
    image_index: int
    size: int
    created_at: datetime | None = None
    sha256: str | None = None
    quality: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NewReference:
    """One picture that is about to be stored with its template.

    Attributes:
        picture: the original bytes, stored unchanged.
        sha256: of those bytes, hexadecimal.
        embedding: float32, shape (dimension,).
        quality: of the face.
        label: what the caller called the picture; for messages, not stored.
    """

    picture: bytes
    sha256: str
    embedding: NDArray[np.float32]
    quality: Quality | None
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PersonTemplates:
    """All templates of one person under one model id, as the gallery takes them.

    Attributes:
        embeddings: float32, shape (n, dimension), n >= 0, in the order of ``reference_ids``.
    """

    person_id: str
    name: str
    status: PersonStatus
    reference_ids: tuple[str, ...]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission of a picture, accepted or not, as it is stored. ``attempt_id`` is also its idempotency key."""

    attempt_id: str
    at_utc: datetime
    mode: Mode
    decision: Decision
    reason: Reason
    outcome: Outcome
    records: bool  # False for `verify` and `identify`, which never leave an attendance record
    entered_name: str | None
    person_id: str | None
    person_name: str | None
    nearest_person_id: str | None
    distance_l2: float | None
    runner_up_l2: float | None
    threshold: float
    model_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, float] | None = None
    faces: tuple[Mapping[str, Any], ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    source: str = "cli"  # cli, kiosk, page
    device: str | None = None
    site: str | None = None
    day: str | None = None  # the site's local date, YYYY-MM-DD
    check_in_at_utc: datetime | None = None  # of the record this attempt made, or of the earlier one it repeats
    review: Review = Review.NONE
    reviewed_by: str | None = None  # ``kiosk`` for the person at the door, else the operator
    reviewed_at_utc: datetime | None = None
    session: str | None = None  # the tracked session it was made in; None: tracking was off, and it is never sent


@dataclass(frozen=True, slots=True)
class Numbered:
    """An attempt with its number.

    Attributes:
        number: 1, 2, ... over the whole store, durable, the same at every sending; the step in MLflow.
        attempt: as it is stored, with its session.
    """

    number: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The attendance record that an accepted attempt leaves. The first four fields are those of older databases.

    ``distance`` is None where an older app wrote none that can be read.
    """

    timestamp: datetime
    entered_name: str
    matched_identity: str
    distance: float | None
    person_id: str | None = None
    attempt_id: str | None = None
    day: str | None = None
    kind: str = "check-in"
    source: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Something small that the server has to remember across restarts: a session, a paired screen, a saved setting.

    Attributes:
        kind: what it is, such as ``session``; with ``key`` it names one entry.
        value: plain values only, at most 64 KiB as JSON.
        version: 1 for the first, one more with each change; never used again while the entry exists.
        expires_at: from then on the entry counts as gone; None: it stays.
    """

    kind: str
    key: str
    value: Mapping[str, Any]
    version: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which attempts or check-ins are asked for; what is None does not narrow.

    Attributes:
        since: included.
        until: not included.
        person_ids: of these people; an empty set fits nobody. Check-ins of older databases that carry only a name count as
            the person's of that name.
        decision, reason, outcome, review: of the attempt. A check-in has its attempt's review; those of older databases
            have none, and fit no decision, reason or outcome but ``accepted``, ``match`` and ``recorded``.
        model_id: attempts decided with this model.
    """

    since: datetime | None = None
    until: datetime | None = None
    person_ids: frozenset[str] | None = None
    decision: Decision | None = None
    reason: Reason | None = None
    outcome: Outcome | None = None
    review: Review | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that an operator did, each carrying the hash of the one before.

    Attributes:
        sequence: 1 for the first.
        digest: SHA-256, hexadecimal, over the previous digest and this entry's other fields.
    """

    sequence: int
    at_utc: datetime
    actor: str
    action: str
    details: Mapping[str, Any]
    previous: str
    digest: str
