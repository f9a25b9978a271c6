"""The folder of an export and the workplace beside it, where the next one is built until it takes the folder's place.

The workplace is called ``.NAME.work`` and holds the lock, the next export (``new``), where folders cannot be swapped in one
step the one before for a moment (``old``), what is being deleted (``trash``), what somebody still reads (``read``), what is
known of the files (``index``), and second names of the pictures for the next export (``images``: ``twin``).
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
from attendance.export.layout import FILE_MODE, FOLDER_MODE, IMAGES, MANIFEST
from attendance.export.scribe import Mark, mark_of
from attendance.export.stage import file_digest
from attendance.export.swap import exchange, flush

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT_S = 900.0  # for another export of the same folder
_READ, _TWIN = "read-", "images-"
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
        self.lock = -1  # its descriptor, while it is held
        self._digests: dict[Mark, str] = {}
        self._old, self._trash, self._spare = self.work / "old", self.work / "trash", self.work / "images"

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
        self.lock = lock = os.open(self.work / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
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
            try:
                yield
            except BaseException:
                with contextlib.suppress(OSError):  # a full disk has room again; else the next run finds what is left
                    self.recover()
                raise
        finally:
            os.close(lock)

    def recover(self) -> None:
        """Put in order what a kill left; needs the lock."""
        if self._old.exists():
            if self.folder.exists():
                self._discard(self._old)
            else:  # killed between the two steps of a swap
                self._old.rename(self.folder)
        twin = self.twin()
        left = {*self.work.glob(f"{_READ}*"), *self.work.glob(f"{_TWIN}*")} - {twin}
        for folder in (self.new, self._spare, *left):
            self._discard(folder)
        if self._trash.exists():
            shutil.rmtree(self._trash)

    def begin(self) -> Path:
        """An empty folder for the next export."""
        self.new.mkdir(mode=FOLDER_MODE)
        return self.new

    def publish(self) -> None:
        """Let what was built take the folder's place, durably; the one before is in its place until ``recover``."""
        flush(self.new)
        if not self.folder.exists():
            self.new.rename(self.folder)
        else:
            self.new.chmod(self.folder.stat().st_mode & 0o7777)
            if not exchange(self.new, self.folder):
                self.folder.rename(self._old)
                self.new.rename(self.folder)
                self._old.rename(self.new)
        _sync_folder(self.folder.parent)

    @property
    def is_versioned(self) -> bool:
        """Whether the folder lies in a project of DVC, which replaces every file that has a second name by a copy."""
        return any((above / ".dvc").is_dir() for above in self.folder.parents)

    def twin(self) -> Path | None:
        """The pictures' second tree (``twin``), where there is one of the export that is there and it is of use."""
        if self.is_versioned or not any(self.work.glob(f"{_TWIN}*")) or not (self.folder / MANIFEST).is_file():
            return None
        found = self._twin()
        return found if found.exists() else None

    def first_twin(self) -> tuple[Path, Path] | None:
        """For who writes the pictures of a first export: their tree, and one for their second names, where one is of use."""
        if self.is_versioned:
            return None
        self._spare.mkdir(mode=FOLDER_MODE)
        return self.new / IMAGES, self._spare

    def spare(self) -> Path:
        """Where the next twin is made: of the pictures of the export before, unless somebody reads them."""
        if (self.new / IMAGES).exists() and let_go(self.new):
            (self.new / IMAGES).rename(self._spare)
        return self._spare

    def keep(self, tree: Path) -> None:
        """Let a tree be the twin of the export that is there."""
        twin = self._twin()
        self._discard(twin)
        tree.rename(twin)

    def _twin(self) -> Path:
        return self.work / f"{_TWIN}{self.manifest(self.folder)}"

    def manifest(self, folder: Path) -> str:
        """The digest of a folder's manifest, which is read once. Raises OSError."""
        path = folder / MANIFEST
        mark = mark_of(os.lstat(path))
        if mark not in self._digests:
            self._digests[mark] = file_digest(path)
        return self._digests[mark]

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
