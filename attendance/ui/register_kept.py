"""Drafts of the Register page over a reload of the browser: in the server's memory, for the operator's session alone.

A reload begins a new page, which takes over the draft of one that is no longer open. Another tab that is open keeps its own.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.ui.register_draft import Draft

KEPT_FOR_S = 1_800.0  # since the draft was last shown; a session that is left alone ends after the same pause
MOST = 20  # drafts at the same time, of all operators
MOST_BYTES = 40_000_000  # of one draft's pictures; a larger one ends with its page


@dataclass
class _Held:
    draft: Draft
    session: str
    seen_s: float


class Drafts:
    """What is kept.

    Args:
        is_open: whether the page of this id is still connected.
        clock: seconds that only go forward.
    """

    def __init__(self, is_open: Callable[[str], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_open, self._clock = is_open, clock
        self._held: dict[str, _Held] = {}  # by the id of the page
        self._lock = threading.Lock()

    def take_over(self, session: str, page: str) -> Draft | None:
        """The newest draft of this session whose page is gone, now this page's; None where there is none."""
        with self._lock:
            self._sweep()
            left = [one for one, held in self._held.items() if held.session == session and not self._is_open(one)]
            if not left:
                return None
            newest = max(left, key=lambda one: self._held[one].seen_s)
            held = self._held[page] = self._held.pop(newest)
            return held.draft

    def hold(self, session: str, page: str, draft: Draft) -> None:
        """Remember what this page shows; nothing of an empty draft, nor of one that is stored or very large."""
        size = sum(len(one.picture.data) for one in draft.taken.values())
        with self._lock:
            self._held.pop(page, None)
            if (draft.name.strip() or draft.taken) and draft.done is None and size <= MOST_BYTES:
                self._held[page] = _Held(draft, session, self._clock())
            self._sweep()

    def _sweep(self) -> None:
        """Forget what is old, and the oldest of too many."""
        now = self._clock()
        for page, held in list(self._held.items()):  # in the order in which they were last seen
            if now - held.seen_s > KEPT_FOR_S or len(self._held) > MOST:
                del self._held[page]
