"""The whole job from the command line, with the real engine on real pictures and a real database."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.cli_shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faces


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], model_dir: Path
) -> Shell:
    # Without the compiled detector: each command would load it for one picture.
    return Shell(
        tmp_path, monkeypatch, capfdbinary, ATTEND_MODEL_DIR=str(model_dir), ATTEND_EMBEDDER="auto", ATTEND_ACCELERATE="0"
    )


@pytest.fixture
def people(faces_dir: Path) -> Path:
    return faces_dir / "people"


def enrol_p01(shell: Shell, people: Path) -> None:
    answer = shell("enrol", "Ann Lee", *(str(people / "p01" / f"{k}.jpg") for k in (1, 2, 3)), "--staff-number", "17")
    assert answer.code == 0, answer.err
    assert answer.out == "Ann Lee is enrolled with 3 pictures.\n"
    assert "Using dlib's ResNet" in answer.err


def test_enrol_verify_identify(shell: Shell, people: Path) -> None:
    enrol_p01(shell, people)
    fourth = str(people / "p01" / "4.jpg")
    answer = shell("verify", "ann lee", fourth, "--json")
    document = answer.document
    assert answer.code == 0
    assert (document["decision"], document["reason"], document["person"]) == ("accepted", "match", "Ann Lee")
    assert 0 < document["distance_l2"] <= document["threshold"]
    assert document["model_id"].startswith("dlib-resnet-v1/")
    assert document["outcome"] == "none"
    (face,) = document["faces"]
    x0, y0, x1, y1 = face["box"]
    assert x0 < x1
    assert y0 < y1
    assert 0.9 <= face["confidence"] <= 1
    assert {"headline", "help"} == set(document["words"])
    assert document["quality"]["size_px"] > 0
    assert document["timings_ms"]["total"] > 0
    assert shell("verify", "17", fourth).code == 0  # by staff number
    found = shell("identify", fourth, "--json")
    assert (found.code, found.document["person"], found.document["claimed"]) == (0, "Ann Lee", None)
    for stranger in ("p02", "p03", "p05"):
        picture = str(people / stranger / "1.jpg")
        nobody = shell("identify", picture, "--json")
        assert nobody.code == 1
        assert (nobody.document["decision"], nobody.document["person"]) == ("rejected", None)
        claimed = shell("verify", "Ann Lee", picture, "--json")
        assert (claimed.code, claimed.document["decision"], claimed.document["person"]) == (1, "rejected", None)
        assert claimed.document["claimed"] == "Ann Lee"
    assert shell("records", "--json").document == {"records": []}


def test_what_is_no_match_of_anything(shell: Shell, people: Path, faces_dir: Path, tmp_path: Path) -> None:
    empty = shell("identify", str(people / "p01" / "1.jpg"), "--json")
    assert (empty.code, empty.document["reason"]) == (1, "nobody_enrolled")
    enrol_p01(shell, people)
    unknown = shell("verify", "Nobody", str(people / "p01" / "4.jpg"), "--json")
    assert (unknown.code, unknown.document["decision"], unknown.document["reason"]) == (4, "rejected", "not_enrolled")
    several = shell("identify", str(faces_dir / "multi" / "six.jpg"), "--json")
    assert (several.code, several.document["reason"]) == (1, "several_faces")
    assert len(several.document["faces"]) > 1
    Image.new("RGB", (640, 480), (90, 120, 90)).save(tmp_path / "wall.png")
    wall = shell("verify", "Ann Lee", str(tmp_path / "wall.png"), "--json")
    assert (wall.code, wall.document["reason"], wall.document["faces"]) == (1, "no_face", [])
    (tmp_path / "text.jpg").write_bytes(b"this is no picture")
    unreadable = shell("check-in", str(tmp_path / "text.jpg"), "--json")
    assert (unreadable.code, unreadable.document["reason"]) == (3, "unreadable_picture")
    missing = shell("identify", "missing.jpg", "--json")
    assert (missing.code, missing.document["error"]) == (3, "ImageUnreadableError")
    assert shell("records", "--json").document == {"records": []}


def test_what_cannot_be_enrolled(shell: Shell, people: Path, faces_dir: Path) -> None:
    ann = [str(people / "p01" / f"{k}.jpg") for k in (1, 2)]
    ben = str(people / "p02" / "1.jpg")
    refused = {
        ("Ann Lee", str(faces_dir / "multi" / "couple.jpg")): (3, "MultipleFacesError"),
        ("Ann Lee", ann[0], ann[0]): (4, "DuplicatePictureError"),
        ("Ann Lee", ann[0], ben): (4, "DifferentPeopleError"),
        ("\u202eAnn", ann[0]): (4, "NameRefusedError"),
    }
    for words, expected in refused.items():
        answer = shell("enrol", *words, "--json")
        assert (answer.code, answer.document["error"]) == expected
    assert shell("people", "--json").document == {"people": []}
    enrol_p01(shell, people)
    fourth = str(people / "p01" / "4.jpg")
    assert shell("enrol", "ANN LEE", fourth, "--json").document["error"] == "PersonExistsError"
    alike = shell("enrol", "Beth Lee", fourth, "--json")
    assert (alike.code, alike.document["error"], alike.document["name"]) == (4, "LookAlikeError", "Ann Lee")
    allowed = shell("enrol", "Beth Lee", fourth, "--allow-look-alike", "--json")
    assert (allowed.code, allowed.document["look_alike"]["name"]) == (0, "Ann Lee")
    overruled = shell("audit", "--json").document["entries"][-1]
    assert overruled["details"]["look_alike"]["overruled_by"].startswith("cli")


def test_check_in_twice_is_one_record(shell: Shell, people: Path) -> None:
    enrol_p01(shell, people)
    fourth = str(people / "p01" / "4.jpg")
    first = shell("check-in", fourth, "--attempt-id", "attempt-0001", "--json")
    assert (first.code, first.document["outcome"], first.document["attempt_id"]) == (0, "recorded", "attempt-0001")
    again = shell("check-in", fourth, "--as", "Ann Lee", "--json")
    assert (again.code, again.document["outcome"]) == (0, "already")
    assert again.document["check_in_at_utc"] == first.document["check_in_at_utc"]
    replay = shell("check-in", fourth, "--attempt-id", "attempt-0001", "--json")
    assert replay.document["outcome"] == "recorded"
    assert "accepted: Ann Lee" in shell("check-in", fourth).out
    (record,) = shell("records", "--json").document["records"]
    assert (record["person"], record["attempt_id"]) == ("Ann Lee", "attempt-0001")
    assert shell("records", "--format", "csv").out.count("\r\n") == 2
    assert shell("remove", "Ann Lee", "--yes").code == 0
    assert shell("identify", fourth, "--json").document["reason"] == "nobody_enrolled"
    assert len(shell("records", "--json").document["records"]) == 1


@pytest.mark.slow
def test_a_folder_of_people(shell: Shell, people: Path, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    shutil.copytree(people, folder)
    (folder / "p01" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "p08").mkdir()
    first = shell("import", str(folder), "--json")
    assert first.code == 1  # something was refused, and the report says what
    totals = first.document["totals"]
    assert totals["people_added"] == 7, first.document["rows"]
    assert any(row["picture"] == "broken.jpg" and row["status"] == "refused" for row in first.document["rows"])
    listed = shell("people", "--json").document["people"]
    assert sorted(person["name"] for person in listed) == [f"p0{k}" for k in range(1, 8)]
    again = shell("import", str(folder), "--json").document["totals"]
    assert (again["people_added"], again["pictures_added"]) == (0, 0)
    assert "people added" in shell("import", str(folder)).out
    reembedded = shell("reembed", "--json")
    assert reembedded.code == 0
    assert (reembedded.document["done"], reembedded.document["complete"]) == (0, True)


@pytest.mark.slow
def test_another_model_is_never_silent(shell: Shell, people: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enrol_p01(shell, people)
    fourth = str(people / "p01" / "4.jpg")
    (tmp_path / "params.yaml").write_text("recognition: {use_tta_flip: false}\n")
    for command in (("identify", fourth), ("enrol", "Ben", str(people / "p02" / "1.jpg"))):
        answer = shell(*command, "--json")
        assert (answer.code, answer.document["error"]) == (5, "TemplateMismatchError")
        assert "reembed" in answer.document["message"]
    assert shell("models").err.count("reembed") == 1
    done = shell("reembed", "--json").document
    assert (done["done"], done["activated"], done["model_id"]) == (3, True, "dlib-resnet-v1/align-m20")
    assert shell("identify", fourth).code == 0
    monkeypatch.setenv("ATTEND_EMBEDDER", "facenet")
    missing = shell("identify", fourth, "--json")
    assert (missing.code, missing.document["error"]) == (5, "WeightsUnavailableError")


def test_pictures_of_an_older_database_are_made_ready_first(shell: Shell, people: Path, tmp_path: Path) -> None:
    enrol_p01(shell, people)
    # What an older app leaves: pictures, and no templates of any model.
    with sqlite3.connect(tmp_path / "attendance.db") as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert "templates" in tables
        database.execute("DELETE FROM templates")
    database.close()
    answer = shell("identify", str(people / "p01" / "4.jpg"), "--json")
    assert (answer.code, answer.document["person"]) == (0, "Ann Lee")


def test_a_picture_comes_through_a_pipe(shell: Shell, people: Path) -> None:
    enrol_p01(shell, people)
    with (people / "p01" / "4.jpg").open("rb") as picture:
        done = subprocess.run(
            [sys.executable, "-m", "attendance", "verify", "Ann Lee", "-"], stdin=picture, capture_output=True, check=False
        )
    assert done.returncode == 0
    assert done.stdout.decode().startswith("accepted: Ann Lee")
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
def test_models_are_shown_with_their_origin(shell: Shell, people: Path) -> None:
    before = shell("models", "--json").document
    assert before["active"] is None
    assert {entry["family"] for entry in before["models"]} >= {"facenet", "dlib"}
    enrol_p01(shell, people)
    after = shell("models", "--json").document
    assert after["active"] == after["in_use"]["model_id"]
    assert after["coverage"] == [{"model_id": after["active"], "references": 3, "templates": 3, "failed": 0}]
    assert [entry["family"] for entry in after["models"] if entry["active"]] == ["dlib"]
    refused = shell("models", "--fetch", "--json")
    assert (refused.code, refused.document["error"]) == (5, "WeightsUnavailableError")
    assert shell("models", "--prepare").code == 0


@pytest.mark.slow
def test_an_import_is_stopped_and_goes_on(shell: Shell, people: Path) -> None:
    argv = [sys.executable, "-m", "attendance", "import", str(people), "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:  # the first picture is done
            if line.startswith("Importing"):
                break
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    assert running.returncode == 130, err
    assert "Traceback" not in err
    stopped = json.loads(out)
    assert stopped["stopped"]
    assert stopped["totals"]["people_added"] < 7
    rest = shell("import", str(people), "--json").document["totals"]
    assert stopped["totals"]["people_added"] + rest["people_added"] == 7
    assert stopped["totals"]["pictures_added"] == rest["pictures_skipped"]
