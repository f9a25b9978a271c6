"""Accounts and screens on one real database, as seen by one or several processes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from attendance.domain.audit import first_broken
from attendance.services.accounts import Accounts
from attendance.services.clock import now_utc
from attendance.services.devices import Devices
from attendance.store.connect import connect
from tests.fakes import Clock, Wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store

GOOD = "plum kettle sailing north"
OTHER = "seven quiet bicycles again"
IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)


class Place:
    """Accounts on one database, as many as there are processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.clock.now = now_utc()  # the store looks at the real time to drop what has expired
        self.stores: list[Store] = []
        self.store = self.open()
        self.seen = Wrapped(self.store)
        self.accounts = self.on(cast("Store", self.seen))
        self.devices = Devices(cast("Store", self.seen), self.clock)

    def open(self) -> Store:
        self.stores.append(connect(f"sqlite:///{self.folder}/attendance.db", timeout_s=2.5))
        return self.stores[-1]

    def on(self, store: Store) -> Accounts:
        return Accounts(store, self.clock, idle=IDLE, longest=LONGEST)

    def another(self) -> Accounts:
        """The same in another process."""
        return self.on(self.open())

    def set_up(self) -> str:
        """A token of a link that was used."""
        token = self.accounts.new_link()
        self.accounts.set_password(token, GOOD)
        return token

    def trail(self) -> list[tuple[str, str]]:
        assert first_broken(self.store.audit()) is None
        return [(entry.actor, entry.action) for entry in self.store.audit()]

    def close(self) -> None:
        for store in self.stores:
            store.close()


def place_in(folder: Path) -> Iterator[Place]:
    """A place, closed at the end; for a fixture."""
    place = Place(folder)
    yield place
    place.close()
