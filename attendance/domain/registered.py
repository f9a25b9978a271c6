"""Versions of the recogniser in a registry, as the rooms tell each other of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NAME: Final = "face-recogniser"
CHAMPION: Final = "champion"  # alias of the version that decides
CHALLENGER: Final = "challenger"  # alias of the one that may take its place


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version.

    Attributes:
        number: 1, 2, … as the registry counts.
        aliases: that point to it now.
        tags: what is said of it; see docs/registry.md.
        made_at_utc: when it was registered.
    """

    number: int
    aliases: tuple[str, ...]
    made_at_utc: datetime
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the recogniser in it (``Recogniser.digest``); empty where somebody else registered it."""
        return self.tags.get("digest", "")
