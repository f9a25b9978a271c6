"""The recogniser of a registry, as this machine has it: asked for at a start, kept on the disk, used without the server.

Copies lie by their digest, are written beside their place and moved there whole, and are checked each time they are read.
One small file for each URI says which copy it stood for last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from attendance.errors import ModelError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from attendance.domain.recogniser import Recogniser

log = structlog.get_logger(__name__)

ASK_S = 20.0  # to ask where there is a copy: MLflow's import takes about half of it on a slow machine
FIRST_S = 300.0  # where there is none, nothing can start without it: 100 MB over a slow line


class Answer(Protocol):
    """What a registry says (``tracking.fetching.Fetched``)."""

    @property
    def number(self) -> int:
        """Of the version."""

    @property
    def digest(self) -> str:
        """Of the recogniser."""

    @property
    def folder(self) -> Path | None:
        """Where it was written; None: it is here already."""


class Fetch(Protocol):
    """Asks the registry (``tracking.fetching.fetch``)."""

    def __call__(self, folder: Path, have: Collection[str], timeout_s: float, /) -> Answer:
        """What the URI stands for; written below ``folder`` unless its digest is in ``have``. Raises RegistryError."""


@dataclass(frozen=True, slots=True)
class KeptRecogniser:
    """The copy that is used.

    Attributes:
        recogniser: what is in it.
        folder: where it lies.
        number: its version.
        why_kept: why the registry could not be asked and the last good copy is used; empty where it was asked.
    """

    recogniser: Recogniser
    folder: Path
    number: int
    why_kept: str


class Keeper:
    """The copies of one URI.

    Args:
        uri: such as ``models:/face-recogniser@champion``.
        folder: where copies are kept; made where it is missing.
        fetch: asks the registry.
        read: checks a copy and says what is in it; raises ModelError (``faces.bundle.read``).
    """

    def __init__(self, uri: str, folder: Path, fetch: Fetch, read: Callable[[Path], Recogniser]) -> None:
        self._uri = uri
        self._folder = folder
        self._fetch = fetch
        self._read = read
        self._pointer = folder / f"{hashlib.sha256(uri.encode()).hexdigest()[:16]}.json"

    def current(self) -> KeptRecogniser:
        """What the URI stands for; where the registry cannot be asked, the last good copy.

        Raises:
            RegistryError: it cannot be asked and there is no copy, or what it has is damaged and there is none.
        """
        last = self._last("")
        try:
            return self._asked(last)
        except (RegistryError, OSError) as error:
            if last is None:
                if isinstance(error, RegistryError):
                    raise RegistryError(
                        f"{error} There is no copy of {self._uri} here yet.", model="registry", reason=error.reason
                    ) from error
                message = f"{self._uri} cannot be kept in {self._folder}: {error.strerror or error}."
                raise RegistryError(message, model="registry", reason="refused") from error
            log.warning("registry_away", model=self._uri, error=error, used=f"version {last.number}, the last good copy")
            return KeptRecogniser(last.recogniser, last.folder, last.number, str(error))

    def _asked(self, last: KeptRecogniser | None) -> KeptRecogniser:
        self._folder.mkdir(parents=True, exist_ok=True)
        have = [] if last is None else [last.recogniser.digest]
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=self._folder) as scratch:
            answer = self._fetch(Path(scratch), have, FIRST_S if last is None else ASK_S)
            if answer.folder is None:
                if last is None or last.recogniser.digest != answer.digest:
                    raise RegistryError(f"The registry gave no files of {self._uri}.", model="registry", reason="refused")
                folder = last.folder
            else:
                folder = self._take(answer.folder, answer.digest)
        made = KeptRecogniser(self._read(folder), folder, answer.number, "")
        if last is None or (last.number, last.folder) != (made.number, made.folder):
            self._point(made)
            log.info("recogniser_taken", model=self._uri, version=made.number, digest=made.recogniser.digest[:16])
        return made

    def _take(self, fetched: Path, digest: str) -> Path:
        """Move what was fetched to its place, if it is what the registry says it is."""
        try:
            found = self._read(fetched)
        except ModelError as error:
            raise RegistryError(
                f"What the registry gave of {self._uri} is damaged: {error}", model="registry", reason="checksum"
            ) from error
        if found.digest != digest:
            message = f"What the registry gave of {self._uri} is not what was registered: its digest is another one."
            raise RegistryError(message, model="registry", reason="checksum")
        place = self._folder / digest[:32]
        if place.exists():
            try:
                if self._read(place).digest == digest:
                    return place
            except ModelError:
                pass
            shutil.rmtree(place)
        for one in fetched.rglob("*"):
            if one.is_file():
                _to_disk(one)
        with contextlib.suppress(FileExistsError):  # another process was quicker
            fetched.rename(place)
        return place

    def _last(self, why: str) -> KeptRecogniser | None:
        try:
            pointer = json.loads(self._pointer.read_bytes())
            folder, number = self._folder / str(pointer["folder"]), int(pointer["version"])
            return KeptRecogniser(self._read(folder), folder, number, why)
        except (OSError, ValueError, KeyError, TypeError, ModelError):
            return None  # none yet, or one that was damaged: then it is fetched anew

    def _point(self, made: KeptRecogniser) -> None:
        """Durable before it counts, and old or new at any time; copies that nothing points to go."""
        text = json.dumps({"uri": self._uri, "version": made.number, "folder": made.folder.name}, indent=2)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".pointer-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        used = {_pointed(self._pointer)}  # the one before stays, for a process that still uses it
        Path(name).replace(self._pointer)
        used |= {_pointed(one) for one in self._folder.glob("*.json")}
        for one in self._folder.iterdir():
            if one.is_dir() and not one.name.startswith(".") and one.name not in used:
                shutil.rmtree(one, ignore_errors=True)


def _pointed(pointer: Path) -> str | None:
    """The name of the copy that this file stands for; None where there is none, or the file is damaged."""
    try:
        return str(json.loads(pointer.read_bytes())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _to_disk(path: Path) -> None:
    """So that a power cut cannot leave a whole name with half the content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
