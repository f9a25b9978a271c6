"""A second process that checks and writes the pictures of a large first export, while this one reads and lists them.

Python runs one thread at a time; what a picture costs is half its digest and its file, which so go to another processor.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attendance.export import scribe
from attendance.export.layout import FILE_MODE
from attendance.export.scribe import ANSWER, BEHIND, DAMAGED, HEAD, Mark

if TYPE_CHECKING:
    from contextlib import ExitStack
    from types import TracebackType

_SHARED = 8 << 20  # bytes of pictures on their way; through a pipe each would cost both processes three times as much
_WAITING = 1_000  # answers that may wait: their pipe holds 2,340


def helper(stack: ExitStack, lock: int, twin: tuple[Path, Path] | None) -> Writer | None:
    """A ``Writer`` until the stack is left; None where it would be of no use, or cannot be had."""
    if os.cpu_count() == 1:
        return None
    try:
        return stack.enter_context(Writer(lock, twin))
    except OSError:  # such as for want of memory; the pictures are written without it
        return None


class DamagedContentError(Exception):
    """What was to be written is not what it should be; nothing of the last ``marks`` can be used."""


class Writer:
    """Writes files in a process of its own, in the order in which they are sent; use it as a context.

    Args:
        lock: the descriptor of the folder's lock. The process has it, too, so that nobody comes in between where this one is
            killed and that one still writes.
        twin: two folders: what is written below the first gets the same name below the second, as far as that works.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, lock: int, twin: tuple[Path, Path] | None = None) -> None:
        self._shared, memory = _shared()
        arguments = [f"{FILE_MODE:o}", str(memory), *map(os.fspath, twin or ())]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-I", "-S", str(Path(scribe.__file__)), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                pass_fds=[lock] if memory < 0 else [lock, memory],
            )
        finally:
            if memory >= 0:
                os.close(memory)
        assert self._process.stdin is not None  # noqa: S101 - asked for
        assert self._process.stdout is not None  # noqa: S101
        self._out, self._in = self._process.stdin, self._process.stdout
        self._to, self._from = self._out.fileno(), self._in.fileno()
        self._at = 0  # where the next picture goes in the memory
        self._used = 0  # bytes of it that are not free: of each picture without an answer, with what was left out before it
        self._sizes: deque[int] = deque()
        self._sent = 0
        self._marks: list[Mark] = []
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._out.close()
        self._process.wait()
        self._in.close()

    def write(self, path: str, sha256: str, content: bytes) -> int:
        """A new file; its number among those since the last ``marks``.

        Raises:
            DamagedContentError: one so far has another digest than it should have.
            OSError: one so far could not be written.
        """
        name, size = os.fsencode(path), len(content)
        at = self._room(size)
        head = HEAD.pack(len(name), size, at, bytes.fromhex(sha256)) + name
        if at == BEHIND:
            head += content
        else:
            self._shared[at : at + size] = content
        try:
            rest = memoryview(head)
            while rest:
                rest = rest[os.write(self._to, rest) :]
        except BrokenPipeError:
            self._take(self._sent)  # why
            raise
        self._sent += 1
        if self._sent - len(self._marks) > _WAITING:
            self._take(self._sent - _WAITING // 2)
        return self._sent - 1

    def marks(self) -> list[Mark]:
        """Of all files since this was last called, which are written by now. Raises as ``write``."""
        self._take(self._sent)
        found, self._marks, self._sent = self._marks, [], 0
        return found

    def _room(self, size: int) -> int:
        """Where in the memory so many bytes may be written; ``BEHIND`` for what is too large for it. Raises as ``write``."""
        if size > len(self._shared) // 2:
            self._sizes.append(0)
            return BEHIND
        left_out = len(self._shared) - self._at if self._at + size > len(self._shared) else 0
        while self._used + left_out + size > len(self._shared):
            self._take(len(self._marks) + 1)
        at = 0 if left_out else self._at
        self._at = at + size
        self._used += left_out + size
        self._sizes.append(left_out + size)
        return at

    def _take(self, count: int) -> None:
        """Read so many answers."""
        while len(self._marks) < count:
            data = self._rest + (new := os.read(self._from, 1 << 16))
            if not new:
                raise BrokenPipeError("The process that writes the pictures has ended.")
            whole = len(data) // ANSWER.size * ANSWER.size
            self._rest = data[whole:]
            for failed, *mark in ANSWER.iter_unpack(data[:whole]):
                if failed == DAMAGED:
                    raise DamagedContentError
                if failed:
                    raise OSError(failed, os.strerror(failed))
                self._marks.append(Mark(*mark))
                self._used -= self._sizes.popleft()


def _shared() -> tuple[mmap.mmap | bytearray, int]:
    """Memory that another process can have, too, and its descriptor; none, and -1, on systems without."""
    if sys.platform != "linux":
        return bytearray(), -1
    memory = os.memfd_create("export")
    try:
        os.truncate(memory, _SHARED)
        return mmap.mmap(memory, _SHARED), memory
    except BaseException:
        os.close(memory)
        raise
