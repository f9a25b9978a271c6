"""FaceNet's weights: downloaded once from their publisher, checked, cached. Nothing here runs at import."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attendance.errors import WeightsUnavailableError
from attendance.faces.download import Download
from attendance.faces.files import locked, sha256_of
from attendance.faces.network import Limits
from attendance.faces.published import FACENET, Published

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attendance.faces.network import Transport


def no_progress(done: int, total: int) -> None:
    """Say nothing."""


def verify(path: Path, what: Published = FACENET) -> Path:
    """The path, if the file there is the published one, byte for byte; reads it all (0.1 s for FaceNet's).

    Raises:
        WeightsUnavailableError: ``missing``, ``unreadable`` or ``checksum``.
    """
    try:
        same = path.stat().st_size == what.size and sha256_of(path) == what.sha256
    except (FileNotFoundError, NotADirectoryError):
        raise _unavailable(what, f"{what.title}'s weights are not at {path}.", "missing") from None
    except OSError as error:
        sentence = f"{what.title}'s weights at {path} cannot be read: {error.strerror}."
        raise _unavailable(what, sentence, "unreadable") from error
    if not same:
        sentence = f"{path} is not {what.title}'s published weights file, or it is damaged: its SHA-256 is another one."
        raise _unavailable(what, sentence, "checksum")
    return path


def fetch(
    folder: Path,
    what: Published = FACENET,
    *,
    progress: Callable[[int, int], None] = no_progress,
    offline: bool = False,
    limits: Limits | None = None,
    transport: Transport | None = None,
) -> Path:
    """The checked file in ``folder``, downloaded where it is not there yet.

    A download that was interrupted goes on where it ended. Two processes never download at once: the second waits as
    long as the first one gets on. Without a network it takes at most ``limits.contact_s`` (2.5 s), also where looking up
    the name or connecting hangs.

    Args:
        folder: made where it is missing.
        what: which file.
        progress: called with bytes done and bytes in all.
        offline: never try to download.
        limits: how long the network may be silent.
        transport: what carries the requests; None: the system's network and its proxy settings.

    Raises:
        WeightsUnavailableError: ``missing`` (and offline), ``download_failed``, ``checksum`` or ``unreadable``.
    """
    target = folder / what.name
    limits = limits or Limits()
    if _usable(target, what):
        return target
    if offline:
        verify(target, what)
    part = folder / f"{what.name}.part"
    growing = _Growth(part, progress, what.size, limits.stall_s)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{what.name}.lock", timeout_s=limits.contact_s, alive=growing):
            if _usable(target, what):
                return target
            limits = limits if growing.seen else Limits(limits.contact_s - growing.waited_s, limits.stall_s)
            _download(what, part, target, limits, progress, transport)
    except TimeoutError as error:
        sentence = f"{what.title}'s weights could not be downloaded: another process is trying and does not get on."
        raise _unavailable(what, sentence, "download_failed") from error
    except OSError as error:
        sentence = f"{what.title}'s weights could not be written to {folder}: {error.strerror}."
        raise _unavailable(what, sentence, "download_failed") from error
    return target


def _usable(target: Path, what: Published) -> bool:
    """Whether the cached file is there and whole. A damaged one is downloaded anew: the copy is ours, so nothing is lost."""
    try:
        verify(target, what)
    except WeightsUnavailableError as error:
        if error.reason == "unreadable":
            raise
        return False
    return True


def _download(
    what: Published,
    part: Path,
    target: Path,
    limits: Limits,
    progress: Callable[[int, int], None],
    transport: Transport | None,
) -> None:
    download = Download(what, part, limits=limits, transport=transport)
    try:
        download.run(progress)
        _to_disk(part)
    except OSError:
        download.forget()  # a full disk is given its space back
        raise
    if sha256_of(part) != what.sha256:
        download.forget()
        sentence = f"What was downloaded is not {what.title}'s published weights file (another SHA-256). It was removed."
        raise _unavailable(what, sentence, "checksum")
    part.replace(target)
    download.forget()


def _to_disk(path: Path) -> None:
    """Wait until the bytes are on the disk, so that a power cut cannot leave a whole name with half the content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


class _Growth:
    """Whether another process's download gets on, and how long we have waited in vain."""

    def __init__(self, part: Path, progress: Callable[[int, int], None], total: int, stall_s: float) -> None:
        self._part = part
        self._progress = progress
        self._total = total
        self._stall_s = stall_s
        self._size: int | None = None
        self._since = time.monotonic()
        self.seen = False

    @property
    def waited_s(self) -> float:
        """Seconds since the start, or since the other process last got on."""
        return time.monotonic() - self._since

    def __call__(self) -> bool:
        try:
            size = self._part.stat().st_size
        except OSError:
            size = 0
        grew = self._size is not None and size > self._size
        self._size = size
        if grew:
            self.seen = True
            self._since = time.monotonic()
            self._progress(min(size, self._total), self._total)
        return self.seen and self.waited_s < self._stall_s


def _unavailable(what: Published, sentence: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(sentence, model=what.model, reason=reason)
