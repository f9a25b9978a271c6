"""What ``start_run`` yields, and how a run ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attendance.tracking import views
from attendance.tracking.destinations import worker_for
from attendance.tracking.entries import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.tracking.entries import Run
    from attendance.tracking.worker import Worker


class RunInfo:
    """What is known of a run, by the names of MLflow's own ``RunInfo``.

    Only ``run_id``, ``experiment_id`` and ``artifact_uri`` may wait, because the server alone gives them: while a server
    answers, until the run is there, a few seconds at most (``Limits``); not at all for one that is away. They are None where
    it was not reached, and where MLflow is not installed.
    """

    def __init__(self, run: Run, uri: str | None) -> None:
        self._run = run
        self._uri = uri

    @property
    def run_id(self) -> str | None:
        """The server's id of the run, or None."""
        self._wait()
        return self._run.run_id

    @property
    def experiment_id(self) -> str | None:
        """The server's id of the experiment, or None."""
        self._wait()
        return self._run.experiment_id

    @property
    def artifact_uri(self) -> str | None:
        """Where its artifacts go, or None."""
        self._wait()
        return self._run.artifact_uri

    @property
    def run_name(self) -> str | None:
        """The name that was given; where none was, the server's, once it is known."""
        return self._run.name

    @property
    def status(self) -> str:
        """RUNNING, FINISHED, FAILED or KILLED."""
        return self._run.status

    @property
    def start_time(self) -> int:
        """Milliseconds since 1970."""
        return self._run.start_ms

    @property
    def end_time(self) -> int | None:
        """Milliseconds since 1970; None while it runs."""
        return self._run.end_ms

    def _wait(self) -> None:
        run = self._run
        if self._uri is None or run.run_id is not None or run.lost:
            return
        worker = worker_for(self._uri)
        worker.wait(lambda: run.run_id is not None or run.lost, worker.limits.id_s, worker.limits.silence_s)

    def __repr__(self) -> str:
        return f"RunInfo(run_id={self._run.run_id!r}, run_name={self._run.name!r}, status={self._run.status!r})"


class TrackedRun:
    """A run as its ``with`` block sees it. False where nothing of it will be tracked.

    Attributes:
        info: its id, name and state.
    """

    def __init__(self, run: Run, uri: str | None) -> None:
        self.info = RunInfo(run, uri)
        self._run = run
        self._uri = uri

    @property
    def link(self) -> str | None:
        """Its page on the tracking server; None where that was not reached, or is no server."""
        uri, info = self._uri, self.info
        if uri is None or info.run_id is None or info.experiment_id is None:
            return None
        return views.run_link(uri, info.experiment_id, info.run_id)

    def describe_experiment(self, text: str) -> None:
        """Say this above the runs of the experiment, in the place of what stood there, with a link to this run.

        Nothing is said where the server was not reached, which alone knows the ids.

        Args:
            text: Markdown; of its lines MLflow shows the first and folds the rest.
        """
        info = self.info
        if self._uri is None or info.run_id is None or info.experiment_id is None:
            return
        seen = f" [{info.run_name}]({views.run_place(info.experiment_id, info.run_id)})"
        whole = text[: views.NOTE_LENGTH - len(seen)] + seen
        worker_for(self._uri).put(View(self._run, views.NOTE_TAG, whole))

    def compare_children(self, parameters: Sequence[str], metrics: Sequence[str]) -> str | None:
        """Lay out a page of MLflow's that compares the run's children, and give the link to it from the run's description.

        Args:
            parameters: one at least; the first is the x axis.
            metrics: that every child has, the one that gives the colours last.

        Returns:
            None where the server was not reached, which alone knows the ids.
        """
        info = self.info
        if self._uri is None or info.run_id is None or info.experiment_id is None:
            return None
        key = f"children-of-{info.run_id}"
        view = views.comparison(info.run_id, parameters, metrics)
        worker_for(self._uri).put(View(self._run, f"{views.VIEW_TAG}{key}", view))
        return views.comparison_link(info.experiment_id, key)

    def __bool__(self) -> bool:
        return self._uri is not None and not self._run.lost

    def __repr__(self) -> str:
        return f"TrackedRun(info={self.info!r})"


def status_after(error: BaseException | None) -> str:
    """How a run ended, from what left its block."""
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return "KILLED"
    if error is None or isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in {None, 0}):
        return "FINISHED"
    return "FAILED"


def wait_for_end(worker: Worker, run: Run, settle_s: float | None) -> None:
    """What the end of an outermost run waits for: where nothing was chosen, for a local file alone."""

    def done() -> bool:
        return run.ended or run.lost

    if settle_s is not None:
        worker.settle(done, settle_s)
    elif worker.local and not worker.wait(done, worker.limits.write_s, worker.limits.silence_s):
        worker.stalled()
