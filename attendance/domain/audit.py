"""The chain of the audit: each entry carries the digest of the one before, so a changed or missing entry shows."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from attendance.domain.model import AuditEntry

GENESIS = "0" * 64


def entry_digest(previous: str, sequence: int, at_utc: datetime, actor: str, action: str, details: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over the canonical JSON of an entry and the digest before it; time to the millisecond."""
    at = at_utc.astimezone(UTC).isoformat(timespec="milliseconds")
    text = json.dumps([previous, sequence, at, actor, action, details], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def first_broken(entries: Iterable[AuditEntry]) -> int | None:
    """The sequence number of the first entry that does not follow from the one before, or None."""
    previous, expected = GENESIS, 1
    for entry in entries:
        digest = entry_digest(previous, expected, entry.at_utc, entry.actor, entry.action, entry.details)
        if (entry.sequence, entry.previous, entry.digest) != (expected, previous, digest):
            return entry.sequence
        previous, expected = digest, expected + 1
    return None
