"""MLflow's model registry: versions of the recogniser, their tags and aliases, and their files.

Every call is bounded like those of the tracking (limits.py), and every failure is a ``RegistryError`` with a sentence: these
calls are made for somebody who waits for the answer.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attendance.domain.registered import NAME, Version
from attendance.errors import RegistryError
from attendance.logs import masked
from attendance.tracking import probe
from attendance.tracking.client import bounded, installed, open_client
from attendance.tracking.limits import LIMITS, Limits
from attendance.tracking.words import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.entities.model_registry import ModelVersion

    from attendance.tracking.packaging import Package

EXPERIMENT = "face-recogniser"  # holds the logged models, which MLflow keeps in an experiment each
_MISSING = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE"}
_REFUSED = {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}


class Registry:
    """One registered model of one MLflow.

    Args:
        uri: the tracking URI, which is the registry's too unless ``MLFLOW_REGISTRY_URI`` says otherwise.
        name: of the registered model.

    Raises:
        RegistryError: MLflow is not installed, or nothing answers there.
    """

    def __init__(self, uri: str, name: str = NAME, limits: Limits = LIMITS) -> None:
        self.name = name
        self.uri = uri
        self._limits = limits
        if not installed():
            raise RegistryError("MLflow is not installed: pip install mlflow-skinny.", model="registry", reason="missing")
        if not probe.answers(uri, limits.probe_s):
            raise RegistryError(f"No MLflow server answers at {masked(uri)}.", model="registry", reason="unreachable")
        with self._asking():
            self._client = open_client(uri)

    def versions(self) -> list[Version]:
        """All of them, the latest first; none where the model was never registered."""
        with self._asking():
            found = self._client.search_model_versions(f"name = '{self.name}'", max_results=1000)
            aliases: Mapping[str, str] = {}
            if found:  # a search gives the versions without their aliases
                aliases = dict(self._client.get_registered_model(self.name).aliases)
        return sorted((_version(one, aliases) for one in found), key=lambda one: one.number, reverse=True)

    def version(self, which: str) -> Version:
        """One of them, by number or ``@alias``.

        Raises:
            RegistryError: there is none (``missing``).
        """
        with self._asking(f"There is no {self.name} {which}"):
            if which.startswith("@"):
                found = self._client.get_model_version_by_alias(self.name, which[1:])
            else:
                found = self._client.get_model_version(self.name, which)
            return _version(found, dict(self._client.get_registered_model(self.name).aliases))

    def register(self, package: Package, tags: Mapping[str, str], description: str) -> Version:
        """Save a package as an MLflow model and register it as the next version."""
        with tempfile.TemporaryDirectory(prefix="attend-register-") as scratch:
            folder = Path(scratch) / "model"
            with self._asking():
                package.save(folder)
            with self._asking(timeout_s=self._limits.artifact_s):
                made = self._client.create_logged_model(self._experiment(), name=self.name, params=package.params())
                self._client.log_model_artifacts(made.model_id, str(folder))
                self._client.finalize_logged_model(made.model_id, "READY")
                self._create_model()
                version = self._client.create_model_version(
                    self.name, f"models:/{made.model_id}", tags=dict(tags), description=description, model_id=made.model_id
                )
        return self.version(str(version.version))

    def point(self, alias: str, number: int) -> None:
        """Let an alias stand for this version."""
        with self._asking():
            self._client.set_registered_model_alias(self.name, alias, str(number))

    def unpoint(self, alias: str) -> None:
        """Let an alias stand for nothing; it may have stood for nothing."""
        with self._asking():
            self._client.delete_registered_model_alias(self.name, alias)

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        """Say something of a version; a later value replaces an earlier one."""
        with self._asking():
            for key, value in tags.items():
                self._client.set_model_version_tag(self.name, str(number), key, value)

    def said(self, key: str) -> str:
        """A tag of the whole model; empty where there is none."""
        with self._asking():
            return str(self._client.get_registered_model(self.name).tags.get(key, ""))

    def say(self, key: str, value: str) -> None:
        """Set a tag of the whole model."""
        with self._asking():
            self._client.set_registered_model_tag(self.name, key, value)

    def download(self, number: int, folder: Path) -> Path:
        """The recogniser's folder of a version, written below ``folder``; not checked here."""
        from mlflow.artifacts import download_artifacts

        where = f"models:/{self.name}/{number}/artifacts/recogniser"
        with self._asking(f"{self.name} {number} holds no recogniser", timeout_s=self._limits.artifact_s):
            got = download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=self.uri)
        return Path(got)

    def _create_model(self) -> None:
        try:
            self._client.create_registered_model(self.name, description="Recognises faces: docs/registry.md.")
        except Exception as error:
            if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                raise

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        return str(found.experiment_id if found else self._client.create_experiment(EXPERIMENT))

    @contextmanager
    def _asking(self, missing: str = "", *, timeout_s: float | None = None) -> Iterator[None]:
        try:
            with bounded(timeout_s or self._limits.call_s):
                yield
        except RegistryError:
            raise
        except ImportError as error:
            raise RegistryError(f"MLflow cannot be imported: {say(error)}.", model="registry", reason="missing") from error
        except Exception as error:
            code = getattr(error, "error_code", None)
            if missing and code in _MISSING:
                raise RegistryError(f"{missing} at {masked(self.uri)}.", model="registry", reason="missing") from error
            if code in _REFUSED:
                raise RegistryError(
                    f"MLflow at {masked(self.uri)} refuses: {say(error)}.", model="registry", reason="refused"
                ) from error
            sentence = f"MLflow at {masked(self.uri)} did not do what was asked: {say(error)}."
            raise RegistryError(sentence, model="registry", reason="unreachable" if code is None else "refused") from error


def _version(one: ModelVersion, aliases: Mapping[str, str]) -> Version:
    number = int(one.version)
    mine = tuple(sorted(alias for alias, at in aliases.items() if int(at) == number))
    tags: dict[str, Any] = dict(one.tags)
    return Version(number, mine, datetime.fromtimestamp(one.creation_timestamp / 1000, UTC), tags)
