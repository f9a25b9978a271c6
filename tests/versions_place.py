"""A repository of the project in a folder of its own, with real git and real DVC, for tests of versions.

Its export is a stand-in that copies a folder ``db``, so that these tests say what happens around an export; the real one is
tested with its own, and from end to end in tests/integration/test_second_machine.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attendance.versions.commands import Tools, environment_for

if TYPE_CHECKING:
    from tests.cli_shell import Shell

ROOT = Path(__file__).resolve().parent.parent
DOOR = """
import json, pathlib, shutil, sys
if pathlib.Path("broken").exists():
    sys.exit("The database is away.")
out = pathlib.Path("data/mongodb_export")
shutil.rmtree(out, ignore_errors=True)
shutil.copytree("db", out)
pictures = len(list(out.glob("images/*/*")))
(out / "metadata.json").write_text(json.dumps({"counts": {"pictures": pictures}}))
print(json.dumps({"counts": {"pictures": pictures}, "left_out": {"total": 0}}))
"""
BARE = {"PATH": "/usr/bin:/bin"}  # what cron gives, and less


@dataclass(frozen=True)
class Place:
    """A repository and the folder around it."""

    root: Path

    @property
    def tools(self) -> Tools:
        """Its commands, without anything of this process's environment."""
        return Tools(self.root, environment_for(BARE, self.root))

    def git(self, *words: str) -> str:
        """As a person at the keyboard would."""
        identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.root, capture_output=True, text=True, check=True, env={**BARE, "HOME": "/"}
        )
        return done.stdout.strip()

    def put(self, path: str, data: str = "x") -> None:
        """Write a file, its folders too."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(data)

    def picture(self, person: str, number: int, data: str = "") -> None:
        """A picture in the stand-in's database."""
        self.put(f"db/images/{person}/{person}_{number}.jpg", data or f"{person} {number}")

    def nightly(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """The cron script with nothing in the environment but these."""
        words = [f"{name}={value}" for name, value in variables.items()]
        script = str(self.root / "scripts" / "nightly_export.sh")
        return subprocess.run(
            ["env", "-i", *words, script], cwd="/", capture_output=True, text=True, check=False, timeout=250
        )

    def log(self) -> str:
        """The nightly log."""
        return (self.root / "data" / "nightly.log").read_text()


def needs_git() -> None:
    """Skip a test where there is none."""
    if shutil.which("git") is None:
        pytest.skip("needs git")


def make_place(folder: Path, *, remote: bool = True) -> Place:
    """A repository with one commit in ``folder/site``, and where versions go: ``folder/origin.git`` and a DVC folder."""
    needs_git()
    place = Place(folder / "site")
    place.root.mkdir(parents=True)
    place.git("init", "--quiet", "--initial-branch", "main")
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "scripts/nightly_export.sh", "params.yaml"):
        (place.root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, place.root / name)
    place.put("export_mongodb_for_dvc.py", DOOR)
    (place.root / "attendance").symlink_to(ROOT / "attendance")
    (place.root / ".venv" / "bin").mkdir(parents=True)
    (place.root / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (place.root / ".venv" / "bin" / "python").chmod(0o755)
    place.put(".git/info/exclude", "attendance\ndb\nbroken\n")
    place.put("notes.txt", "first\n")
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "first")
    if remote:
        place.git("init", "--quiet", "--bare", "--initial-branch", "main", str(folder / "origin.git"))
        place.git("remote", "add", "origin", str(folder / "origin.git"))
        place.git("push", "--quiet", "--set-upstream", "origin", "main")
    return place


def clone(place: Place, folder: Path, origin: Path) -> Place:
    """A second machine."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    place.git("clone", "--quiet", str(origin), str(folder))
    return Place(folder)


def keeps(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def unwritable(folder: Path) -> None:
    """Let a folder's place be taken by a file, which stops root too."""
    if folder.exists():
        os.rename(folder, f"{folder}.away")  # noqa: PTH104
    folder.write_text("no folder")


def enrol_three(shell: Shell, faces: Path) -> None:
    """Three people with three pictures each, from where these lie: enough to measure, and quick."""
    for person in sorted((faces / "people").iterdir())[:3]:
        assert shell("enrol", person.name, *(str(file) for file in sorted(person.iterdir())[:3])).code == 0
