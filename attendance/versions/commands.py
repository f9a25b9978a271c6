"""git and DVC as commands: found, run in the repository, their failures as one sentence."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING

from attendance.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PRIVATE = 0o077  # DVC's umask: what it keeps and pulls are pictures of people, and nobody else reads them
LONGEST_S = (
    6 * 3600.0
)  # the first push of a large site over a slow line; a command that hangs must not hold the lock for ever
QUICK_S = 120.0  # what asks git for something


@dataclass(frozen=True, slots=True)
class Tools:
    """The commands of one repository.

    Attributes:
        root: the repository's top folder.
        environment: for the commands; what is missing in cron's is added.
    """

    root: Path
    environment: Mapping[str, str] = field(repr=False)

    def git(self, *words: str, more: Mapping[str, str] | None = None, said: str = "", limit_s: float = QUICK_S) -> str:
        """What git prints, without the last line's end.

        Args:
            words: its arguments.
            more: variables for this call alone.
            said: written to its stdin.
            limit_s: how long it may take.

        Raises:
            ExportError: it failed, and what it said.
        """
        return self._run("git", [self._git(), *words], more or {}, said, limit_s)

    def asks(self, *words: str) -> str | None:
        """As ``git``; None where it failed, for questions whose answer may be no."""
        try:
            return self.git(*words)
        except ExportError:
            return None

    def dvc(self, *words: str, limit_s: float = LONGEST_S) -> str:
        """What DVC prints.

        Raises:
            ExportError: as ``git``.
        """
        if find_spec("dvc") is None:
            raise ExportError("DVC is not installed. `make setup` installs it.")
        return self._run("DVC", [sys.executable, "-m", "dvc", *words], {}, "", limit_s)

    def python(
        self, *words: str, told: Callable[[str], None] = lambda _: None, limit_s: float = LONGEST_S
    ) -> subprocess.CompletedProcess[str]:
        """A script of the project, however it ended; ``told`` hears each line that it writes to stderr, as it does.

        Raises:
            ExportError: it could not be started, or did not end.
        """
        command = [sys.executable, *words]
        lines = []
        try:
            # stdout goes to a file: a pipe that nobody reads would fill up
            with tempfile.TemporaryFile("w+", errors="replace") as out, self._started(command, out) as process:
                ended = threading.Timer(limit_s, process.kill)
                ended.start()
                try:
                    assert process.stderr is not None  # noqa: S101 - it was asked for
                    for line in process.stderr:
                        lines.append(line)
                        told(line.strip())
                    process.wait()
                finally:
                    ended.cancel()
                    process.kill()
                out.seek(0)
                return subprocess.CompletedProcess(command, process.returncode, out.read(), "".join(lines))
        except OSError as error:
            raise ExportError(f"{words[0]} could not be started: {error.strerror}.") from error

    def _started(self, command: list[str], out: IO[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - as below
            command,
            cwd=self.root,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def ready(self) -> None:
        """Whether versions can be made here.

        Raises:
            ExportError: git or DVC is missing, or this is no repository of both; the sentence says what to do.
        """
        self._git()
        if find_spec("dvc") is None:
            raise ExportError("DVC is not installed. `make setup` installs it.")
        try:
            self.git("rev-parse", "--git-dir")
        except ExportError as error:
            if "dubious ownership" in str(error):
                raise ExportError(f"Another account owns {self.root}, so git does not read it: see docs/dvc.md.") from error
            raise ExportError(f"{self.root} is no git repository, so there are no versions of it.") from error
        if not (self.root / ".dvc" / "config").is_file():
            raise ExportError(f"DVC is not set up in {self.root}: .dvc/config is missing.")

    def _git(self) -> str:
        found = shutil.which("git", path=self.environment.get("PATH"))
        if found is None:
            raise ExportError("git is not installed. On Debian and Ubuntu: apt-get install git")
        return found

    def _run(self, name: str, command: list[str], more: Mapping[str, str], said: str, limit_s: float) -> str:
        done = self._done(name, command, more, said, limit_s)
        if done.returncode:
            raise ExportError(f"{name} {words_of(command)} failed: {reason(done.stderr or done.stdout)}")
        return done.stdout.rstrip("\n")

    def _done(
        self, name: str, command: list[str], more: Mapping[str, str], said: str, limit_s: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - our own commands, with arguments that are no shell's
                command,
                cwd=self.root,
                env={**self.environment, **more},
                input=said,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
                umask=PRIVATE if name == "DVC" else -1,  # -1: as it is
            )
        except subprocess.TimeoutExpired as error:
            raise ExportError(f"{name} {words_of(command)} did not end within {limit_s:.0f} s.") from error
        except OSError as error:
            raise ExportError(f"{name} could not be started: {error.strerror}.") from error


def environment_for(given: Mapping[str, str], root: Path) -> dict[str, str]:
    """``given`` with what git, DVC and Python need and cron leaves out; never asks anybody for a password."""
    folders = [str(_folder(sys.executable)), given.get("PATH", ""), "/usr/local/bin:/usr/bin:/bin"]
    return {
        **given,
        "PATH": ":".join(folder for folder in folders if folder),
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": given.get("DVC_SITE_CACHE_DIR") or str(root / ".dvc" / "tmp" / "site"),
        "PYTHONUTF8": "1",
    }


def _folder(executable: str) -> str:
    return executable.rpartition("/")[0]


def words_of(command: list[str]) -> str:
    """What a command was to do, in short: its first words without options and places."""
    start = 3 if command[1:2] == ["-m"] else 1
    return " ".join(word for word in command[start : start + 2] if re.fullmatch(r"[a-z][a-z-]*", word))


def reason(text: str) -> str:
    """The line of a command's output that says why: its last error, else its last line."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"(?i)(error|fatal|remote: error)", line)]
    told = [line for line in told if "failed to p" not in line] or told  # DVC's and git's "failed to push" say no reason
    plain = [line for line in lines if "dvc.org/support" not in line]
    # git tells the cause first and then what followed from it; DVC the other way round
    line = (told[:1] if told and told[0].startswith("fatal") else told or plain or ["it said nothing"])[-1]
    return re.sub(r"(?i)^(error|fatal)[: ][:\s]*", "", line).rstrip(".") + "."
