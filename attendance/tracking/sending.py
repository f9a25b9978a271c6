"""One request of the tracking, made with MLflow's client. Every method may be called again after a failure: nothing that
has arrived already arrives twice."""

from __future__ import annotations

import getpass
import os
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from attendance.errors import TrackingError
from attendance.tracking.batches import Batch
from attendance.tracking.client import bounded, open_client
from attendance.tracking.entries import Artifact, Data, End, Run, Start, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

    from attendance.tracking.batches import Request
    from attendance.tracking.limits import Limits

log = structlog.get_logger(__name__)

# Hidden by MLflow's pages like every tag with this prefix.
KEY_TAG = "mlflow.attend.runKey"
# The request itself is at fault, so sending it again is of no use (mlflow/exceptions.py of 3.17). Everything else, from a
# refused connection to refused credentials, can be mended while the calls wait.
_AT_FAULT = {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE", "BAD_REQUEST"}


# The same of an artifact: its store is not to be written from this machine, or needs a library that is not here.
_NEVER = (FileNotFoundError, ImportError, IsADirectoryError, NotADirectoryError, PermissionError)


def is_at_fault(error: Exception) -> bool:
    """Whether this request will never be taken."""
    return isinstance(error, _NEVER) or getattr(error, "error_code", None) in _AT_FAULT


class Sender:
    """The calls of one process to one tracking URI, from one thread. Errors are MLflow's own, unchanged.

    Args:
        uri: of the tracking.
        limits: ``call_s``, ``artifact_s`` and ``lock_s``.
        heard: called after each answer of the server; one request of ours may need several.
    """

    def __init__(self, uri: str, limits: Limits, heard: Callable[[], None] = lambda: None) -> None:
        self._limits = limits
        with bounded(limits.call_s, limits.lock_s):
            self._client: MlflowClient = _Heard(open_client(uri, limits.lock_s), heard)  # type: ignore[assignment]  # acts as one
        self._experiments: dict[str, str] = {}

    def send(self, request: Request, *, again: bool) -> None:
        """Make this request; ``again`` says that it may have arrived before, unanswered."""
        bound_s = self._limits.artifact_s if isinstance(request, Artifact) else self._limits.call_s
        with bounded(bound_s, self._limits.lock_s):
            if isinstance(request, Start):
                self._start(request.run, again=again)
            elif isinstance(request, Batch):
                self._batch(request)
            elif isinstance(request, Artifact):
                self._client.log_artifact(self._id(request.run), str(request.copy), request.folder)
            elif isinstance(request, Data):
                self._data(request)
            elif isinstance(request, View):
                self._id(request.run)  # which gives the experiment's id too
                self._client.set_experiment_tag(str(request.run.experiment_id), request.key, request.value)
            else:
                self._end(request)

    def answers(self) -> bool:
        """Whether the server answers a harmless question."""
        try:
            with bounded(self._limits.call_s, self._limits.lock_s):
                self._client.search_experiments(max_results=1)
        except Exception:  # noqa: BLE001  # whatever it is, it is no answer
            return False
        return True

    def _start(self, run: Run, *, again: bool) -> None:
        if again:
            self._experiments.pop(run.experiment, None)  # it may have been deleted since
        experiment_id = self._experiment(run.experiment)
        if again and self._find(run, experiment_id):
            return
        parent = {"mlflow.parentRunId": self._id(run.parent)} if run.parent and not run.parent.lost else {}
        tags = {**_origin(), **run.tags, **parent, KEY_TAG: run.key}
        try:
            made = self._client.create_run(experiment_id, start_time=run.start_ms, tags=tags, run_name=run.name)
        except Exception as error:
            if again or not is_at_fault(error):
                raise
            self._start(run, again=True)  # the experiment may have been deleted since it was looked up
        else:
            know(run, made.info)

    def _batch(self, batch: Batch) -> None:
        from mlflow.entities import Metric, Param, RunTag

        self._client.log_batch(
            self._id(batch.run),
            metrics=[Metric(one.key, one.value, one.at_ms, one.step) for one in batch.metrics],
            params=[Param(one.key, one.value) for one in batch.params],
            tags=[RunTag(one.key, one.value) for one in batch.tags],
        )

    def _data(self, data: Data) -> None:
        """MLflow keeps an input of one name and digest once a run, so sending it again does not show."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        what = Dataset(data.name, data.digest, "local", data.source, profile=data.profile)
        inputs = [DatasetInput(what, [InputTag("mlflow.data.context", data.context)])]
        self._client.log_inputs(self._id(data.run), datasets=inputs)

    def _end(self, end: End) -> None:
        self._client.set_terminated(self._id(end.run), status=end.status, end_time=end.at_ms)
        end.run.ended = True

    def _id(self, run: Run) -> str:
        """The run's id. A run that another process began, before a fork, is looked up.

        Raises:
            TrackingError: that process has not been able to start it yet.
        """
        if run.run_id is None and not self._find(run, self._experiment(run.experiment)):
            raise TrackingError("the process that started this run has not reached the server yet")
        return str(run.run_id)

    def _find(self, run: Run, experiment_id: str) -> bool:
        found = self._client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{run.key}'", max_results=1)
        if found:
            know(run, found[0].info)
        return bool(found)

    def _experiment(self, name: str) -> str:
        """The experiment's id; made where it is missing, restored where it was deleted."""
        if name in self._experiments:
            return self._experiments[name]
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            experiment_id = self._made(name)
        else:
            experiment_id = str(experiment.experiment_id)
            if experiment.lifecycle_stage == "deleted":
                self._client.restore_experiment(experiment_id)
                log.warning("tracking_experiment_restored", experiment=name, why="it was deleted; new runs need it")
        self._experiments[name] = experiment_id
        return experiment_id

    def _made(self, name: str) -> str:
        try:
            return str(self._client.create_experiment(name))
        except Exception as error:
            if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = self._client.get_experiment_by_name(name)  # another process was quicker
            if experiment is None:
                raise
            return str(experiment.experiment_id)


class _Heard:
    """MLflow's client, which tells of each answer that it gets."""

    def __init__(self, client: MlflowClient, heard: Callable[[], None]) -> None:
        self._client = client
        self._tell = heard

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        @wraps(call)
        def asked(*args: Any, **kwargs: Any) -> Any:
            answer = call(*args, **kwargs)
            self._tell()
            return answer

        return asked


def know(run: Run, info: object) -> None:
    """Keep what the server says of the run; the id last, since others wait for it."""
    run.experiment_id = getattr(info, "experiment_id", None)
    run.artifact_uri = getattr(info, "artifact_uri", None)
    run.name = getattr(info, "run_name", run.name)
    run.run_id = getattr(info, "run_id", None)


def _origin() -> dict[str, str]:
    """Who runs what, as MLflow's own list of runs shows it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # no name for this user id, as in many containers
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    script = Path(sys.argv[0])
    name = script.parent.name if script.name == "__main__.py" else script.name  # of ``python -m package``
    return {"mlflow.user": user, "mlflow.source.name": name or "python", "mlflow.source.type": "LOCAL"}
