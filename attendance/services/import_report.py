"""What an import did, picture by picture, and in all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ImportStatus(StrEnum):
    """What became of a picture, or of a whole folder."""

    ADDED = "added"
    SKIPPED = "skipped"  # nothing to do: stored already, or not a person's picture
    REFUSED = "refused"  # somebody has to look at it


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of the report.

    Attributes:
        person: the name, or the folder's name where it cannot be a name; empty for what lies in no person's folder.
        picture: the file's name; None where the line is about the whole folder.
        reason: a word for programs: one of ``domain.model.Reason``, or ``new``, ``already_stored``, ``not_a_picture``,
            ``no_person``, ``hidden``, ``outside``, ``name``, ``duplicate_picture``, ``different_people``, ``look_alike``,
            ``no_usable_picture``, ``conflict``, ``unreadable_file``.
        sentence: for people.
    """

    person: str
    picture: str | None
    status: ImportStatus
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ImportLookAlike:
    """A person of the import who resembles somebody enrolled.

    Attributes:
        person: of the import.
        resembles: who is enrolled.
        person_id: of the one who is enrolled.
        distance_l2: between the nearest pair of pictures.
        enrolled: False where they could hardly be told apart and nobody allowed it.
    """

    person: str
    resembles: str
    person_id: str
    distance_l2: float
    enrolled: bool


@dataclass(slots=True)
class ImportReport:
    """The whole of it.

    Attributes:
        people_added: enrolled anew.
        people_extended: were there, and got more pictures.
        people_unchanged: were there, and had everything that can be used.
        people_refused: not enrolled; a line says why.
        stopped: why it ended early, one sentence; None where it did not. What is done stays; the next run goes on.
    """

    rows: list[ImportRow] = field(default_factory=list)
    look_alikes: list[ImportLookAlike] = field(default_factory=list)
    people_added: int = 0
    people_extended: int = 0
    people_unchanged: int = 0
    people_refused: int = 0
    stopped: str | None = None

    def add(self, person: str, picture: str | None, status: ImportStatus, reason: str, sentence: str) -> None:
        """Write one line."""
        self.rows.append(ImportRow(person, picture, status, reason, sentence))

    def totals(self) -> dict[str, int]:
        """Counts of people and of pictures by what became of them."""
        pictures = Counter(row.status for row in self.rows if row.picture is not None)
        return {
            "people_added": self.people_added,
            "people_extended": self.people_extended,
            "people_unchanged": self.people_unchanged,
            "people_refused": self.people_refused,
            "pictures_added": pictures[ImportStatus.ADDED],
            "pictures_skipped": pictures[ImportStatus.SKIPPED],
            "pictures_refused": pictures[ImportStatus.REFUSED],
            "look_alikes": len(self.look_alikes),
        }

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: ``totals``, ``rows``, ``look_alikes``, ``stopped``."""
        return {
            "totals": self.totals(),
            "rows": [{name: getattr(row, name) for name in ImportRow.__slots__} for row in self.rows],
            "look_alikes": [{name: getattr(one, name) for name in ImportLookAlike.__slots__} for one in self.look_alikes],
            "stopped": self.stopped,
        }
