"""File systems that are full, or that cannot be written: for root too, whom no right stops."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def mount(folder: Path, *options: str) -> None:
    """Mount something here, for which the folder is made; the test is skipped where that may not be."""
    folder.mkdir(exist_ok=True)
    command = ["mount", *options, str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs to mount a file system (root, and a container that lets it)")


class Folder:
    """A folder that can be made read-only, for root too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mounted = os.geteuid() == 0
        if self._mounted:
            mount(path, "--bind", str(path))

    def writable(self, yes: bool) -> None:
        """Let it and its files be written, or not."""
        if self._mounted:
            mode = "rw" if yes else "ro"
            subprocess.run(["mount", "-o", f"remount,bind,{mode}", str(self.path)], check=True)
            return
        for file in self.path.iterdir():
            file.chmod(0o600 if yes else 0o400)
        self.path.chmod(0o700 if yes else 0o500)

    def close(self) -> None:
        """Leave it as any other."""
        self.writable(True)
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)
