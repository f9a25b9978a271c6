"""What the tracking has to remember across restarts, as small entries of the store."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from attendance.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store

TRACKING = (
    "tracking"  # kind of the entries of which there is one each: whose turn it is, the last error, the experiment, ...
)
RUNS = "tracking-run"  # kind of the texts that a sink remembers
PSEUDONYM_KEY = "pseudonym-key"
_DIGITS = 12  # hexadecimal, of a pseudonym: 48 bits; among 10,000 people two are alike once in five million sites


class Notes:
    """The texts of a sink, such as the ids of runs; ``tracking.base.Remembered``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def recall(self, key: str) -> str | None:
        """What was remembered, or None."""
        kept = self._store.kept(RUNS, key)
        return None if kept is None else str(kept.value["text"])

    def remember(self, key: str, value: str) -> str:
        """The first write wins, whoever's it is; what is kept is returned."""
        try:
            kept = self._store.keep(RUNS, key, {"text": value}, version=0)
        except ConflictError:
            return self.recall(key) or value
        return str(kept.value["text"])


def pseudonyms(store: Store) -> Callable[[str], str]:
    """A name for each identity that tells nobody who it is, and is always the same at this site.

    It is made with a key that is kept in the store alone (HMAC-SHA256, RFC 2104), so that whoever sees MLflow and has a list
    of names cannot try them out.
    """
    key: list[bytes] = []

    def pseudonym(identity: str) -> str:
        if not key:
            key.append(_key(store))
        return "person-" + hmac.new(key[0], identity.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:_DIGITS]

    return pseudonym


def _key(store: Store) -> bytes:
    try:
        kept = store.keep(TRACKING, PSEUDONYM_KEY, {"key": secrets.token_hex(32)}, version=0)
    except ConflictError:
        there = store.kept(TRACKING, PSEUDONYM_KEY)
        if there is None:
            raise
        kept = there
    return bytes.fromhex(str(kept.value["key"]))
