"""From a database to another machine: export, push, clone, pull; the real export, git and DVC, a folder or S3 as remote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli_shell import Shell
from tests.export_makers import marks
from tests.versions_place import ROOT, Place, clone, enrol_three, keeps, make_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EXPORT = "data/mongodb_export"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With the real export and the real stages."""
    made = make_place(tmp_path)
    for name in ("export_mongodb_for_dvc.py", "dvc.yaml", "scripts/with_env.sh"):
        shutil.copy(ROOT / name, made.root / name)
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "stages")
    made.git("push", "--quiet")
    return made


@pytest.fixture
def at(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], model_dir: Path
) -> Callable[[Place], Shell]:
    """The command line at a machine, on the embedded store with the shipped defaults."""

    def shell(place: Place) -> Shell:
        (place.root / "data").mkdir(exist_ok=True)
        return Shell(
            place.root,
            monkeypatch,
            capfdbinary,
            ATTEND_STORE_URL="sqlite:///data/attendance.db",
            ATTEND_MODEL_DIR=str(model_dir),
            ATTEND_ACCELERATE="0",
        )

    return shell


def dvc(place: Place, *words: str) -> str:
    """DVC as a person runs it, with this test's settings."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=place.root,
        env={**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(place.root / ".dvc/tmp/site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_by_hand_as_the_documents_have_it(
    place: Place, at: Callable[[Place], Shell], tmp_path: Path, astronaut_jpeg: bytes
) -> None:
    (place.root / "face.jpg").write_bytes(astronaut_jpeg)
    shell = at(place)
    assert shell("enrol", "Eileen Collins", "face.jpg").code == 0
    assert shell("export", "--export-all").code == 0
    exported = marks(place.root / EXPORT)
    dvc(place, "add", f"{EXPORT}/")
    assert shell("export", "--export-all", "--json").document["changed"] is False
    assert marks(place.root / EXPORT) == exported, "DVC left the files of the export as they were"
    place.git("add", f"{EXPORT}.dvc")
    place.git("commit", "--quiet", "-m", "export")
    dvc(place, "push")
    place.git("push", "--quiet")
    other = clone(place, tmp_path / "other", tmp_path / "origin.git")
    dvc(other, "pull", EXPORT)
    assert keeps(other.root / EXPORT) == keeps(place.root / EXPORT)
    assert (other.root / EXPORT / "images/Eileen Collins/Eileen Collins_0.jpg").read_bytes() == astronaut_jpeg

    (other.root / "face.jpg").write_bytes(astronaut_jpeg)
    there = at(other)
    assert there("restore", EXPORT).code == 0
    found = there("check-in", "face.jpg", "--json").document
    assert found["outcome"] == "recorded"
    assert "Eileen Collins" in str(found)


@pytest.mark.slow
@pytest.mark.faces
def test_the_stages_on_real_people(place: Place, at: Callable[[Place], Shell], faces_dir: Path) -> None:
    shell = at(place)
    said = dvc(place, "repro")
    assert "Register people in the app or with `python -m attendance import FOLDER`, then run `dvc repro` again." in said
    enrol_three(shell, faces_dir)
    dvc(place, "repro")
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "people")
    again = dvc(place, "repro")
    assert "Running stage 'validate'" not in again
    assert "Running stage 'evaluate'" not in again
    assert place.git("status", "--porcelain") == "", "nothing is new the second time"

    params = yaml.safe_load((place.root / "params.yaml").read_text())
    params["thresholds"]["dlib"] = 0.40
    place.put("params.yaml", yaml.safe_dump(params))
    said = dvc(place, "repro")
    assert "Running stage 'validate'" not in said
    assert "Running stage 'evaluate'" in said
    changed = json.loads(dvc(place, "metrics", "diff", "--json"))["reports/evaluation.json"]
    assert changed["threshold"]["new"] == 0.40
    assert changed["fnmr"]["diff"] > 0
    place.tools.dvc("plots", "diff", "HEAD", "--out", "dvc_plots")
    page = (place.root / "dvc_plots/index.html").read_text()
    assert all(title in page for title in ("DET", "Error rates by threshold", "workspace", "HEAD"))
    assert json.loads((place.root / "reports/validation.json").read_text())["whole"] is True


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server on loopback with the bucket ``attend``."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    import boto3  # type: ignore[import-untyped]  # ships no types

    keys = {"aws_access_key_id": "key-of-the-test", "aws_secret_access_key": "secret-of-the-test"}
    boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys).create_bucket(Bucket="attend")
    yield url
    server.stop()


@pytest.mark.slow
def test_with_s3_as_the_remote(place: Place, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(ROOT / "export_mongodb_for_dvc.py", place.root)
    (place.root / "dvc.yaml").unlink()
    dvc(place, "remote", "add", "store", "s3://attend/versions")
    dvc(place, "remote", "modify", "store", "endpointurl", s3)
    dvc(place, "remote", "default", "store")
    secrets(place)
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "S3")
    place.git("push", "--quiet")
    assert "secret-of-the-test" not in place.git("grep", "-h", "", "HEAD"), "keys stay in .dvc/config.local"
    done = place.nightly(ATTEND_STORE_URL=f"sqlite:///{tmp_path}/attendance.db", AWS_DEFAULT_REGION="us-east-1")
    assert done.returncode == 0, place.log()
    assert not (tmp_path / "attend_dvc_storage").exists()
    other = clone(place, tmp_path / "other", tmp_path / "origin.git")
    secrets(other)
    dvc(other, "pull", EXPORT)
    assert keeps(other.root / EXPORT) == keeps(place.root / EXPORT)


def secrets(place: Place) -> None:
    """The keys, where git never sees them."""
    dvc(place, "remote", "modify", "--local", "store", "access_key_id", "key-of-the-test")
    dvc(place, "remote", "modify", "--local", "store", "secret_access_key", "secret-of-the-test")
