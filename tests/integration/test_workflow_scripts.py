"""The steps of .github/workflows/evaluate.yml, run as scripts on real people: measured, registered, compared, proposed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli_shell import Shell
from tests.versions_place import ROOT, Place, enrol_three, make_place

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/evaluate.yml").read_text(encoding="utf-8"))
GH = '#!/bin/sh\nprintf "%s\\n" "$@" >"$(dirname "$0")/asked"\n'


def steps() -> list[str]:
    return [step["run"] for step in WORKFLOW["jobs"]["evaluate"]["steps"] if "run" in step]


def test_every_step_is_a_script_or_a_command_of_the_project() -> None:
    scripts = [word for step in steps() for word in step.split() if word.startswith("scripts/")]
    assert {"scripts/evaluate_version.sh", "scripts/propose_version.sh"} <= set(scripts)
    assert all((ROOT / script).is_file() for script in scripts)
    assert "secrets." not in str(WORKFLOW["jobs"]["evaluate"]["steps"]), "secrets reach the steps as variables alone"


@pytest.mark.slow
@pytest.mark.faces
@pytest.mark.timeout(900)  # on a busy machine; it starts MLflow and DVC many times
def test_the_steps_on_real_people(
    tmp_path: Path,
    faces_dir: Path,
    model_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    place = make_place(tmp_path)
    files = ["export_mongodb_for_dvc.py", "dvc.yaml", *(f"scripts/{path.name}" for path in (ROOT / "scripts").glob("*.sh"))]
    for name in files:
        shutil.copy(ROOT / name, place.root / name)
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "stages")
    place.git("push", "--quiet")
    shell = Shell(place.root, monkeypatch, capfdbinary, ATTEND_MODEL_DIR=str(model_dir), ATTEND_ACCELERATE="0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    enrol_three(shell, faces_dir)
    assert shell("versions", "save", "--json").code == 0
    assert place.git("status", "--porcelain") == "?? attendance.db", "the measurements are committed with the version"
    assert "fnmr" in shell("versions", "list", "--json").document["versions"][0]["rates"]
    shutil.rmtree(place.root / "data/mongodb_export")  # as on a runner, which has a clone and no data
    (place.root / "reports/export.json").unlink()  # as where the version was made by hand, with `dvc add` and `git commit`

    first = script(place, tmp_path, "evaluate_version.sh")
    assert "version 1" in first.lower(), first
    assert place.git("status", "--porcelain", "--untracked-files=all", "--", "models").endswith("models/recogniser.dvc")
    proposed = script(place, tmp_path, "propose_version.sh", "first")
    asked = (tmp_path / "bin/asked").read_text()
    assert proposed == ""
    assert "--head\nfirst\n" in asked
    changed = place.git("show", "--name-only", "--format=", "origin/first").split()
    assert "models/recogniser.dvc" in changed
    assert not [name for name in changed if not name.endswith((".dvc", "dvc.lock")) and not name.startswith("reports/")]

    params = yaml.safe_load((place.root / "params.yaml").read_text())
    params["thresholds"]["dlib"] = 0.30  # refuses nearly everybody
    place.put("params.yaml", yaml.safe_dump(params))
    kept = (place.root / "models/recogniser.dvc").read_text()
    worse = script(place, tmp_path, "evaluate_version.sh")
    assert "worse" in worse.lower(), worse
    assert (place.root / "models/recogniser.dvc").read_text() == kept, "the champion stays"
    assert "| reports/evaluation.json" in (place.root / "build/evaluation.md").read_text()


def script(place: Place, tmp_path: Path, name: str, *words: str) -> str:
    """Run a step as the runner does, with a `gh` that writes down what it was asked."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    done = subprocess.run(
        ["sh", f"scripts/{name}", *words],
        cwd=place.root,
        env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
