"""The calibration of this server's people, computed in a thread of its own: one for all operators, until asked for anew."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from attendance.bootstrap import measuring
from attendance.errors import AttendanceError, InferenceError

if TYPE_CHECKING:
    from attendance.bootstrap import Application
    from attendance.services.calibrate import Calibration
    from attendance.services.error_report import TooLittle

log = structlog.get_logger(__name__)
_lock = threading.Lock()
_last: Job | None = None


class Job:
    """One computation.

    Attributes:
        step, done, total: how far it has come, for people; ``total`` is None where it is not known.
        found: what came out; None until then.
        error: why it could not be; None otherwise.
    """

    def __init__(self, parts: Application) -> None:
        self.step, self.done, self.total = "Reading", 0, 0
        self.found: Calibration | TooLittle | None = None
        self.error: AttendanceError | None = None
        self._parts = parts
        self._store, self._of = parts.store, _state(parts)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="attend-calibrate", daemon=True)

    def fits(self, parts: Application) -> bool:
        """Whether it is of the people and pictures that are stored now, with the model that decides now."""
        return self._store is parts.store and self._of == _state(parts)

    def start(self) -> Job:
        """Begin."""
        self._thread.start()
        return self

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended, within this time."""
        return self._ended.wait(timeout_s)

    def _work(self) -> None:
        try:
            self.found = measuring.compared(self._parts, progress=self._told)
        except AttendanceError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  # whatever it is, the page must not wait for ever
            log.warning("calibration_failed", error=error)
            self.error = InferenceError(f"The error rates could not be computed: {error}")
        finally:
            self._ended.set()

    def _told(self, step: str, done: int, total: int | None) -> None:
        self.step, self.done, self.total = step, done, total or 0


def _state(parts: Application) -> tuple[str, int, int]:
    """Tells, by cheap questions, whether something was added or removed since."""
    return parts.model.model_id, parts.store.count_people(), parts.store.count_references()


def of(parts: Application, *, anew: bool = False) -> Job:
    """The computation for these parts, begun where there is none. One that has ended is made again where it failed, where
    people or pictures came or went since, or where it is to be made ``anew``."""
    global _last  # noqa: PLW0603 - one to a server: two would compare the same pictures
    with _lock:
        last = _last
        if last is None or (last.wait(0) and (anew or last.error is not None or not last.fits(parts))):
            last = _last = Job(parts).start()
        return last


def forget() -> None:
    """Compute anew at the next visit; for tests."""
    global _last  # noqa: PLW0603 - see ``of``
    with _lock:
        _last = None
