"""Signed cookies: who is signed in, and which screen this is.

The signing secret is made once and kept in the store, so that several processes agree and a restart signs nobody out. A
cookie carries an id alone; what it stands for is in the store, and the signature only saves asking it about made-up ids.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from itsdangerous import BadSignature, Signer

from attendance.errors import ConflictError, CorruptRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.store.base import Store

SESSION = "attend_session"
DEVICE = "attend_device"
DEVICE_S = 400 * 86_400  # the longest that browsers keep a cookie (RFC 6265bis, 5.5)


class Cookies:
    """Signs ids into cookies and reads them back.

    Args:
        secret: at least 32 random bytes, as text.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def read(self, received: Mapping[str, str], name: str) -> str | None:
        """The id in the cookie of this name; None where there is none, or where its signature is not ours for this name."""
        try:
            return self._signer(name).unsign(received.get(name, "")).decode()
        except (BadSignature, UnicodeError):
            return None

    def header(self, name: str, value: str, *, max_age_s: float, secure: bool) -> str:
        """The value of a ``Set-Cookie`` header that stores a signed id.

        Args:
            name: of the cookie; part of what is signed, so that one cookie's value is nothing in another.
            value: the id: letters, digits, ``-`` and ``_`` only.
            max_age_s: how long the browser keeps it, in seconds.
            secure: whether this visitor came by https; the cookie is then never sent by http.
        """
        return _header(name, self._signer(name).sign(value).decode(), max_age_s, secure=secure)

    @staticmethod
    def drop_header(name: str, *, secure: bool) -> str:
        """The value of a ``Set-Cookie`` header that removes the cookie."""
        return _header(name, "", 0, secure=secure)

    def _signer(self, name: str) -> Signer:
        return Signer(self._secret, salt=f"attend cookie {name}", key_derivation="hmac", digest_method=hashlib.sha256)


def _header(name: str, value: str, max_age_s: float, *, secure: bool) -> str:
    return f"{name}={value}; Path=/; Max-Age={int(max_age_s)}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"


_made: WeakKeyDictionary[Store, Cookies] = WeakKeyDictionary()
_lock = threading.Lock()


def cookies_of(store: Store) -> Cookies:
    """The cookies of this store: asks it the first time only.

    Raises:
        StoreError: it cannot be asked.
    """
    made = _made.get(store)
    if made is None:
        secret = _secret(store)  # not under the lock: a store that is away takes seconds to say so
        with _lock:
            made = _made.setdefault(store, Cookies(secret))
    return made


def _secret(store: Store) -> str:
    kept = store.kept("server", "cookies")
    if kept is None:
        try:
            kept = store.keep("server", "cookies", {"secret": secrets.token_hex(32)}, version=0)
        except ConflictError:  # another process was first: its secret counts
            kept = store.kept("server", "cookies")
    secret = kept.value.get("secret") if kept else None
    if not isinstance(secret, str) or not secret:  # an empty secret would sign whatever anybody makes up
        raise CorruptRecordError("The secret that signs the cookies is damaged.", record="kept/server/cookies")
    return secret
