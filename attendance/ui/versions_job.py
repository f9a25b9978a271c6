"""The one piece of work on versions in this server: saving, pushing or pulling, in a thread that outlives the page."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Literal

import structlog

from attendance.bootstrap import versions
from attendance.errors import AttendanceError
from attendance.logs import masked
from attendance.versions.saving import STEPS

if TYPE_CHECKING:
    from attendance.settings import Settings
    from attendance.versions.commands import Tools

Kind = Literal["save", "push", "pull"]
TITLES: dict[Kind, str] = {"save": "Saving a version", "push": "Pushing", "pull": "Pulling the files"}
log = structlog.get_logger(__name__)


class Job:
    """One run.

    Attributes:
        kind: what it does.
        step: which of ``saving.STEPS`` it is at, and how far in it; empty where it has none.
        sentence: what came of it, once it is not ``running``.
        failed: whether it could not be done.
    """

    def __init__(self, kind: Kind, settings: Settings, tools: Tools) -> None:
        self.kind = kind
        self.step = ""
        self.sentence, self.failed = "", False
        self._settings, self._tools = settings, tools
        # A daemon: a server that stops does not wait. What is half done is done by the next run.
        self._thread = threading.Thread(target=self._run, name="attend-versions", daemon=True)

    def start(self) -> Job:
        """Begin; returns itself."""
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def share(self) -> float:
        """How far it is, 0 to 1, by its steps."""
        name, _, far = self.step.partition(": ")
        within = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", far)]
        part = min(within[0] / within[1], 1.0) if len(within) == 2 and within[1] else 0.0
        return (STEPS.index(name) + part) / len(STEPS) if name in STEPS else 0.0

    def wait(self, timeout_s: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self.sentence = self._work()
        except AttendanceError as error:
            self.sentence, self.failed = masked(str(error)), True
        except Exception:
            log.exception("versions_job_failed")
            self.sentence, self.failed = "This has a fault, which is in the server's log.", True

    def _work(self) -> str:
        if self.kind == "save":
            return versions.save(self._settings, "page", step=self._at, tools=self._tools).sentence()
        if self.kind == "push":
            versions.push(self._settings, tools=self._tools)
            return "Everything is on the remote."
        versions.pull(self._settings, tools=self._tools)
        return "The files of the version that is checked out are here."

    def _at(self, step: str) -> None:
        self.step = step


_lock = threading.Lock()
_last: Job | None = None


def last() -> Job | None:
    """The job that is at work, or whose end has not been told yet."""
    return _last


def begin(kind: Kind, settings: Settings, tools: Tools) -> Job:
    """Start it, unless one is at work already; then that one."""
    global _last  # noqa: PLW0603 - one to a server: the repository takes one at a time
    with _lock:
        if _last is None or not _last.running:
            _last = Job(kind, settings, tools).start()
        return _last


def put_away() -> None:
    """Its end has been told."""
    global _last  # noqa: PLW0603 - see ``begin``
    with _lock:
        if _last is not None and not _last.running:
            _last = None
