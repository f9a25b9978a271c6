"""Finds out who comes: from the signed cookies, the store, and where the server stands."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.api.cookies import DEVICE, SESSION
from attendance.api.running import running
from attendance.api.visitor import Visitor
from attendance.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.api.doors import Place

PAIRED_FOR_S = 2.0  # a screen that was unpaired in another process can go on for this long
SEEN_EVERY_S = 60.0
MOST_DEVICES = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a visitor.

    Attributes:
        set_up: whether the app has a password; None where the database could not say.
        ended: a session cookie of ours came whose session is over.
        new_device: the device's id was made now, and has to be given to the browser.
    """

    visitor: Visitor
    set_up: bool | None
    ended: bool = False
    new_device: bool = False


class Recognition:
    """Asks the store who comes.

    Args:
        place: where the server stands.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._paired: dict[str, tuple[bool, float]] = {}
        self._seen: dict[str, float] = {}

    async def found(self, cookies: Mapping[str, str], address: str) -> Found:
        """What is known of the visitor with these cookies. Never fails: a database that is away is part of the answer."""
        try:
            return await running().ask(lambda: self._ask(cookies, address))
        except StoreError:
            device = _device_without_store(cookies)
            return Found(Visitor(None, None, device, False, self._place.open, False, address, away=True), None)

    async def touch(self, session_id: str) -> None:
        """Note that the operator did something."""
        await running().ask(lambda: running().accounts.touch(session_id))

    def _ask(self, cookies: Mapping[str, str], address: str) -> Found:
        server = running()
        accounts, jar = server.accounts, server.cookies
        sid, known = jar.read(cookies, SESSION), jar.read(cookies, DEVICE)
        session = accounts.session(sid) if sid else None
        device = known or secrets.token_urlsafe(16)
        paired = bool(known) and self._is_paired(device)
        trusted = paired or session is not None
        visitor = Visitor(
            who=session.who if session else None,
            session_id=sid if session else None,
            device=device,
            paired=paired,
            may_check_in=trusted or self._place.open,
            names=trusted,
            address=address,
        )
        set_up = accounts.has_password()
        return Found(visitor, set_up, ended=bool(sid) and session is None, new_device=known is None)

    def _is_paired(self, device: str) -> bool:
        now = time.monotonic()
        paired, until = self._paired.get(device, (False, 0.0))
        if now >= until:
            paired = running().devices.is_paired(device)
            if len(self._paired) >= MOST_DEVICES:
                self._paired.clear()
            self._paired[device] = (paired, now + PAIRED_FOR_S)
        if paired and now >= self._seen.get(device, 0.0):
            self._seen[device] = now + SEEN_EVERY_S  # paired screens are few: an operator typed each one's code
            with suppress(StoreError):  # a screen that can be read is paired, whether or not this can be written
                running().devices.seen(device)
        return paired


def _device_without_store(cookies: Mapping[str, str]) -> str:
    """The screen's id, so that its pages stay its own; empty where the secret was never read."""
    try:
        return running().cookies.read(cookies, DEVICE) or ""
    except StoreError:
        return ""
