"""How far an export is, from the door's stderr to the page's bar."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from attendance.cli import output
from attendance.errors import ExportError
from attendance.settings import load
from attendance.ui.versions_job import Job
from attendance.versions.commands import Tools
from attendance.versions.saving import export

if TYPE_CHECKING:
    from pathlib import Path

DOOR = """
import sys
sys.stdout.write(" " * 200_000)  # more than a pipe holds
print("Pictures …", file=sys.stderr, flush=True)
print("Pictures: 1,200 of 50,000", file=sys.stderr, flush=True)
print('{"counts": {}, "left_out": {"total": 2}}')
"""


def test_each_line_is_heard_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "export_mongodb_for_dvc.py").write_text(DOOR)
    heard: list[str] = []
    assert export(Tools(tmp_path, os.environ), heard.append) == 2
    assert heard == ["Pictures …", "Pictures: 1,200 of 50,000"]


def test_a_script_that_does_not_end_is_ended(tmp_path: Path) -> None:
    (tmp_path / "export_mongodb_for_dvc.py").write_text(
        "import sys, time\nprint('starts', file=sys.stderr)\ntime.sleep(600)"
    )
    done = Tools(tmp_path, os.environ).python("export_mongodb_for_dvc.py", limit_s=1)
    assert done.returncode < 0
    (tmp_path / "export_mongodb_for_dvc.py").write_text("raise SystemExit('It broke.')")
    with pytest.raises(ExportError, match="It broke"):
        export(Tools(tmp_path, os.environ))


def test_a_log_says_how_far_a_long_step_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "TOLD_EVERY_S", -1.0)
    with output.progress() as told:
        told("Pictures", 0, 50_000)
        told("Pictures", 1_200, 50_000)
    assert capsys.readouterr().err.splitlines() == ["Pictures …", "Pictures: 1,200 of 50,000"]


@pytest.mark.parametrize(
    ("step", "share"),
    [("", 0.0), ("Exporting", 0.0), ("Exporting: Pictures: 25,000 of 50,000", 0.1), ("Measuring", 0.4), ("Else", 0.0)],
)
def test_the_bar_moves_with_the_pictures(tmp_path: Path, step: str, share: float) -> None:
    job = Job("save", load(), Tools(tmp_path, {}))
    job.step = step
    assert job.share == pytest.approx(share)
