"""The operator's password, the one-time link that sets it, and the sessions of those who are signed in.

Everything is in the store, so that sessions survive a restart and several processes agree at once. Nothing there lets
anybody in: of the password its Argon2 hash is kept, of a link and of a session's id the SHA-256 (both are long and random).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attendance.errors import AccountError, ConflictError
from attendance.services import passwords
from attendance.services.audit import recorded
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from attendance.domain.model import Kept
    from attendance.services.clock import Clock
    from attendance.store.base import Store

OPERATOR = "operator"  # who signs in with the password
LINK_LASTS = timedelta(hours=24)
TOUCH_AT_MOST = timedelta(minutes=1)  # so often activity is written down

_ACCOUNT, _PASSWORD, _LINK, _ADDRESS = "account", "password", "link", "address"
_SESSION = "session"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    Attributes:
        who: ``operator``, or the e-mail address that the site's own provider vouched for.
        since: of the sign-in, UTC.
        seen: the last activity that was written down, UTC; at most a minute behind the last one.
    """

    who: str
    since: datetime
    seen: datetime


class Accounts:
    """Who may come in.

    Args:
        store: remembers.
        clock: UTC.
        idle: a session ends after this pause.
        longest: and after this time in any case.
    """

    def __init__(self, store: Store, clock: Clock = now_utc, *, idle: timedelta, longest: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._idle = idle
        self.longest = longest
        self._touch_after = min(TOUCH_AT_MOST, idle / 4)
        self._known_password = False

    # The password and its link ------------------------------------------------------------------------------------

    def has_password(self) -> bool:
        """Whether the app has been set up. Once true it stays so: a password is replaced, never removed."""
        self._known_password = self._known_password or self._store.kept(_ACCOUNT, _PASSWORD) is not None
        return self._known_password

    def new_link(self, *, actor: str = "server") -> str:
        """A token that sets the password once, within 24 hours; it ends the one before."""
        token = secrets.token_urlsafe(32)
        with recorded(self._store, self._clock, actor, "make-link", {}):
            self._store.keep(_ACCOUNT, _LINK, {"sha256": _digest(token)}, expires_at=self._clock() + LINK_LASTS)
        return token

    def note_address(self, url: str) -> None:
        """Remember where the server that was started last is reached, for the links that commands print."""
        self._store.keep(_ACCOUNT, _ADDRESS, {"url": url})

    def address(self) -> str | None:
        """The same, without a slash at the end; None where no server was ever started on this store."""
        kept = self._store.kept(_ACCOUNT, _ADDRESS)
        return None if kept is None else str(kept.value["url"])

    def link_fits(self, token: str) -> bool:
        """Whether this token can still set the password. Looking does not use it up."""
        return self._fits(token, self._store.kept(_ACCOUNT, _PASSWORD))

    def set_password(self, token: str, password: str) -> None:
        """Replace the password and end all sessions; slow. The link is used up by this, and by nothing less.

        The entry that holds the password names the link that set it: one write does both, and of two that come with the same
        link at the same time one is told that it was used.

        Raises:
            AccountError: ``link``, ``too_short``, ``too_long`` or ``too_simple``; nothing has changed.
        """
        before = self._store.kept(_ACCOUNT, _PASSWORD)
        if not self._fits(token, before):
            raise _link_refused()
        passwords.require_strength(password)
        value = {"hash": passwords.hashed(password), "link": _digest(token)}
        with recorded(self._store, self._clock, OPERATOR, "set-password", {}):
            try:
                self._store.keep(_ACCOUNT, _PASSWORD, value, version=before.version if before else 0)
            except ConflictError:
                raise _link_refused() from None
            self.end_all()

    def _fits(self, token: str, password: Kept | None) -> bool:
        link = self._store.kept(_ACCOUNT, _LINK)
        digest = _digest(token)
        if link is None or (link.expires_at is not None and link.expires_at <= self._clock()):
            return False
        used = password is not None and password.value.get("link") == digest
        return hmac.compare_digest(str(link.value["sha256"]), digest) and not used

    def check(self, password: str) -> bool:
        """Whether this is the password; slow, and as slow where none is set. A hash of older parameters is replaced."""
        return self._checked(password) is not None

    def sign_in(self, password: str) -> str | None:
        """Check the password and start a session; None where it is another one. Slow.

        Where the password is replaced while the old one is being checked, the session does not survive it: either the change
        is seen here, or the session was there to be ended by it.
        """
        link = self._checked(password)
        if link is None:
            return None
        sid = self.start(OPERATOR)
        now = self._store.kept(_ACCOUNT, _PASSWORD)
        if now is None or now.value["link"] != link:
            self.end(sid)
            return None
        return sid

    def _checked(self, password: str) -> str | None:
        """The digest of the link that the fitting password was set with, which names this password among all that were."""
        kept = self._store.kept(_ACCOUNT, _PASSWORD)
        if kept is None:
            passwords.hashed(password)  # takes as long as a comparison
            return None
        if not passwords.fits(kept.value["hash"], password):
            return None
        if passwords.outdated(kept.value["hash"]):
            renewed = {**kept.value, "hash": passwords.hashed(password)}
            with suppress(ConflictError):  # replaced in the meantime: the new one is of today
                self._store.keep(_ACCOUNT, _PASSWORD, renewed, version=kept.version)
        link: str = kept.value["link"]
        return link

    # Sessions -----------------------------------------------------------------------------------------------------

    def start(self, who: str) -> str:
        """Begin a session; its id is the only thing that opens it, and is nowhere but in the answer."""
        sid, now = secrets.token_urlsafe(32), self._clock()
        session = Session(who, now, now)
        self._store.forget_expired(now)
        self._store.append_audit(who, "sign-in", {"session": _digest(sid)[:12]}, now)
        self._store.keep(_SESSION, _digest(sid), _value(session), version=0, expires_at=self._ends(session))
        return sid

    def session(self, sid: str) -> Session | None:
        """The session of this id, unless it has ended. Looking is no activity."""
        found = self._found(sid)
        return found[1] if found else None

    def touch(self, sid: str) -> None:
        """Activity: puts off the end after a pause. Written at most once a minute, and never for an ended session."""
        found = self._found(sid)
        now = self._clock()
        if found is None or now - found[1].seen < self._touch_after:
            return
        kept, session = found
        active = Session(session.who, session.since, now)
        with suppress(ConflictError):  # ended, or touched by another process: either is as it should be
            self._store.keep(_SESSION, kept.key, _value(active), version=kept.version, expires_at=self._ends(active))

    def end(self, sid: str) -> None:
        """Sign out: the id opens nothing any more, in any process."""
        self._store.forget(_SESSION, _digest(sid))

    def end_all(self, *, actor: str | None = None) -> int:
        """End every session; how many there were. ``actor`` is who asked for it, for the audit."""
        if actor is not None:
            self._store.append_audit(actor, "sign-out-all", {}, self._clock())
        sessions = self._store.all_kept(_SESSION)
        for kept in sessions:
            self._store.forget(_SESSION, kept.key)
        return len(sessions)

    def _found(self, sid: str) -> tuple[Kept, Session] | None:
        kept = self._store.kept(_SESSION, _digest(sid))
        if kept is None:
            return None
        session = Session(
            kept.value["who"], datetime.fromisoformat(kept.value["since"]), datetime.fromisoformat(kept.value["seen"])
        )
        return (kept, session) if self._clock() < self._ends(session) else None

    def _ends(self, session: Session) -> datetime:
        return min(session.seen + self._idle, session.since + self.longest)


def _value(session: Session) -> dict[str, str]:
    return {"who": session.who, "since": session.since.isoformat(), "seen": session.seen.isoformat()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _link_refused() -> AccountError:
    return AccountError("This link was used, replaced by a newer one, or is older than a day.", reason="link")
