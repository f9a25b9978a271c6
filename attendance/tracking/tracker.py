"""The public API of the tracking: parameters, metrics, tags and artifacts of runs, sent to MLflow in the background.

No call raises, and none waits for a server; docs/mlflow.md says what happens to calls while it is away.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, SupportsFloat

import structlog

from attendance.errors import TrackingError
from attendance.tracking import client, recording, values
from attendance.tracking.destinations import absolute, worker_for
from attendance.tracking.entries import Artifact, Data, End, Run, Start, now_ms
from attendance.tracking.open_runs import OPEN, OpenRuns, active_in_mlflow
from attendance.tracking.runs import TrackedRun, status_after, wait_for_end
from attendance.tracking.words import say

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping

    from attendance.tracking.entries import Entry

log = structlog.get_logger(__name__)
P = ParamSpec("P")
_said_missing = False


def _never_raises(call: Callable[P, None]) -> Callable[P, None]:
    """A call whose arguments cannot be used is a warning, because tracking never stops what is tracked."""

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # whatever a value does when it is read
            log.warning("tracking_call_unusable", call=call.__name__, error=say(error))

    return guarded


class MLflowTracker:
    """Runs of one experiment.

    Each thread has its own active run. A thread that has none, such as a pool's, logs to the one run that is open elsewhere,
    and adds a child to it with ``nested=True``. Calls outside a run, or of which it is unclear whose they are, are dropped
    with a warning.

    Args:
        experiment_name: made where it is missing, restored where it was deleted.
        tracking_uri: where MLflow keeps runs; None: ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db``.
        settle_s: seconds that the end of an outermost run may wait until what was logged has arrived, though not for a
            server that is away; 0: never. None: a server is not waited for, a local file (``sqlite:``) until it is written,
            a few seconds at most (``Limits``), and not for one that is locked or cannot be written.

    Attributes:
        experiment_name: as MLflow takes it.
        tracking_uri: with a relative SQLite file made absolute, so that a change of folder does not matter.
    """

    def __init__(
        self, experiment_name: str, tracking_uri: str | Path | None = None, *, settle_s: float | None = None
    ) -> None:
        self.experiment_name = values.text(experiment_name).strip()[: values.EXPERIMENT_LENGTH] or "Default"
        self.tracking_uri = absolute(tracking_uri)
        self._settle_s = None if settle_s is None else values.seconds(settle_s)
        self._on = _available()
        self._open = OpenRuns()
        self._adopted: dict[str, Run] = {}  # runs that mlflow's own functions began, by id
        self._said: set[tuple[str, str]] = set()

    @contextmanager
    def start_run(
        self, run_name: str | None = None, tags: Mapping[str, Any] | None = None, nested: bool = False
    ) -> Iterator[TrackedRun]:
        """A run for the block: FINISHED after it, FAILED where an exception leaves it, KILLED on Ctrl-C.

        Neither its start nor its end waits for a server, unless ``settle_s`` says so: what was logged arrives soon after,
        and ``flush`` waits for it. After the end of an outermost run, what went to a local file is there, unless the file
        could not be written.

        Args:
            run_name: MLflow makes one up where there is none.
            tags: set from the start.
            nested: a child of the active run.

        Yields:
            What the block may ask: ``run.info.run_id`` and the like.
        """
        run = self._begin(run_name, tags, nested=nested)
        OPEN.set((*OPEN.get(), (self, run)))
        error: BaseException | None = None
        try:
            yield TrackedRun(run, self.tracking_uri if self._on else None)
        except BaseException as left_by:
            error = left_by
            raise
        finally:
            OPEN.set(tuple(one for one in OPEN.get() if one[1] is not run))
            self._end(run, status_after(error))

    @_never_raises
    def log_param(self, key: str, value: Any) -> None:
        """A parameter. It cannot change within a run: the first value stays."""
        if run := self._active("log_param"):
            self._put(recording.param(run, key, value))

    @_never_raises
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Several parameters."""
        if run := self._active("log_params"):
            for key, value in dict(params).items():
                self._put(recording.param(run, key, value))

    @_never_raises
    def log_metric(self, key: str, value: SupportsFloat, step: int | None = None) -> None:
        """A metric at this moment; NaN and the infinities are values like others."""
        if run := self._active("log_metric"):
            self._put(recording.metric(run, key, value, step))

    @_never_raises
    def log_metrics(self, metrics: Mapping[str, SupportsFloat], step: int | None = None) -> None:
        """Several metrics of one step."""
        if run := self._active("log_metrics"):
            for key, value in dict(metrics).items():
                self._put(recording.metric(run, key, value, step))

    @_never_raises
    def log_artifact(self, local_path: str | Path, artifact_path: str | None = None) -> None:
        """A file or folder as it is now: it is copied before the call returns and may be deleted after.

        Args:
            local_path: the file or folder.
            artifact_path: the folder among the run's artifacts.
        """
        if run := self._active("log_artifact"):
            worker = worker_for(self.tracking_uri)
            try:
                copy, size = worker.spool.take(Path(local_path))
            except (OSError, TrackingError) as error:
                log.warning("tracking_artifact_unreadable", name=Path(local_path).name, error=say(error))
                return
            folder = values.path(values.text(artifact_path).replace("\\", "/")) if artifact_path else None
            worker.put(Artifact(run, copy, folder or None, size))

    @_never_raises
    def log_dataset(
        self,
        name: str,
        digest: str,
        *,
        source: Mapping[str, Any] | None = None,
        profile: Mapping[str, Any] | None = None,
        context: str = "evaluation",
    ) -> None:
        """Which data the run was made with, among MLflow's data inputs of the run; the data themselves are not sent.

        Args:
            name: for people.
            digest: tells versions apart; MLflow keeps its first 36 characters.
            source: where the data are, plain values.
            profile: what they are like, such as counts; plain values.
            context: what they were used for.
        """
        if run := self._active("log_dataset"):
            what = values.text(name)[: values.DATASET_NAME_LENGTH], values.text(digest)[: values.DATASET_DIGEST_LENGTH]
            where, like = (json.dumps(dict(given or {}), default=values.text) for given in (source, profile))
            self._put(Data(run, *what, where, like, values.text(context)))

    @_never_raises
    def set_tag(self, key: str, value: Any) -> None:
        """A tag; a later value replaces it."""
        if run := self._active("set_tag"):
            self._put(recording.tag(run, key, value))

    @_never_raises
    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Several tags."""
        if run := self._active("set_tags"):
            for key, value in dict(tags).items():
                self._put(recording.tag(run, key, value))

    @_never_raises
    def log_execution_metadata(
        self,
        trade_date: dt.date | str | None = None,
        row_count: int | None = None,
        duration_seconds: float | None = None,
        partition_info: Mapping[str, Any] | None = None,
        *,
        date: dt.date | str | None = None,
    ) -> None:
        """What a job did: the date as the parameter ``trade_date``, each part of the partition as ``partition_<key>``, the
        numbers as metrics of their names. Of these what is None is left out.

        Args:
            trade_date: the day that was worked on.
            row_count: rows that were worked on.
            duration_seconds: how long it took.
            partition_info: such as ``{"year": 2025, "month": 3}``.
            date: another name for trade_date.
        """
        day = date if trade_date is None else trade_date
        if day is not None:
            self.log_param("trade_date", day)
        numbers = {"row_count": row_count, "duration_seconds": duration_seconds}
        self.log_metrics({key: value for key, value in numbers.items() if value is not None})
        if partition_info:  # last: where it is none, the rest has been logged
            self.log_params({f"partition_{key}": value for key, value in dict(partition_info).items()})

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything has arrived, also at a server that is away; False where it has not in this time."""
        return not self._on or worker_for(self.tracking_uri).flush(values.seconds(timeout_s))

    def _begin(self, run_name: object, tags: Mapping[str, Any] | None, *, nested: bool) -> Run:
        name = values.text(run_name)[: values.KEY_LENGTH] if run_name else None
        run = Run(self.experiment_name, name, {}, None)
        if not self._on:
            run.lost = True
            return run
        run.parent = self._parent(nested=nested)
        try:
            run.tags = recording.first_tags(run, tags)
        except Exception as error:  # noqa: BLE001  # whatever a value does when it is read
            log.warning("tracking_call_unusable", call="start_run", error=say(error))
        self._open.add(run)
        self._put(Start(run))
        return run

    def _parent(self, *, nested: bool) -> Run | None:
        own = self._own()
        if nested and own is None:
            roots = self._open.roots()
            if len(roots) > 1:
                log.warning(
                    "tracking_parent_unclear", open_runs=len(roots), why="nested in a thread without a run of its own"
                )
            return self._open.innermost() or (roots[0] if len(roots) == 1 else None)
        if own is not None and not nested:
            log.warning("tracking_run_still_open", run_name=own.name, now="a run beside it; nested=True makes a child")
        return own if nested else None

    def _end(self, run: Run, status: str) -> None:
        run.status, run.end_ms = status, now_ms()
        self._open.remove(run)
        if not self._on or run.pid != os.getpid():  # after a fork, it is the parent's to end
            return
        self._put(End(run, status, run.end_ms))
        if run.parent is None and status != "KILLED":
            wait_for_end(worker_for(self.tracking_uri), run, self._settle_s)

    def _own(self) -> Run | None:
        """The active run of this thread or task; where it has none, the one that mlflow's own ``start_run`` began here."""
        own = next((run for tracker, run in reversed(OPEN.get()) if tracker is self), None)
        return own or self._mlflows()

    def _mlflows(self) -> Run | None:
        found = active_in_mlflow()
        if found is None or absolute(found[0]) != self.tracking_uri:
            return None
        run = found[1]
        return self._adopted.setdefault(str(run.run_id), run)  # the same each time: it remembers what was logged

    def _active(self, call: str) -> Run | None:
        run = (self._own() or self._open.of_another_thread()) if self._on else None
        if self._on and run is None:
            why = "outside start_run" + ("; which of the open runs is meant is unclear" if self._open.roots() else "")
            if (call, why) not in self._said:
                self._said.add((call, why))
                log.warning("tracking_no_active_run", call=call, why=why)
        return run

    def _put(self, entry: Entry | None) -> None:
        if entry is not None:
            worker_for(self.tracking_uri).put(entry)


def _available() -> bool:
    """Whether mlflow is there; where it is not, that is said once in a process."""
    global _said_missing  # noqa: PLW0603  # once a process
    there = client.installed()
    if not there and not _said_missing:
        _said_missing = True
        log.warning("tracking_off", why="mlflow is not installed")
    return there
