"""Whether the store takes what is written, for a database that can be read and not written: locked, full, or read-only.

Reading alone would say that all is well, so a screen would ask people to hold still again and again for a check-in that
cannot be stored. Here the first write that fails stops the check-in for everybody; one thread then tries to write, and the
first proof that succeeds lets it go on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from attendance.errors import AttendanceError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 1.0  # between two proofs; each may take as long as the store's own time limit
log = structlog.get_logger(__name__)


class Writes:
    """What is known of writing to the store.

    Args:
        prove: writes something; raises where that fails.
        stopped: set when the server ends.
        every_s: seconds between two proofs.
    """

    def __init__(self, prove: Callable[[], None], stopped: threading.Event, every_s: float = EVERY_S) -> None:
        self._prove, self._stopped, self._every_s = prove, stopped, every_s
        self._failure: StoreUnavailableError | None = None
        self._lock = threading.Lock()

    def require(self) -> None:
        """Nothing, where writes succeed as far as is known.

        Raises:
            StoreUnavailableError: one has failed, and no proof has succeeded since.
        """
        failure = self._failure
        if failure is not None:
            raise StoreUnavailableError(str(failure), reason=failure.reason)

    def failed(self, error: StoreUnavailableError) -> None:
        """Something could not be stored, or not even be read."""
        with self._lock:
            known, self._failure = self._failure, error.with_traceback(None)
        if known is None:
            log.warning("writes_fail", error=error)
            threading.Thread(target=self._try, name="attend-writes", daemon=True).start()

    def _try(self) -> None:
        while not self._stopped.is_set():
            try:
                self._prove()
            except AttendanceError:
                self._stopped.wait(self._every_s)
                continue
            with self._lock:
                self._failure = None
            log.info("writes_succeed")
            return
