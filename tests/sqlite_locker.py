"""Another process that holds a SQLite file: until it is let go, until it is killed, or again and again for moments."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
sys.stdin.readline()
file.execute(sys.argv[2])
if sys.argv[3] == "half":
    file.execute("CREATE TABLE half_done (a)")
print("held", flush=True)
sys.stdin.readline()
file.execute("ROLLBACK")
"""
AGAIN = """
import select, sqlite3, sys, time
file = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
sys.stdin.readline()
file.execute("PRAGMA synchronous = OFF")  # held for as long as it says, however slow the disk
file.execute("CREATE TABLE another_writers (a)")
print("held", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    file.execute("BEGIN IMMEDIATE")
    file.execute("INSERT INTO another_writers VALUES (1)")
    time.sleep(0.06)
    file.execute("COMMIT")
    time.sleep(0.015)
"""


class Locker:
    """Holds the file from ``take`` until ``let_go``, or the end of the block.

    Args:
        file: an SQLite database.
        how: the statement that locks it.
        half: something is written, but not committed.
        briefly: for 60 ms of every 75 ms instead, in which a row is written.
    """

    def __init__(self, file: Path, how: str = "BEGIN IMMEDIATE", *, half: bool = False, briefly: bool = False) -> None:
        command = [sys.executable, "-c", textwrap.dedent(AGAIN if briefly else HOLD), str(file), how, "half" if half else ""]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self) -> None:
        """Take the lock some time soon."""
        self._tell()

    def take(self) -> Self:
        """Take the lock, and return once it is held."""
        self._tell()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"
        return self

    def let_go(self) -> None:
        """Give the lock back and end."""
        self._process.communicate("\n", timeout=60)
        assert self._process.returncode == 0

    def kill(self) -> None:
        """SIGKILL: nothing is taken back."""
        self._process.kill()
        self._process.communicate(timeout=60)

    def _tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.kill()
