"""One version of an export for somebody who opens its files one after another, whatever takes the folder's place meanwhile.

The reader keeps the folder itself open with a shared lock on it, and opens the files through it, not by the folder's name.
An export that has been replaced is deleted once nobody holds it (``place.Place``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Path]:
    """A path by which all files of the export are those of one version, for as long as the context lasts.

    Where the system has no such paths (``/proc/self/fd`` of Linux) or the file system no locks, it is the folder's own.

    Raises:
        ExportError: the folder is not there; and those raised inside, which name the folder as it was given.
    """
    opened = _opened(folder)
    try:
        path = Path(f"/proc/self/fd/{opened}")
        if not path.is_dir():
            path = folder
        try:
            yield path
        except ExportError as error:
            raise ExportError(str(error).replace(str(path), str(folder))) from error
    finally:
        os.close(opened)


def _opened(folder: Path) -> int:
    while True:
        try:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ExportError(f"{folder} cannot be read: {error.strerror}.") from error
        with contextlib.suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_SH)
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(folder), os.fstat(opened)):  # noqa: PTH116 - compared with a descriptor's
                return opened
        os.close(opened)  # replaced between the two; the one that is there now


def let_go(folder: Path) -> bool:
    """Whether nobody holds this folder, so that it can be deleted."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        return True
    finally:
        os.close(opened)
    return True
