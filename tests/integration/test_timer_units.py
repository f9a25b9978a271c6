"""The systemd units, with a folder of a machine put in, as systemd itself reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
UNITS = [SCRIPTS / "attend-nightly.service", SCRIPTS / "attend-nightly.timer"]


def systemd(*words: str) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def parsed(unit: Path) -> ConfigParser:
    found = ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    found.read(unit, encoding="utf-8")
    return found


def test_systemd_takes_the_units_and_can_start_the_script(tmp_path: Path) -> None:
    site = tmp_path / "attend"
    (site / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / "nightly_export.sh", site / "scripts")
    placed = []
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/attend", str(site)).replace("User=attend", "User=root")
        placed.append(tmp_path / unit.name)
        placed[-1].write_text(text, encoding="utf-8")
    assert systemd("verify", "--man=no", *map(str, placed)) == ""


def test_the_timer_starts_the_service_each_night_and_makes_up_for_one_that_was_missed() -> None:
    service, timer = map(parsed, UNITS)
    assert service["Service"]["ExecStart"] == "/opt/attend/scripts/nightly_export.sh"
    assert UNITS[0].stem == UNITS[1].stem  # a timer without Unit= starts the service of its own name
    assert "Unit" not in timer["Timer"]
    assert timer["Timer"]["Persistent"] == "true"
    told = systemd("calendar", "--iterations=2", "--base-time=2026-03-01 12:00:00", timer["Timer"]["OnCalendar"])
    assert [line.split()[-3:-1] for line in told.splitlines() if "UTC" in line and "2026-03" in line] == [
        ["2026-03-02", "02:15:00"],
        ["2026-03-03", "02:15:00"],
    ]
