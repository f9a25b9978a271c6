"""Screens that an operator has paired, so that they may check people in.

A screen has an id in a signed cookie. Until it is paired it shows a code; the operator who stands before it, or hears the
code from there, types it under Status. Ids, codes and names are in the store, so that every process knows them.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from attendance.domain.model import Kept
from attendance.domain.names import clean_name
from attendance.errors import AccountError, ConflictError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc
from attendance.services.code_words import WORDS

if TYPE_CHECKING:
    from attendance.services.clock import Clock
    from attendance.store.base import Store

CODE_LASTS = timedelta(minutes=10)
# Screens that wait at the same time. With 212 words and 900 numbers, a code that somebody makes up is one of theirs once in
# 1,900 times; and only an operator who is signed in can try.
MAX_WAITING = 100
MAX_WAITING_HERE = 30  # of one address, so that one visitor cannot take all places
SEEN_AT_MOST = timedelta(minutes=1)  # so often activity is written down

_DEVICE, _WAITING = "device", "pairing"


@dataclass(frozen=True, slots=True)
class Device:
    """A paired screen.

    Attributes:
        name: as the operator called it, such as the place where it hangs.
        paired_by: the operator.
        last_seen: UTC, at most a minute behind; None where it has not been seen since it was paired.
    """

    device_id: str
    name: str
    paired_at: datetime
    paired_by: str
    last_seen: datetime | None = None


class Devices:
    """Which screens may check people in.

    Args:
        store: remembers.
        clock: UTC.
    """

    def __init__(self, store: Store, clock: Clock = now_utc) -> None:
        self._store = store
        self._clock = clock

    def is_paired(self, device_id: str) -> bool:
        """Whether this screen may check people in."""
        return self._store.kept(_DEVICE, device_id) is not None

    def paired(self) -> list[Device]:
        """All paired screens, by name."""
        devices = [_device(kept) for kept in self._store.all_kept(_DEVICE)]
        return sorted(devices, key=lambda device: (device.name.casefold(), device.device_id))

    def code_for(self, device_id: str, *, source: str = "") -> str:
        """The code that this screen shows, such as ``KESTREL 417``: the same for ten minutes, then another.

        Args:
            device_id: of the screen.
            source: where the screen is, such as its address: from one place only so many wait at the same time. Where more
                come, the one that has waited longest there gives up its code; asking again brings it another.
        """
        kept = self._store.kept(_WAITING, device_id)
        if kept is None or not self._lasts(kept):
            value = {"code": self._free_code(source), "source": source}
            expires_at = self._clock() + CODE_LASTS
            try:
                version = kept.version if kept else 0
                kept = self._store.keep(_WAITING, device_id, value, version=version, expires_at=expires_at)
            except ConflictError:  # another tab of this screen asked at the same moment
                kept = self._store.kept(_WAITING, device_id) or Kept(_WAITING, device_id, value, 0)
        code: str = kept.value["code"]
        return code

    def _free_code(self, source: str) -> str:
        self._store.forget_expired(self._clock())
        waiting = self._all_waiting()
        self._make_room(waiting, source)
        taken = {kept.value["code"] for kept in waiting}
        while (code := f"{secrets.choice(WORDS)} {100 + secrets.randbelow(900)}") in taken:
            pass
        return code

    def _make_room(self, waiting: list[Kept], source: str) -> None:
        """So that nobody who asks for very many codes keeps another screen from getting one."""
        sources = Counter(str(kept.value["source"]) for kept in waiting)
        if source and sources[source] >= MAX_WAITING_HERE:
            crowded = source
        elif len(waiting) >= MAX_WAITING:
            crowded = sources.most_common(1)[0][0]
        else:
            return
        held = [kept for kept in waiting if kept.value["source"] == crowded]
        oldest = min(held, key=lambda kept: kept.expires_at or datetime.max.replace(tzinfo=UTC))
        self._store.forget(_WAITING, oldest.key)

    def pair(self, code: str, name: str, *, actor: str) -> Device:
        """Let the screen that shows this code check people in. Case, blanks and hyphens of the code don't count.

        Raises:
            AccountError: ``code``; no screen shows it, or no longer.
            NameRefusedError: the name is empty or cannot be shown.
        """
        clean = clean_name(name)
        wanted = _typed(code)
        found = [kept.key for kept in self._all_waiting() if _typed(kept.value["code"]) == wanted]
        if len(found) != 1:  # two screens with one code: both were given it at the same moment; neither can be meant
            raise AccountError("No screen shows this code now. Look at the screen again: codes change.", reason="code")
        device = Device(found[0], clean, self._clock(), actor)
        with recorded(self._store, self._clock, actor, "pair-screen", {"device": device.device_id}):
            self._store.keep(_DEVICE, device.device_id, _value(device))
            self._store.forget(_WAITING, device.device_id)
        return device

    def unpair(self, device_id: str, *, actor: str) -> None:
        """The screen may no longer check people in. Unpairing one that is not paired is not an error."""
        with recorded(self._store, self._clock, actor, "unpair-screen", {"device": device_id}):
            self._store.forget(_DEVICE, device_id)

    def seen(self, device_id: str) -> None:
        """A paired screen was here. Written at most once a minute, and never for one that is not paired."""
        kept, now = self._store.kept(_DEVICE, device_id), self._clock()
        if kept is None:
            return
        last = _device(kept).last_seen
        if last is None or now - last >= SEEN_AT_MOST:
            with suppress(ConflictError):  # unpaired, or seen by another process, in the meantime: either stands
                value = {**kept.value, "last_seen": now.isoformat()}
                self._store.keep(_DEVICE, device_id, value, version=kept.version)

    def _all_waiting(self) -> list[Kept]:
        return [kept for kept in self._store.all_kept(_WAITING) if self._lasts(kept)]

    def _lasts(self, kept: Kept) -> bool:
        return kept.expires_at is None or self._clock() < kept.expires_at


def _typed(code: str) -> str:
    return re.sub(r"[\W_]+", "", code).upper()


def _value(device: Device) -> dict[str, str]:
    return {"name": device.name, "paired_at": device.paired_at.isoformat(), "paired_by": device.paired_by}


def _device(kept: Kept) -> Device:
    value = kept.value
    seen = value.get("last_seen")
    return Device(
        kept.key,
        value["name"],
        datetime.fromisoformat(value["paired_at"]),
        value["paired_by"],
        datetime.fromisoformat(seen) if seen else None,
    )
