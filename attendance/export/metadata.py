"""What an export says of itself: how much of what it holds, and the digests of its lists.

Nothing of what could not be read: a database that was restored from the export has none of it, and exports the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attendance.export.layout import FORMAT, Part
from attendance.store.base import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_COUNTED = {
    Part.IMAGES: ("people", "pictures"),
    Part.ATTENDANCE: ("attendance", "attempts"),
    Part.REST: ("audit",),
}


@dataclass(slots=True)
class Told:
    """The content of metadata.json, and of the manifest's end.

    Attributes:
        counts: records, by what they are.
        models: whose templates there are, in which file, and how many.
        identities: the people whose folders have other names than they, by folder.
        parts: what has been exported into this folder.
    """

    counts: dict[str, int] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def keep(self, old: Mapping[str, Any], identities: Callable[[], dict[str, str]], wanted: Collection[Part]) -> None:
        """Take over what the export before said of the parts that were not asked for now."""
        there = set(old.get("parts", ()))
        for part in Part:
            if part in wanted or part not in there:
                continue
            for name in _COUNTED[part]:
                if name in old.get("counts", {}):
                    self.counts[name] = old["counts"][name]
            if part is Part.IMAGES:
                self.models, self.identities = list(old.get("models", ())), identities()
        self.parts = sorted({part.value for part in wanted} | there)

    def as_dict(self, digests: Mapping[str, str]) -> dict[str, Any]:
        """For metadata.json; ``digests`` of the files beside it, by path."""
        return {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "parts": self.parts,
            "counts": self.counts,
            "models": self.models,
            "digests": dict(digests),
        }
