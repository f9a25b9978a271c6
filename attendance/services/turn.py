"""Whose turn it is to send: one process at a time, decided by one entry of the store.

The entry is replaced by compare-and-set. Its holder renews it while at work and gives it back when done; where a holder was
killed, the entry stands still, and whoever has watched it stand still for long enough takes it. Nobody's clock is compared
with anybody else's. The entry also holds the batch that is on its way, so that whoever comes next sends just the same again.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attendance.errors import ConflictError, StoreError
from attendance.services.tracking_notes import TRACKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attendance.store.base import Store

TURN = "turn"
LASTS_S = 10.0
RENEWALS = 4  # within that time


class TurnLostError(Exception):
    """Another process may be sending by now; nothing more is sent from here."""


class Turn:
    """The turn of this process, or that of another. Used by one thread at a time.

    Args:
        store: where the entry is.
        lasts_s: so long it has to stand still before it counts as left behind.
    """

    def __init__(self, store: Store, *, lasts_s: float = LASTS_S) -> None:
        self._store = store
        self._lasts_s = lasts_s
        self._owner = uuid.uuid4().hex
        self._lock = threading.Lock()  # the renewals come from another thread
        self._version = 0
        self._batch: Mapping[str, Any] | None = None
        self._renewed = 0.0
        self._lost = False
        self._watched: tuple[int, float] | None = None  # the version that stands there, and since when

    @property
    def batch(self) -> Mapping[str, Any] | None:
        """What was on its way when this turn was taken, or since."""
        return self._batch

    def take(self) -> bool:
        """Take it where it is free or was left behind; False where somebody else has it."""
        kept = self._store.kept(TRACKING, TURN)
        if kept is not None and kept.value["owner"] not in {None, self._owner} and not self._stands_still(kept.version):
            return False
        self._batch = None if kept is None else kept.value["batch"]
        try:
            self._put(self._owner, version=0 if kept is None else kept.version)
        except ConflictError:
            return False
        self._lost, self._watched = False, None
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Renew it for as long as this lasts, and give it back at the end."""
        done = threading.Event()
        renewing = threading.Thread(target=self._renew, args=[done], name="attend-turn", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            done.set()
            renewing.join()
            if not self._lost:
                self._give_back()

    def note(self, batch: Mapping[str, Any] | None) -> None:
        """Say what is sent next, durable before it is sent.

        Raises:
            TurnLostError: another process has the turn.
        """
        self.check()
        with self._lock:
            self._batch = batch
            try:
                self._put(self._owner, version=self._version)
            except ConflictError as error:
                self._lost = True
                raise TurnLostError from error

    def check(self) -> None:
        """Raises TurnLostError where another process has the turn, or may have."""
        if self._lost or time.monotonic() - self._renewed > self._lasts_s:
            self._lost = True
            raise TurnLostError

    def _put(self, owner: str | None, *, version: int) -> None:
        asked = time.monotonic()
        self._version = self._store.keep(TRACKING, TURN, {"owner": owner, "batch": self._batch}, version=version).version
        self._renewed = asked

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(self._lasts_s / RENEWALS):
            with self._lock:
                if self._lost:
                    return
                try:
                    self._put(self._owner, version=self._version)
                except ConflictError:
                    self._lost = True
                except StoreError:
                    continue  # tried again; ``check`` says when it is too late

    def _give_back(self) -> None:
        try:
            self._put(None, version=self._version)
        except (ConflictError, StoreError):
            self._lost = True  # it stands still from now on

    def _stands_still(self, version: int) -> bool:
        now = time.monotonic()
        if self._watched is None or self._watched[0] != version:
            self._watched = (version, now)
        return now - self._watched[1] >= self._lasts_s
