"""What an export did, for the one who started it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from attendance.store.archive import Broken

Line = TypeVar("Line", str, bytes)
SHOWN = 100  # broken records that are named one by one


@dataclass(slots=True)
class Difference:
    """How one version differs from the one before."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"added": self.added, "changed": self.changed, "removed": self.removed}


@dataclass(slots=True)
class Problems:
    """Records that could not be read and are left out.

    Attributes:
        counts: how many, by collection.
        first: the first so many, each its record and why.
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: list[dict[str, str]] = field(default_factory=list)

    def add(self, broken: Broken) -> None:
        """One more."""
        collection = broken.record.partition("/")[0]
        self.counts[collection] = self.counts.get(collection, 0) + 1
        if len(self.first) < SHOWN:
            self.first.append({"record": broken.record, "why": broken.why})

    @property
    def total(self) -> int:
        """How many."""
        return sum(self.counts.values())


@dataclass(slots=True)
class Summary:
    """The result of one export.

    Attributes:
        changed: whether the folder is, or with ``dry_run`` would be, another one than before.
        repaired: files that were not what the export before had said of them, or were missing, and are written anew.
        counts: what the export holds.
    """

    folder: Path
    dry_run: bool
    changed: bool
    people: Difference
    pictures: Difference
    counts: dict[str, int]
    files_written: int
    repaired: list[str]
    problems: Problems

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "folder": str(self.folder),
            "dry_run": self.dry_run,
            "changed": self.changed,
            "people": self.people.as_dict(),
            "pictures": self.pictures.as_dict(),
            "counts": self.counts,
            "files_written": self.files_written,
            "repaired": self.repaired,
            "left_out": {"total": self.problems.total, **self.problems.counts, "first": self.problems.first},
        }


def difference(before: Iterator[Line], after: Iterator[Line], key: Callable[[Line], Any]) -> Difference:
    """Of two lists of lines, each sorted by its unique keys; keys are asked for only where lines differ."""
    found = Difference()
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if old == new:
            old, new = next(before, None), next(after, None)
        elif new is None or (old is not None and key(old) < key(new)):
            found.removed += 1
            old = next(before, None)
        elif old is None or key(new) < key(old):
            found.added += 1
            new = next(after, None)
        else:
            found.changed += 1
            old, new = next(before, None), next(after, None)
    return found
