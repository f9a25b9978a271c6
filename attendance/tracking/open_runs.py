"""Which run a call belongs to: that of its thread or task, that of mlflow itself, or the one that is open elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from contextvars import ContextVar

from attendance.tracking.entries import Run

# Runs that are open here, the innermost last. A thread starts with none; an asyncio task with its creator's.
OPEN: ContextVar[tuple[tuple[object, Run], ...]] = ContextVar("attend_open_runs", default=())


class OpenRuns:
    """The runs of one tracker that are open in this process, whichever thread began them, in the order of their starts."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def add(self, run: Run) -> None:
        """It begins."""
        self._runs.append(run)

    def remove(self, run: Run) -> None:
        """It ends; it may have begun before a fork, and be unknown here."""
        if run in self._runs:
            self._runs.remove(run)

    def roots(self) -> list[Run]:
        """Those that are no other's child."""
        here = self._here()
        return [run for run in here if run.parent not in here]

    def innermost(self) -> Run | None:
        """The one that a thread without a run works for, such as a pool's: what is open innermost in the thread of the only
        outermost run. None where that is not clear."""
        roots = self.roots()
        if len(roots) != 1:
            return None
        beside = [run for run in self._here() if run.thread == roots[0].thread]
        last = [run for run in beside if all(other.parent is not run for other in beside)]
        return last[0] if len(last) == 1 else None

    def of_another_thread(self) -> Run | None:
        """The innermost, unless this very thread began it: then it is another asyncio task's."""
        run = self.innermost()
        return None if run is None or run.thread == threading.get_ident() else run

    def _here(self) -> list[Run]:
        return [run for run in list(self._runs) if run.pid == os.getpid()]


def active_in_mlflow() -> tuple[str, Run] | None:
    """The run that this thread began with ``mlflow.start_run``, and the URI it belongs to; None where it began none.

    Nothing is imported or asked: a thread that never used mlflow's own functions has none.
    """
    fluent = sys.modules.get("mlflow.tracking.fluent")
    stack = [] if fluent is None else fluent._active_run_stack.get()  # noqa: SLF001  # ``active_run`` may ask the server
    if not stack:
        return None
    info = stack[-1].info
    name = str(info.run_name or "")
    run = Run(str(info.experiment_id), name, {}, None, run_id=info.run_id, experiment_id=info.experiment_id)
    run.artifact_uri = info.artifact_uri
    return str(sys.modules["mlflow"].get_tracking_uri()), run
