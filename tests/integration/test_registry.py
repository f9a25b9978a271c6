"""The recogniser in a real registry: registered, loaded elsewhere, promoted or refused, taken back, used without it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from attendance.bootstrap import registered
from attendance.faces import bundle
from attendance.services import kept_recogniser
from tests.cli_shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mlflow_server import MlflowServer

URI = "models:/face-recogniser@champion"
# As somebody would who has nothing of ours: another folder, no path to the repository, warnings left as they are.
ELSEWHERE = """
import base64, json, sys
import mlflow
import pandas as pd
name, path = sys.argv[1:]
model = mlflow.pyfunc.load_model("models:/face-recogniser@" + name)
raw = open(path, "rb").read()
encoded = base64.b64encode(raw).decode()
frame = pd.DataFrame({"picture": [raw, encoded, path, b"no picture"], "reference": [path, None, None, raw]})
rows = model.predict(frame).to_dict("records")
rows += model.predict([{"picture": encoded}]).to_dict("records") + model.predict(model.input_example).to_dict("records")
import attendance
schema = model.metadata.get_input_schema().input_names()
print(json.dumps({"rows": rows, "attendance": attendance.__file__, "inputs": schema}))
"""


@pytest.fixture
def shell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    model_dir: Path,
    server: MlflowServer,
) -> Iterator[Shell]:
    settings = {"ATTEND_MODEL_DIR": str(model_dir), "ATTEND_EMBEDDER": "dlib", "ATTEND_ACCELERATE": "0"}
    settings |= {"MLFLOW_TRACKING_URI": server.url, "ATTEND_MODEL_KEEP_DIR": str(tmp_path / "kept")}
    registered.forget()
    yield Shell(tmp_path, monkeypatch, capfdbinary, **settings)
    registered.forget()


@pytest.fixture
def people(faces_dir: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    for name in ("p01", "p02", "p03"):
        shutil.copytree(faces_dir / "people" / name, folder / name)
    return folder


def listed(shell: Shell) -> dict[int, dict[str, Any]]:
    return {one["version"]: one for one in shell("models", "list", "--json").document["versions"]}


def in_use(shell: Shell) -> dict[str, Any]:
    """What a start of the app would decide with."""
    registered.forget()
    answer = shell("models", "--json")
    assert answer.code == 0, answer.err
    found: dict[str, Any] = answer.document["in_use"]
    return found


def test_a_registered_recogniser_loads_and_predicts_where_nothing_of_ours_is(
    shell: Shell, server: MlflowServer, tmp_path: Path, astronaut_jpeg: bytes
) -> None:
    assert shell("models", "list").out.startswith("Nothing is registered yet.")
    done = shell("models", "register", "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["aliases"] == ["challenger"]
    assert document["sentence"] == "Nobody is enrolled yet, so there is nothing to measure."
    tags = document["tags"]
    assert {name for name in tags if name.startswith("sha256.")} == {f"sha256.{name}" for name in bundle.file_names("dlib")}
    assert all(f"md5.{name}" in tags for name in bundle.file_names("dlib"))

    picture = tmp_path / "face.jpg"
    picture.write_bytes(astronaut_jpeg)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, "challenger", str(picture)],
        cwd=elsewhere,
        env={**environment, "MLFLOW_TRACKING_URI": server.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout.splitlines()[-1])
    assert answer["inputs"] == ["picture", "reference"]
    assert "/code/attendance/" in answer["attendance"], "its own code, not this repository's"
    own, encoded, path, broken, single, example = answer["rows"]
    assert (own["faces"], own["reason"], own["match"], own["distance_l2"]) == (1, None, True, 0.0)
    assert len(own["embedding"]) == 128
    assert own["embedding"] == encoded["embedding"] == path["embedding"] == single["embedding"]
    assert (encoded["match"], encoded["distance_l2"]) == (None, None)
    assert (broken["faces"], broken["reason"], broken["match"]) == (0, "unreadable_picture", None)
    assert (example["faces"], example["reason"]) == (0, "no_face")


@pytest.mark.faces
def test_a_worse_one_is_refused_and_forced_only_with_a_reason_and_taken_back(shell: Shell, people: Path) -> None:
    if 1 not in listed(shell):
        assert shell("models", "register").code == 0
    first = shell("models", "promote", "--version", "1", "--json").document
    assert (first["done"], first["champion"]) == (True, 1)
    assert shell("models", "promote", "--version", "1").code == 1, "it is the champion already"
    strict = shell("models", "register", "--set", "threshold=0.2", "--json").document
    number = strict["version"]
    assert strict["tags"]["threshold"] == "0.2"

    unknown = shell("models", "promote", "--json")
    assert (unknown.code, unknown.document["done"]) == (1, False)
    assert "have not been measured on the same pictures" in unknown.document["sentences"][0]

    refused = shell("models", "promote", "--on", str(people), "--json")
    assert refused.code == 1, refused.err
    assert refused.document["champion"] == 1
    assert {one["rate"] for one in refused.document["compared"]} == {"far", "frr", "fpir", "fnir"}
    assert any(one["challenger"] > one["champion"] for one in refused.document["compared"])
    versions = listed(shell)
    assert set(versions[1]["evaluations"]) == set(versions[number]["evaluations"]) == {refused.document["data_digest"]}
    assert (versions[1]["aliases"], versions[number]["aliases"]) == (["champion"], ["challenger"])

    assert shell("models", "promote", "--force").code == 2
    forced = shell("models", "promote", "--force", "--reason", "the vault", "--json")
    assert (forced.code, forced.document["champion"]) == (0, number)
    assert listed(shell)[number]["tags"]["promoted.reason"] == "the vault"
    again = shell("models", "promote", "--version", "1", "--json").document
    assert (again["done"], again["champion"]) == (True, 1), "measured on the same pictures already, and better"
    assert "as good or better in everything" in again["sentences"][0]
    back = shell("models", "rollback", "--reason", "people complain", "--json")
    assert (back.code, back.document["champion"]) == (0, number)
    assert shell("models", "rollback", "--json").document["champion"] == 1
    assert shell("models", "rollback").code == 1, "there was none before"

    trail = [one for one in shell("audit", "--json").document["entries"] if one["action"].endswith("-recogniser")]
    assert [one["action"].partition("-")[0] for one in trail[-4:]] == ["promote", "promote", "rollback", "rollback"]
    assert (trail[-4]["details"]["forced"], trail[-4]["details"]["reason"]) == (True, "the vault")


def first_champion(shell: Shell) -> None:
    """Version 1 decides, whichever tests ran before."""
    if 1 not in listed(shell):
        assert shell("models", "register").code == 0
    shell("models", "promote", "--version", "1", "--force", "--reason", "a test")  # refused where it is the champion already
    assert "champion" in listed(shell)[1]["aliases"]


def test_the_app_takes_it_from_there_and_starts_without_the_server(
    shell: Shell, server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut_jpeg: bytes
) -> None:
    first_champion(shell)
    own = shell("models", "register", "--set", "threshold=0.41", "--set", "margin_ratio=0.1", "--json").document["version"]
    assert shell("models", "promote", "--version", str(own), "--force", "--reason", "a test", "--json").code == 0
    monkeypatch.setenv("ATTEND_MODEL", URI)
    monkeypatch.setenv("ATTEND_MODEL_DIR", str(tmp_path / "no models here"))
    monkeypatch.setattr(kept_recogniser, "ASK_S", 120.0)  # a busy machine imports MLflow slowly
    found = in_use(shell)
    assert (found["threshold"], found["model_id"]) == (0.41, "dlib-resnet-v1/align-m10-flip")
    assert found["why"] == f"dlib's ResNet, because it is version {own} of {URI} (ATTEND_MODEL)."

    picture = tmp_path / "face.jpg"
    picture.write_bytes(astronaut_jpeg)
    assert shell("enrol", "Eileen Collins", str(picture)).code == 0
    server.signal(signal.SIGSTOP)  # it accepts connections and never answers
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(kept_recogniser, "ASK_S", 3.0)
            assert in_use(shell)["threshold"] == 0.41
    finally:
        server.signal(signal.SIGCONT)
    server.kill()
    try:
        assert in_use(shell)["threshold"] == 0.41
        assert shell("check-in", str(picture), "--json").document["decision"] == "accepted"
        (copy,) = [one for one in (tmp_path / "kept").iterdir() if one.is_dir()]
        damaged = copy / "models" / "mtcnn-1" / "rnet.onnx"
        whole = damaged.read_bytes()
        damaged.write_bytes(whole[:-1] + b"?")
        registered.forget()
        answer = shell("models", "--json")
        assert (answer.code, answer.document["error"]) == (5, "RegistryError")
        assert "There is no copy" in answer.document["message"]
        assert shell("models", "list").code == 5
    finally:
        server.start()
    assert in_use(shell)["threshold"] == 0.41, "a damaged copy is fetched anew"
    assert damaged.read_bytes() == whole
    assert shell("models", "rollback").code == 0
    assert in_use(shell)["threshold"] != 0.41


def test_a_name_that_is_no_registered_model_stops_the_start(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEND_MODEL", "face-recogniser")
    answer = shell("models", "--json")
    assert (answer.code, answer.document["name"]) == (7, "ATTEND_MODEL")
    monkeypatch.setenv("ATTEND_MODEL", "models:/nobody@champion")
    answer = shell("models", "--json")
    assert (answer.code, answer.document["reason"]) == (5, "missing")
