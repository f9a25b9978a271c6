"""Passwords: what they must be like, and how they are kept.

Kept is an Argon2id hash with argon2-cffi's defaults, which are the second choice of RFC 9106, section 4: 64 MiB of memory, 3
passes, 4 lanes, a salt of 16 bytes and a hash of 32. That takes about 0.15 s and is meant to: call it in a thread.
"""

from __future__ import annotations

import re
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from attendance.errors import AccountError

MIN_LENGTH = 12  # characters, as MAX_LENGTH
MAX_LENGTH = 256
MIN_DIFFERENT = 5  # characters: "aaaaaaaaaaaa" and "121212121212" are long, and the first that anybody tries

# What is left when case, digits and signs are taken off: one of these words, once or several times, is guessed at once.
_OBVIOUS = re.compile(
    r"(admin|administrator|attend|attendance|changeme|iloveyou|kiosk|letmein|login|office|operator|pass|passwort|password"
    r"|qwerty|qwertyuiop|qwertz|secret|welcome)+"
)
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")

_hasher = PasswordHasher()


def normal(password: str) -> str:
    """The password as it is hashed: in NFKC (NIST SP 800-63B, 5.1.1.2), so that every keyboard types the same."""
    return unicodedata.normalize("NFKC", password)


def require_strength(password: str) -> None:
    """Accept what cannot be guessed in the few tries that the sign-in page leaves anybody.

    Raises:
        AccountError: ``too_short``, ``too_long`` or ``too_simple``.
    """
    text = normal(password)
    if len(text) < MIN_LENGTH:
        raise AccountError(f"The password needs at least {MIN_LENGTH} characters.", reason="too_short")
    if len(text) > MAX_LENGTH:
        raise AccountError(f"The password can have at most {MAX_LENGTH} characters.", reason="too_long")
    plain = text.casefold()
    words = re.sub(r"[\W\d_]+", "", plain)
    if len(set(plain)) < MIN_DIFFERENT or _OBVIOUS.fullmatch(words) or _is_row(plain):
        raise AccountError("That password is easy to guess. Use a few unrelated words.", reason="too_simple")


def _is_row(text: str) -> bool:
    """Keys in the order of the keyboard or of the alphabet, over and over, forwards or backwards."""
    return any(text in around * (MAX_LENGTH // len(row) + 2) for row in _ROWS for around in (row, row[::-1]))


def hashed(password: str) -> str:
    """The hash to keep, with its salt and parameters in it; slow."""
    return _hasher.hash(normal(password))


def fits(kept: str, password: str) -> bool:
    """Whether the password has this hash; slow. A hash that cannot be read fits nothing."""
    try:
        return _hasher.verify(kept, normal(password))
    except (VerificationError, ValueError):  # InvalidHashError is one, and so is what is not ASCII
        return False


def outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)
