"""The part of the store's contract for what the server itself has to remember: sessions, paired screens, saved settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from attendance.domain.model import Kept


class Memory(Protocol):
    """Small entries by kind and key, each changed by compare-and-set."""

    def keep(
        self,
        kind: str,
        key: str,
        value: Mapping[str, Any],
        *,
        version: int | None = None,
        expires_at: datetime | None = None,
    ) -> Kept:
        """Store one small entry; durable before this returns. With ``version`` it replaces that version only: 0 is for
        where there is no entry (or an expired one), None for whatever there is.

        Raises:
            ConflictError: another version is there.
        """

    def kept(self, kind: str, key: str) -> Kept | None:
        """One entry, or None where there is none or it has expired."""

    def all_kept(self, kind: str) -> list[Kept]:
        """All entries of a kind that have not expired, by key."""

    def forget(self, kind: str, key: str) -> None:
        """Remove an entry. Removing what is not there is not an error."""

    def forget_expired(self, now: datetime) -> int:
        """Remove what expired before ``now``; how many went."""
