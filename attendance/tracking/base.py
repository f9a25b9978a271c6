"""What others may know of the tracking of attempts: sessions, numbered attempts, and the sink that they are sent to.

A session is a run in MLflow, with a child run for each parameter set, because a parameter can't change within a run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from attendance.domain.model import Numbered
from attendance.errors import TrackingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from attendance.domain.model import Attempt

__all__ = ["AttemptSink", "AttemptsRefusedError", "Dataset", "Numbered", "Remembered", "Session", "Summary", "parameter_set"]

_DIGITS = 10  # hexadecimal, of SHA-256: 40 bits, plenty for the few parameter sets that a session has


@dataclass(frozen=True, slots=True)
class Session:
    """One server start, or one operator's experiment, in which attempts are made.

    Attributes:
        session_id: never used again.
        name: as people read it in the list of runs.
        started_at_utc: aware, in UTC.
        site: where, or None.
    """

    session_id: str
    name: str
    started_at_utc: datetime
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """How many pictures are enrolled, and of how many people."""

    images: int
    identities: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole session, or one of its parameter sets, came to.

    Attributes:
        attempts: how many.
        accepted: how many of them were accepted.
        distances: ``p05``, ``p25``, ``p50``, ``p75`` and ``p95`` (L2) of those attempts that have a distance; empty where
            none has.
    """

    attempts: int
    accepted: int
    distances: Mapping[str, float]


class Remembered(Protocol):
    """Small texts that outlive the process, such as the ids of runs, because making a run is not idempotent."""

    def recall(self, key: str) -> str | None:
        """What was remembered under this key, or None."""

    def remember(self, key: str, value: str) -> str:
        """Keep a text, unless there is one already: the first write wins, and what is kept is returned. Durable."""


class AttemptsRefusedError(TrackingError):
    """The destination answered, and says that what it was sent is wrong: the same again would be refused again.

    Attributes:
        numbers: of the attempts that were in what was refused; one of them, or what they share, is at fault.
    """

    def __init__(self, message: str, *, numbers: frozenset[int]) -> None:
        super().__init__(message)
        self.numbers = numbers


class AttemptSink(Protocol):
    """Where attempts are sent to. One thread uses it at a time.

    Every method raises TrackingError where the destination did not take it; the same call is then made again later.
    """

    def send(self, session: Session, batch: Sequence[Numbered], dataset: Dataset) -> None:
        """Send attempts of one session, in the order of their numbers. The same batch again must not show.

        Raises:
            AttemptsRefusedError: some of them will never be taken as they are; the others may have arrived.
        """

    def set_aside(self, session: Session, count: int) -> None:
        """Say on the session's run how many of its attempts were refused. Where the destination does not take that either,
        it is not the attempts that are at fault."""

    def summarise(self, session: Session, parameter_set: str | None, summary: Summary) -> None:
        """Put a summary on the run of a parameter set, or (None) on the session's own."""

    def finish(self, session: Session) -> None:
        """End the runs of a session; they are then FINISHED. Ending them again changes nothing."""

    def answers(self) -> bool:
        """Whether anything is there, asked quickly and without an error: a hint on when to try again, no more."""

    def close(self) -> None:
        """Give back connections. The sink is not used afterwards."""


def parameter_set(attempt: Attempt) -> str:
    """A short digest of everything that an experiment may change: model id with its versions, parameters, threshold.

    The same for all attempts that were decided alike, in all processes and for ever; it names the child run.
    """
    decided_by = {"model": attempt.model_id, "parameters": dict(attempt.parameters), "threshold": attempt.threshold}
    text = json.dumps(decided_by, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
