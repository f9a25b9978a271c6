"""Copies of artifacts until they have been sent, in a folder of this process that goes with it."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from attendance.errors import TrackingError


class Spool:
    """The folder of copies, at most ``most_bytes`` at a time."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._sizes: dict[Path, int] = {}

    def take(self, source: Path) -> tuple[Path, int]:
        """Copy this file or folder as it is now; the copy's path, whose last part is the source's name, and its bytes.

        Raises:
            TrackingError: too much waits already.
            OSError: it is not there, no file or folder, or cannot be read; or the disk is full.
        """
        source = source.absolute()
        size = sum(one.stat().st_size for one in source.rglob("*")) if source.is_dir() else source.stat().st_size
        with self._lock:
            if sum(self._sizes.values()) + size > self._most:
                raise TrackingError(f"{size:,} bytes more than the {self._most:,} that may wait")
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="attend-tracking-"))
            copy = Path(tempfile.mkdtemp(dir=self._folder)) / source.name
            self._sizes[copy] = size
        try:
            if source.is_dir():
                shutil.copytree(source, copy)
            else:
                shutil.copy2(source, copy)  # refuses pipes and devices
        except (OSError, shutil.Error):
            self.discard(copy)
            raise
        return copy, size

    def discard(self, copy: Path) -> None:
        """Remove a copy; that it is gone already is fine."""
        with self._lock:
            self._sizes.pop(copy, None)
        shutil.rmtree(copy.parent, ignore_errors=True)

    def remove(self) -> None:
        """Remove them all."""
        with self._lock:
            folder, self._folder = self._folder, None
            self._sizes.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
