"""Makes new files: in this process or, run as a program of its own, those that another process sends (``writing``).

As a program it is started with the standard library alone, so that it is there at once. It reads a ``HEAD`` and a path
each, over and over, and answers each with an ``ANSWER``; it ends with its input, and after a first failure. The contents are
in memory that both processes have. Its arguments are the mode of the files, the descriptor of that memory, and, where the
files get second names, what ``Twice`` takes.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import signal
import struct
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Content = bytes | memoryview

HEAD = struct.Struct("<IQQ32s")  # bytes of the path, bytes of the content, where it is in the memory, and its SHA-256
BEHIND = 2**64 - 1  # instead of a place in the memory: the content comes behind the path
ANSWER = struct.Struct("<iqQQ")  # 0 or what went wrong, and the file's mark
DAMAGED = -1  # instead of an errno: the content has another digest
_BUFFER = 1 << 20


class Mark(NamedTuple):
    """By what a file is known to be untouched."""

    mtime_ns: int
    inode: int
    size: int


NO_MARK = Mark(0, 0, 0)  # of a file that was not written


def mark_of(status: os.stat_result) -> Mark:
    """Of a file's status."""
    return Mark(status.st_mtime_ns, status.st_ino, status.st_size)


def write_file(path: str | bytes, content: Content, mode: int) -> Mark:
    """A new file. Raises OSError."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(opened, rest) :]
        return mark_of(os.fstat(opened))
    finally:
        os.close(opened)


class Twice:
    """Writes files that lie in folders of ``top``, and gives each the same name in ``twin``, as far as that works."""

    def __init__(self, mode: int, top: str, twin: str) -> None:
        self._mode = mode
        self._top, self._twin = os.fsencode(top), os.fsencode(twin)
        self._folder = b""  # the last that was made in the twin

    def __call__(self, path: bytes, content: Content) -> Mark:
        """A new file. Raises OSError."""
        mark = write_file(path, content, self._mode)
        with suppress(OSError):  # in the end the twin is compared, and what is missing is made up for
            self._link(path, self._twin + path[len(self._top) :])
        return mark

    def _link(self, path: bytes, second: bytes) -> None:
        folder = second.rpartition(b"/")[0]
        if folder != self._folder:
            self._folder = folder
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)  # noqa: PTH102 - a path in bytes
        os.link(path, second, follow_symlinks=False)


def serve(source: BinaryIO, answers: int, memory: memoryview, write: Callable[[bytes, Content], Mark]) -> None:
    """Write what comes until the end of ``source``, or until a file cannot be written."""
    while len(head := source.read(HEAD.size)) == HEAD.size:
        path_size, size, at, digest = HEAD.unpack(head)
        path = source.read(path_size)
        content = source.read(size) if at == BEHIND else memory[at : at + size]
        if len(path) < path_size or len(content) < size:
            return  # who sent it was killed
        failed, mark = 0, NO_MARK
        if hashlib.sha256(content).digest() != digest:
            failed = DAMAGED
        else:
            try:
                mark = write(path, content)
            except OSError as error:
                failed = error.errno or errno.EIO
        try:
            os.write(answers, ANSWER.pack(failed, *mark))
        except BrokenPipeError:
            return  # the same, and nobody is left to tell
        if failed:
            return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who sends; this ends with its input
    with open(0, "rb", buffering=_BUFFER, closefd=False) as incoming:
        file_mode, shared, folders = int(sys.argv[1], 8), int(sys.argv[2]), sys.argv[3:]
        contents = memoryview(b"" if shared < 0 else mmap.mmap(shared, 0, prot=mmap.PROT_READ))
        serve(incoming, 1, contents, Twice(file_mode, *folders) if folders else partial(write_file, mode=file_mode))
