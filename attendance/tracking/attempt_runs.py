"""The runs of sessions and parameter sets, each made once, however often processes and servers end in the middle.

Making a run is not idempotent, so every run carries our key as a tag, and its id is remembered before anything is sent to
it. A run that was made and not remembered, because something was killed in between, is found by its key.
"""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING, Any

import structlog

from attendance.tracking.entries import Run, Start, now_ms
from attendance.tracking.sending import KEY_TAG, Sender, know

if TYPE_CHECKING:
    from attendance.tracking.base import Remembered
    from attendance.tracking.limits import Limits

log = structlog.get_logger(__name__)


def key_of(session_id: str, parameter_set: str | None) -> str:
    """Our key of a run: characters that a search filter takes, whatever the session is called."""
    return _digest(session_id, parameter_set or "")[:32]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


class RunKeeper(Sender):
    """A sender that gives each run the id it has had from the first time on."""

    def __init__(self, uri: str, experiment: str, remembered: Remembered, limits: Limits) -> None:
        super().__init__(uri, limits)
        self._remembered = remembered
        # Ids belong to one destination: with another one, runs are looked up and made there.
        self._scope = f"mlflow-run:{_digest(uri, experiment)[:16]}"

    def ensure(self, run: Run) -> None:
        """Give the run its id, parameters and tags as the server has them: the run remembered; else one that was made and
        not remembered; else a new one. A deleted run is restored, since what comes needs it; one that is gone for good
        is replaced."""
        place = self._place(run)
        if run.run_id is None:
            self.send(Start(run), again=True)
            run.run_id = self._remembered.remember(place, str(run.run_id))
            self._there(run)
        self._delete_twins(run)

    def exists(self, run: Run) -> bool:
        """The same for a run that nobody asks to make; False where there is none."""
        self._place(run)
        if run.run_id is not None:
            return True
        experiment = self._client.get_experiment_by_name(run.experiment)
        return experiment is not None and self._find(run, str(experiment.experiment_id)) and self._there(run)

    def children(self, run: Run) -> list[Any]:
        """The children of a run, as MLflow's own entities, oldest first."""
        wanted = f"tags.`mlflow.parentRunId` = '{run.run_id}'"
        return list(self._client.search_runs([str(run.experiment_id)], wanted, order_by=["attributes.start_time ASC"]))

    def end(self, run: Run) -> None:
        """The run and its children are FINISHED; those that are already stay as they are."""
        self._delete_twins(run)
        for child in self.children(run):
            if child.info.status == "RUNNING":
                self._client.set_terminated(child.info.run_id, "FINISHED", now_ms())
        if run.status == "RUNNING":
            self._client.set_terminated(str(run.run_id), "FINISHED", now_ms())

    def _place(self, run: Run) -> str:
        """Where the run's id is remembered, and the id itself or None: the first place that is empty or holds a run that
        is there. The places before it hold runs that are gone for good."""
        for generation in count(1):
            place = f"{self._scope}:{run.key}:{generation}"
            run.run_id = self._remembered.recall(place)
            if run.run_id is None or self._there(run):
                return place
        raise AssertionError

    def _there(self, run: Run) -> bool:
        """Whether the server has the run of this id; then take over what it knows of it."""
        try:
            found = self._client.get_run(str(run.run_id))
        except Exception as error:
            if getattr(error, "error_code", None) != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        if found.info.lifecycle_stage == "deleted":
            self._experiments.pop(run.experiment, None)
            self._experiment(run.experiment)  # restored with its runs, where it was deleted with them
            if self._client.get_run(str(run.run_id)).info.lifecycle_stage == "deleted":
                self._client.restore_run(str(run.run_id))
                log.warning("tracking_run_restored", run_name=run.name, why="it was deleted; its attempts need it")
        know(run, found.info)
        run.status = found.info.status
        run.params, run.tags = dict(found.data.params), dict(found.data.tags)
        return True

    def _delete_twins(self, run: Run) -> None:
        """A server that hung may make a run that was given up long ago, and made again: an empty one with our key."""
        for twin in self._client.search_runs([str(run.experiment_id)], f"tags.`{KEY_TAG}` = '{run.key}'"):
            if twin.info.run_id != run.run_id and not twin.data.metrics:
                self._client.delete_run(twin.info.run_id)
