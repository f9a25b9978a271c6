"""Attempts into MLflow: a run for each session, a child for each parameter set, and the attempt's number as the step.

Whatever was sent before may be sent again, by this process or another one: a metric of equal step, time and value is stored
once, tables are replaced by equal ones, and a run keeps its id.
"""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attendance.domain.model import Decision
from attendance.errors import TrackingError
from attendance.tracking import planning, probe, values
from attendance.tracking.attempt_note import SET_DIGITS, note_on
from attendance.tracking.attempt_runs import RunKeeper, key_of
from attendance.tracking.attempt_tables import AttemptTables
from attendance.tracking.attempt_values import at_ms, identity, means, metrics, parameters, row, summary_metrics
from attendance.tracking.base import AttemptsRefusedError, parameter_set
from attendance.tracking.batches import gather
from attendance.tracking.client import bounded, installed
from attendance.tracking.entries import Metric, Param, Run, Tag, now_ms
from attendance.tracking.limits import LIMITS, Limits
from attendance.tracking.words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from attendance.domain.model import Attempt
    from attendance.tracking.base import Dataset, Numbered, Remembered, Session, Summary
    from attendance.tracking.entries import Entry

_NAME_LENGTH = 250  # of a run's name in MLflow's databases (mlflow/store/tracking/dbmodels/models.py of 3.17)
_TABLES_TAG = "mlflow.loggedArtifacts"  # makes MLflow's pages show a file as a table
# What MLflow says of a request that it will never take (mlflow/exceptions.py of 3.17); a run or experiment that was deleted
# meanwhile is refused with the same word, so whoever sends tries once more before believing it.
_REFUSED = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"}
_TABLES_SHOWN = 20  # the newest; every list of runs carries this tag


