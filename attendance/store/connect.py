"""From a URL to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.errors import SettingsError

if TYPE_CHECKING:
    from attendance.store.base import Store


def connect(url: str, *, timeout_s: float) -> Store:
    """Open the store of this URL, making and migrating it where that is needed; each engine is imported only when used.

    Args:
        url: ``sqlite:///…``, ``mongodb://…`` or ``mongodb+srv://…``.
        timeout_s: how long a call may take before the database counts as away, seconds.

    Raises:
        SettingsError: no such kind of store, or a URL that cannot be read; the message never repeats it, for it may hold
            a password.
        StoreError: the database is away, damaged, or written by a newer version.
    """
    scheme = url.strip().partition(":")[0].lower()
    if scheme == "sqlite":
        from attendance.store.sql import SqlStore

        return SqlStore.open(url.strip(), timeout_s)
    if scheme in {"mongodb", "mongodb+srv"}:
        from attendance.store.mongo import MongoStore

        return MongoStore.open(url.strip(), timeout_s)
    raise SettingsError(
        "ATTEND_STORE_URL: a store is a sqlite:///, mongodb:// or mongodb+srv:// URL.", name="ATTEND_STORE_URL"
    )
