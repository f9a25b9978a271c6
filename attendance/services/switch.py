"""The operator's switch for the tracking: a saved setting over ATTEND_TRACKING, in all processes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.errors import ConflictError, SettingsError
from attendance.services.choices import Choices
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.services.choices import Value
    from attendance.services.clock import Clock
    from attendance.store.base import Store

NAME = "tracking.enabled"
KEY = "tracking"  # of its entry among the saved settings: no decision depends on it
_TRIES = 5


class Switch:
    """Whether attempts are tracked.

    Args:
        store: where it is saved.
        default: ATTEND_TRACKING's, which holds where nobody has switched.
        clock: for the audit.
    """

    def __init__(self, store: Store, default: bool, clock: Clock = now_utc) -> None:
        self._choices = Choices(store, clock, file={NAME: default}, check=_checked, key=KEY, names=(NAME,))
        self._default = default

    def is_on(self) -> bool:
        """One cheap question to the store. Raises StoreUnavailableError."""
        return self._choices.current().values.get(NAME, self._default) is True

    def set(self, on: bool, actor: str) -> None:
        """Let it be so from now on; audited.

        Raises:
            ConflictError: others switch it at the same time, again and again.
            StoreUnavailableError: it may or may not have been saved.
        """
        for left in reversed(range(_TRIES)):
            before = self._choices.current()
            if before.values.get(NAME) is on:
                return
            try:
                self._choices.save({NAME: on}, expected_version=before.version, actor=actor)
            except ConflictError:
                if not left:
                    raise
            else:
                return


def _checked(values: Mapping[str, Value]) -> Mapping[str, Value]:
    for name, value in values.items():
        if not isinstance(value, bool):
            raise SettingsError(f"{name} is on or off.", name=name)
    return values
