"""Recognisers under DVC: two versions of real model files, an older one brought back, the app deciding with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli_shell import Shell
from tests.versions_place import make_place

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

POINTER = "models/recogniser.dvc"


def test_an_older_recogniser_comes_back_and_decides(
    tmp_path: Path,
    model_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    astronaut_jpeg: bytes,
) -> None:
    place = make_place(tmp_path, remote=False)
    (place.root / "face.jpg").write_bytes(astronaut_jpeg)
    shell = Shell(
        place.root, monkeypatch, capfdbinary, ATTEND_MODEL_DIR=str(model_dir), ATTEND_ACCELERATE="0", ATTEND_EMBEDDER="dlib"
    )
    kept: list[str] = []
    for threshold in (0.53, 0.48):
        place.put("params.yaml", f"thresholds:\n  dlib: {threshold}\n")
        kept.append(shell("models", "--keep", "models/recogniser", "--json").document["digest"])
        place.tools.dvc("add", "models/recogniser")
        place.git("add", POINTER)
        place.git("commit", "--quiet", "-m", f"threshold {threshold}")
    assert kept[0] != kept[1]
    monkeypatch.setenv("ATTEND_MODEL_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("ATTEND_MODEL", "models/recogniser")

    assert shell("models", "--json").document["in_use"]["threshold"] == 0.48
    place.git("checkout", "--quiet", "HEAD~1", "--", POINTER)
    place.tools.dvc("checkout", POINTER)
    in_use = shell("models", "--json").document["in_use"]
    assert in_use["threshold"] == 0.53
    assert in_use["why"] == "dlib's ResNet, because it is in models/recogniser (ATTEND_MODEL)."
    assert shell("enrol", "Eileen Collins", "face.jpg").code == 0
    assert shell("verify", "Eileen Collins", "face.jpg", "--json").document["threshold"] == 0.53
    assert place.tools.dvc("status", "--quiet") == "", "using it leaves its files alone"

    damaged = place.root / "models/recogniser/models/dlib-resnet-v1-1.onnx"
    damaged.chmod(0o644)
    damaged.write_bytes(b"no model")
    answer = shell("verify", "Eileen Collins", "face.jpg")
    assert (answer.code, "is damaged" in answer.err) == (5, True)


def test_the_digest_is_the_registry_s(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from attendance.bootstrap import build, registered
    from attendance.domain.recogniser import Recogniser
    from attendance.settings import load

    monkeypatch.chdir(tmp_path)
    settings = load(store_url=f"sqlite:///{tmp_path}/a.db", model_dir=model_dir, offline=True, embedder="dlib", model="")
    application = build(settings)
    made = registered.keep(application, tmp_path / "models" / "recogniser")
    application.close()
    held = Recogniser.from_dict(json.loads((tmp_path / "models/recogniser/recogniser.json").read_text()))
    assert held.digest == made.digest == registered.tags_of(held, {})["digest"]
