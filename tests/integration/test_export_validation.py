"""What `validate` finds in an export: nothing in a whole one, and everything that was done to it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from attendance.bootstrap import build
from attendance.errors import ExportError, ImageUnreadableError
from attendance.export.validation import BROKEN, validate
from attendance.faces.mtcnn import MtcnnDetector
from attendance.settings import load
from tests.cli_shell import Shell
from tests.demo_office import fill

ROOT = Path(__file__).resolve().parents[2]
MODEL = "dlib-resnet-v1/align-m20-flip"


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], model_dir: Path
) -> Shell:
    settings = {"ATTEND_MODEL_DIR": str(model_dir), "ATTEND_ACCELERATE": "0", "ATTEND_EMBEDDER": "dlib"}
    return Shell(tmp_path, monkeypatch, capfdbinary, **settings)


@pytest.fixture
def folder(tmp_path: Path, shell: Shell) -> Path:
    """The export of a made-up office of three."""
    application = build(load())
    fill(application.store, MODEL, ZoneInfo("Europe/Stockholm"), datetime(2026, 3, 6, 12, tzinfo=UTC), people=3, days=2)
    application.close()
    assert shell("export", "--export-all", "--output-dir", "export").code == 0
    return tmp_path / "export"


def one_face(_picture: bytes) -> int:
    return 1


def test_a_whole_export_has_nothing(folder: Path) -> None:
    seen: list[int] = []
    found = validate(folder, one_face, seen.append)
    assert found.whole
    assert found.counts == {}
    assert found.pictures == len(list(folder.glob("images/*/*")))
    assert seen == list(range(1, found.files + 1))


def test_every_kind_of_damage_is_found(folder: Path) -> None:
    pictures = sorted(folder.glob("images/*/*"))
    chance = random.Random(3)
    damaged, missing = chance.sample(pictures, 2)
    data = bytearray(damaged.read_bytes())
    data[chance.randrange(len(data))] ^= 1
    damaged.write_bytes(data)
    missing.unlink()
    (folder / "images" / "stranger.jpg").write_bytes(b"x")
    found = validate(folder, one_face)
    assert not found.whole
    assert {kind: found.counts[kind] for kind in BROKEN} == {"damaged": 1, "missing": 1, "unlisted": 1}
    told = {one["problem"]: one["where"] for one in found.first}
    assert told["damaged"] == damaged.relative_to(folder).as_posix()
    assert told["missing"] == missing.relative_to(folder).as_posix()


def test_pictures_without_or_with_several_faces_and_those_that_cannot_be_read_are_told(folder: Path) -> None:
    counts = iter([0, 2, -1])

    def faces(_picture: bytes) -> int:
        count = next(counts, 1)
        if count < 0:
            raise ImageUnreadableError("no picture", reason="damaged")
        return count

    found = validate(folder, faces)
    assert found.whole, "the folder is what was exported"
    assert found.counts == {"no_face": 1, "several_faces": 1, "undecodable": 1}


def test_records_of_people_who_are_not_there_are_told(folder: Path) -> None:
    path = folder / "people.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join(others))
    gone = json.loads(first)["person_id"]
    found = validate(folder, one_face)
    named = f'"person_id":"{gone}"'
    lists = {
        "orphan_pictures": "pictures.jsonl",
        "orphan_attendance": "attendance.json",
        "orphan_attempts": "attempts.jsonl",
    }
    expected = {kind: (folder / name).read_text().count(named) for kind, name in lists.items()}
    assert all(expected.values())
    assert {kind: found.counts[kind] for kind in expected} == expected


def test_the_command_writes_numbers_without_names_and_fails_only_for_what_is_broken(folder: Path, shell: Shell) -> None:
    done = shell("validate", "export", "--report", "reports/validation.json", "--json")
    assert done.code == 0
    assert done.document["no_face"] + done.document["several_faces"] > 0, "the office's faces are drawings"
    report = (folder.parent / "reports/validation.json").read_text()
    assert json.loads(report)["whole"] is True
    assert not [name.name for name in (folder / "images").iterdir() if name.name in report]
    (folder / "attempts.jsonl").write_text("")
    broken = shell("validate", "export")
    assert broken.code == 1
    assert "Not as it was exported: attempts.jsonl" in broken.err


def test_what_was_found_out_about_a_picture_is_not_found_out_again(
    folder: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbers() -> list[Any]:
        report = json.loads((folder.parent / "reports/evaluation.json").read_text())
        return [shell("validate", "export", "--json").document, {**report, "threshold": None}]

    assert shell("evaluate", "export", "--dvc", "reports").code == 0
    first = numbers()
    work = folder.with_name(".export.work")
    assert {path.name.partition("-")[0] for path in work.glob("*.jsonl")} == {"templates", "faces"}
    with monkeypatch.context() as patched:
        patched.setattr(MtcnnDetector, "detect", lambda *_: pytest.fail("this picture is known"))
        assert shell("evaluate", "export", "--dvc", "reports").code == 0
        assert numbers() == first
    known = {path.name for path in work.glob("*.jsonl")}
    other = yaml.safe_load((ROOT / "params.yaml").read_text())
    other["recognition"]["min_confidence"] = 0.95
    (folder.parent / "params.yaml").write_text(yaml.safe_dump(other))
    assert shell("evaluate", "export", "--dvc", "reports").code == 0
    assert len({path.name for path in work.glob("*.jsonl")} - known) == 1


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "empty").mkdir()
    assert shell("validate", "empty").code == 8
    assert shell("evaluate", "empty", "--dvc", "reports").code == 8
    with pytest.raises(ExportError, match="is no export"):
        validate(tmp_path / "empty", one_face)