class MlflowSink:
    """Sends attempts to one experiment of one tracking URI. One thread uses it at a time; each request is bounded.

    Nothing is imported or opened before the first call. Errors are TrackingError and nothing else; the same call is then
    made again later.

    Args:
        tracking_uri: may hold a password; errors don't show it.
        experiment: made where it is missing, restored where it was deleted.
        remembered: keeps the ids of runs.
        pseudonyms: gives the name to show for a person's id; None: people's names are shown.
        limits: ``sink_s`` bounds a request, ``probe_s`` the question whether anything is there.
    """

    def __init__(
        self,
        tracking_uri: str,
        experiment: str,
        remembered: Remembered,
        *,
        pseudonyms: Callable[[str], str] | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._uri = tracking_uri
        self._experiment = values.text(experiment)[: values.EXPERIMENT_LENGTH]
        self._remembered = remembered
        self._pseudonyms = pseudonyms
        self._limits = limits
        self._keeper: RunKeeper | None = None
        self._tables = AttemptTables(tracking_uri)
        self._runs: dict[str, Run] = {}  # by key: those that were seen to be there
        self._last = 0  # the number of the last attempt that this sink sent

    def send(self, session: Session, batch: Sequence[Numbered], dataset: Dataset) -> None:
        """Send attempts of one session, in the order of their numbers. The same batch again does not show.

        Raises:
            AttemptsRefusedError: MLflow says that a value of some of them, or of their parameter set, cannot be.
            TrackingError: they have not all arrived.
        """
        if not batch:
            return
        with self._working() as keeper:
            if batch[0].number > self._last + 1:  # somebody else may have sent what lies between
                self._tables.forget()
            parent = self._ensured(keeper, self._session_run(session))
            parts: dict[str, list[Numbered]] = {}
            for one in batch:
                parts.setdefault(parameter_set(one.attempt), []).append(one)
            for digest, part in parts.items():
                with _refusable(part):
                    child = self._ensured(keeper, self._set_run(session, digest, parent, part[0].attempt))
                    self._send_part(keeper, child, part, dataset)
            self._put(keeper, parent, list(self._latest(parent, batch)))
            self._last = batch[-1].number

    def set_aside(self, session: Session, count: int) -> None:
        """Say on the session's run how many of its attempts were refused.

        Raises:
            TrackingError: MLflow does not take that either, so it is not the attempts that are at fault.
        """
        with self._working() as keeper:
            run = self._ensured(keeper, self._session_run(session))
            self._put(keeper, run, [Tag(run, "attempts_refused", str(count))])

    def summarise(self, session: Session, parameter_set: str | None, summary: Summary) -> None:
        """Put a summary on the run of a parameter set, or (None) on the session's own, with a table of all its sets.

        Raises:
            TrackingError: it has not arrived.
        """
        with self._working() as keeper:
            run = self._existing(keeper, session, parameter_set)
            if run is None:  # nothing was ever sent to it
                return
            now = now_ms()
            entries: list[Entry] = [
                Metric(run, name, value, now, summary.attempts) for name, value in summary_metrics(summary)
            ]
            if parameter_set is None:
                entries.append(Tag(run, "mlflow.note.content", note_on(keeper.children(run))))
            self._put(keeper, run, entries)
        if parameter_set is None:  # the last of a round
            planning.refresh(self._uri)

    def finish(self, session: Session) -> None:
        """End the runs of a session; they are then FINISHED. Ending them again changes nothing.

        Raises:
            TrackingError: they have not all ended.
        """
        with self._working() as keeper:
            run = self._existing(keeper, session, None)
            if run is not None:
                keeper.end(run)
            self._forget()

    def answers(self) -> bool:
        """See ``AttemptSink.answers``; a database that is opened here always is there."""
        return probe.answers(self._uri, self._limits.probe_s)

    def close(self) -> None:
        """Give back what is held. The sink is not used afterwards."""
        self._forget()
        self._keeper = None

    @contextmanager
    def _working(self) -> Iterator[RunKeeper]:
        """Bounded requests, and every error as ours; after one, nothing that was seen before is relied on."""
        try:
            with bounded(self._limits.sink_s):
                yield self._opened()
        except TrackingError:
            self._forget()
            raise
        except Exception as error:
            self._forget()
            raise TrackingError(say(error)) from error

    def _opened(self) -> RunKeeper:
        if self._keeper is None:
            if not installed():
                raise TrackingError("mlflow is not installed")
            if not probe.answers(self._uri, self._limits.probe_s):  # spares the import of mlflow
                raise TrackingError("nothing answers at the tracking URI")
            limits = Limits(call_s=self._limits.sink_s, artifact_s=self._limits.sink_s)
            self._keeper = RunKeeper(self._uri, self._experiment, self._remembered, limits)
        return self._keeper

    def _forget(self) -> None:
        self._runs.clear()
        self._tables.forget()

    def _session_run(self, session: Session) -> Run:
        tags = {"session": values.text(session.session_id)[: values.TAG_LENGTH]}
        if session.site is not None:
            tags["site"] = values.text(session.site)[: values.TAG_LENGTH]
        name = values.text(session.name)[:_NAME_LENGTH] or None
        start_ms = round(session.started_at_utc.timestamp() * 1000)
        return Run(self._experiment, name, tags, None, start_ms, key=key_of(session.session_id, None))

    def _set_run(self, session: Session, digest: str, parent: Run | None, attempt: Attempt | None = None) -> Run:
        """The child of a parameter set; without an attempt, one that can be looked up but not made."""
        run = Run(self._experiment, None, {}, parent, key=key_of(session.session_id, digest))
        if attempt is not None:
            run.name = f"threshold {attempt.threshold:.3g} ({digest[:SET_DIGITS]})"
            run.start_ms = at_ms(attempt)
            run.tags = {"parameter_set": digest}
        return run

    def _ensured(self, keeper: RunKeeper, run: Run) -> Run:
        if run.key not in self._runs:
            keeper.ensure(run)
            self._runs[run.key] = run
        return self._runs[run.key]

    def _existing(self, keeper: RunKeeper, session: Session, digest: str | None) -> Run | None:
        run = self._session_run(session) if digest is None else self._set_run(session, digest, None)
        if run.key not in self._runs:
            if not keeper.exists(run):
                return None
            self._runs[run.key] = run
        return self._runs[run.key]

    def _send_part(self, keeper: RunKeeper, run: Run, part: Sequence[Numbered], dataset: Dataset) -> None:
        """The attempts of one parameter set. What is there already is left alone, since a parameter can't change."""
        wanted = parameters(part[0].attempt)
        entries: list[Entry] = [Param(run, name, value) for name, value in wanted.items() if name not in run.params]
        if not run.params:  # a new run: MLflow's compare view shows the metric that came first
            accepted = math.fsum(one.attempt.decision is Decision.ACCEPTED for one in part)
            entries.append(Metric(run, "accept_rate", accepted / len(part), at_ms(part[-1].attempt), len(part)))
        for one in part:
            entries += _at(run, one, metrics(one.attempt))
        entries += _at(run, part[-1], means(one.attempt for one in part))
        self._put(keeper, run, [*entries, *self._latest(run, part), *_dataset(run, part[-1], dataset)])
        run.params = wanted | run.params
        written = self._tables.add(run, [row(one, self._pseudonyms) for one in part])
        self._put(keeper, run, _tables_tag(run, written))

    def _latest(self, run: Run, part: Sequence[Numbered]) -> Iterator[Tag]:
        """The last identity that was verified, where it is another one than before."""
        names = (identity(one.attempt, self._pseudonyms) for one in reversed(part))
        name = next((values.text(name)[: values.TAG_LENGTH] for name in names if name), None)
        if name is not None and run.tags.get("verified_identity") != name:
            yield Tag(run, "verified_identity", name)

    def _put(self, keeper: RunKeeper, run: Run, entries: Sequence[Entry]) -> None:
        for request in gather(entries):
            keeper.send(request, again=True)
        run.tags |= {entry.key: entry.value for entry in entries if isinstance(entry, Tag)}


@contextmanager
def _refusable(part: Sequence[Numbered]) -> Iterator[None]:
    """Within, only these attempts are sent: what MLflow refuses for ever is theirs."""
    try:
        yield
    except Exception as error:
        if getattr(error, "error_code", None) in _REFUSED:
            raise AttemptsRefusedError(say(error), numbers=frozenset(one.number for one in part)) from error
        raise


def _dataset(run: Run, last: Numbered, dataset: Dataset) -> Iterator[Metric]:
    """How much was enrolled, as of the batch's last attempt."""
    return _at(run, last, {"dataset_num_images": dataset.images, "dataset_num_identities": dataset.identities}.items())


def _at(run: Run, one: Numbered, found: Iterable[tuple[str, float]]) -> Iterator[Metric]:
    """Metrics at an attempt's step and time."""
    for name, value in found:
        yield Metric(run, name, float(value), at_ms(one.attempt), one.number)


def _tables_tag(run: Run, written: Sequence[str]) -> list[Tag]:
    """Names the run's newest tables to MLflow's pages, where that changes."""
    try:
        known = [str(one["path"]) for one in json.loads(run.tags.get(_TABLES_TAG, "[]"))]
    except (ValueError, TypeError, KeyError):
        known = []
    paths = sorted({*known, *written})[-_TABLES_SHOWN:]
    if paths == known:
        return []
    return [Tag(run, _TABLES_TAG, json.dumps([{"path": path, "type": "table"} for path in paths]))]
