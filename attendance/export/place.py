"""The folder of an export and the workplace beside it, where the next one is built until it takes the folder's place.

The workplace is called ``.NAME.work`` and holds the lock, the next export (``new``), where folders cannot be swapped in one
step the one before for a moment (``old``), what is being deleted (``trash``), what somebody still reads (``read``), and what
is known of the files (``index``).
Whatever a kill leaves there, ``recover`` puts in order: the folder itself is always a whole export.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from typing import TYPE_CHECKING

from attendance.errors import ExportError
from attendance.export.hold import let_go
from attendance.export.swap import exchange, flush

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600  # faces are biometric data: for the account that exports alone
WAIT_S = 900.0  # for another export of the same folder
_READ = "read-"
_LOOK_S = 0.1  # how often the lock is tried


class Place:
    """Where an export goes.

    Args:
        folder: of the export; may be missing. Where it is a link, what it leads to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if self.folder.parent == self.folder:
            raise ExportError("An export needs a folder of its own.")
        self.work = self.folder.with_name(f".{self.folder.name}.work")
        self.new = self.work / "new"
        self.index = self.work / "index"
        self._old, self._trash = self.work / "old", self.work / "trash"

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[], None], *, wait_s: float = WAIT_S) -> Iterator[None]:
        """One export or restore at a time; the lock goes with the process, however that ends.

        Args:
            waiting: called once, where another process has the lock.
            wait_s: how long to wait for it, seconds.

        Raises:
            ExportError: it still has it then.
        """
        self.work.parent.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(mode=FOLDER_MODE, exist_ok=True)
        lock = os.open(self.work / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
        try:
            end, told = time.monotonic() + wait_s, False
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not told:
                        waiting()
                        told = True
                    if time.monotonic() > end:
                        raise ExportError("Another export of this folder is still running; nothing was done.") from None
                    time.sleep(_LOOK_S)
            self.recover()
            yield
        finally:
            os.close(lock)

    def recover(self) -> None:
        """Put in order what a kill left; needs the lock."""
        if self._old.exists():
            if self.folder.exists():
                self._discard(self._old)
            else:  # killed between the two steps of a swap
                self._old.rename(self.folder)
        self._discard(self.new)
        if self._trash.exists():
            shutil.rmtree(self._trash)
        for kept in self.work.glob(f"{_READ}*"):
            self._discard(kept)

    def begin(self) -> Path:
        """An empty folder for the next export."""
        self.new.mkdir(mode=FOLDER_MODE)
        return self.new

    def publish(self) -> None:
        """Let what was built take the folder's place, durably; the one before is deleted."""
        flush(self.new)
        if not self.folder.exists():
            self.new.rename(self.folder)
        else:
            self.new.chmod(self.folder.stat().st_mode & 0o7777)
            if not exchange(self.new, self.folder):
                self.folder.rename(self._old)
                self.new.rename(self.folder)
                self._discard(self._old)
        _sync_folder(self.folder.parent)
        self._discard(self.new)

    def _discard(self, folder: Path) -> None:
        """Out of the way at once, then deleted; one that somebody still reads (``hold.held``) by a later run."""
        if not folder.exists():
            return
        if not let_go(folder):
            folder.rename(self.work / f"{_READ}{uuid.uuid4().hex}")
            return
        if self._trash.exists():
            shutil.rmtree(self._trash)
        folder.rename(self._trash)
        shutil.rmtree(self._trash)


def _sync_folder(folder: Path) -> None:
    """As fsync(2) advises after a rename; a folder that may not be synced is left to the system."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
