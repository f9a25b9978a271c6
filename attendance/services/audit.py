"""What operators do leaves a trace before it is done."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from attendance.errors import AttendanceError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attendance.services.clock import Clock
    from attendance.store.base import Store


@contextmanager
def recorded(store: Store, clock: Clock, actor: str, action: str, details: Mapping[str, Any]) -> Iterator[None]:
    """Write the entry, then let the deed be done, so that nothing is ever done without a trace.

    Where the deed fails, an entry ``<action>.failed`` follows, if the store can still be reached. Details hold ids and
    numbers, never a person's name: entries are kept for ever, names must go with the person.
    """
    store.append_audit(actor, action, details, clock())
    try:
        yield
    except AttendanceError as error:
        with suppress(StoreError):  # the failure itself is what the caller has to hear of
            store.append_audit(actor, f"{action}.failed", {**details, "error": type(error).__name__}, clock())
        raise
