"""SHA-256 digests of pictures as rows and documents have them: unique, though a picture may be stored twice.

Older databases may hold copies of one picture. The first has its digest alone; a copy has its own id behind it.
"""

from __future__ import annotations

import re

_DIGEST = re.compile(r"[0-9a-f]{64}")


def whole_digest(stored: str) -> str:
    """The SHA-256, hexadecimal, of what is stored in its place."""
    return stored.partition("+")[0]


def copy_digest(sha256: str, reference_id: str) -> str:
    """What a copy of a picture that is stored already has in its place."""
    return f"{sha256}+{reference_id}"


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256 as it is written here."""
    return _DIGEST.fullmatch(text) is not None
