"""The command line as a shell sees it: words in, exit code and two streams out; on a database of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attendance.cli import main

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Shell:
    """Runs commands in this process, in a folder of their own, with a SQLite database there and no network."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[bytes], **settings: str
    ) -> None:
        self._captured = captured
        monkeypatch.chdir(folder)
        defaults = {
            "ATTEND_STORE_URL": f"sqlite:///{folder}/attendance.db",
            "ATTEND_MODEL_DIR": str(folder / "models"),
            "ATTEND_OFFLINE": "1",
            "ATTEND_TIMEZONE": "Europe/Stockholm",
            "COLUMNS": "200",
            "PYTHONPATH": str(ROOT),  # for subprocesses, which start elsewhere
        }
        for name, value in {**defaults, **settings}.items():
            monkeypatch.setenv(name, value)

    def __call__(self, *argv: str) -> Answer:
        """Run one command."""
        self._captured.readouterr()
        code = main(argv)
        out, err = self._captured.readouterr()
        return Answer(code, out.decode(), err.decode())
