"""`calibrate` and `evaluate` as a shell sees them; on the shared people the numbers of docs/accuracy.md."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from attendance.domain.metrics import Distances
from bench.comparisons import Embeddings, singles
from tests.cli_shell import Shell

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], model_dir: Path
) -> Shell:
    settings = {"ATTEND_MODEL_DIR": str(model_dir), "ATTEND_EMBEDDER": "dlib", "ATTEND_ACCELERATE": "0"}
    return Shell(tmp_path, monkeypatch, capfdbinary, **settings)


@pytest.fixture
def everybody(faces_dir: Path, tmp_path: Path) -> Path:
    """One folder for each of the ten people whose name is known."""
    folder = tmp_path / "everybody"
    shutil.copytree(faces_dir / "people", folder)
    for picture in sorted((faces_dir / "singles").glob("*.jpg")):
        (folder / picture.stem).mkdir()
        shutil.copy(picture, folder / picture.stem)
    return folder


def seen(rate: dict[str, Any]) -> tuple[int, int]:
    return rate["errors"], rate["of"]


@pytest.mark.faces
def test_who_is_enrolled_has_the_error_rates_of_the_accuracy_page(shell: Shell, everybody: Path, tmp_path: Path) -> None:
    assert shell("import", str(everybody), "--allow-look-alikes").code == 0
    files = ("--html", str(tmp_path / "report.html"), "--scores", str(tmp_path / "scores.csv"))
    answer = shell("calibrate", *files, "--no-track", "--json")
    assert answer.code == 0, answer.err
    found = answer.document
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        raw = list(csv.DictReader(file))
    for kind, name in (("impostor", "fmr"), ("genuine", "fnmr")):
        far = np.array([float(row["distance"]) for row in raw if row["kind"] == kind])
        again = [float((far <= at).mean()) for at in found["curves"]["thresholds"]]
        wanted = found["curves"][name] if name == "fmr" else [1 - rate for rate in found["curves"][name]]
        assert again == pytest.approx(wanted)
    assert (seen(found["fnmr"]), seen(found["fmr"])) == ((2, 68), (0, 460))  # the table "Crops", the row "shipped"
    assert (seen(found["identification"]["fnir"]), seen(found["identification"]["fpir"])) == ((0, 30), (0, 33))
    assert found["fmr"]["high"] == pytest.approx(0.0644, abs=1e-3)  # "fewer than 7 % of pairs are mistaken"
    assert (found["target"]["threshold"], found["target"]["needed"]) == (None, 3334)
    assert [one["fnmr"] is None for one in found["at_fmr"]] == [False, True, True]
    assert "p01" not in (tmp_path / "report.html").read_text(encoding="utf-8")

    same = shell("evaluate", str(everybody), "--no-track", "--json")
    assert same.code == 0, same.err
    for rate in (
        "fmr",
        "fnmr",
    ):  # not the intervals: the people are drawn in the order of their ids, which are new each time
        assert same.document["curves"][rate] == found["curves"][rate]
    assert same.document["data"]["failures"] == {}


@pytest.mark.faces
@pytest.mark.slow
def test_the_rates_at_every_threshold_are_those_of_the_raw_distances(shell: Shell, everybody: Path, faces_dir: Path) -> None:
    """Recomputed without anything of the measurement, for two preprocessings of one sweep."""
    from attendance.settings import load

    answer = shell(
        "evaluate", str(everybody), "--sweep", "threshold=0.53,0.6", "use_tta_flip=true,false", "--no-track", "--json"
    )
    assert answer.code == 0, answer.err
    rows = answer.document["combinations"]
    assert len(rows) == 4
    settings = load()
    embeddings = Embeddings(settings, faces_dir)
    from attendance.domain.model import RecognitionOptions

    options = RecognitionOptions(**settings.params.recognition.model_dump())
    for row in rows:
        wanted = replace(options, use_tta_flip=row["parameters"]["use_tta_flip"])
        people = {person: values for person, values in embeddings.people(wanted).items() if person != "unknown"}
        genuine, impostor = singles(people)
        at = row["parameters"]["threshold"]
        assert row["metrics"]["fnmr"] == pytest.approx(float((genuine > at).mean()))
        assert row["metrics"]["fmr"] == pytest.approx(float((impostor <= at).mean()))
        assert len(Distances.of(np.asarray(genuine))) == row["metrics"]["genuine_comparisons"]


def test_an_empty_database_is_told_in_a_sentence(shell: Shell, tmp_path: Path) -> None:
    answer = shell("calibrate", "--html", str(tmp_path / "report.html"))
    assert (answer.code, answer.out) == (1, "Nobody is enrolled yet, so there is nothing to measure.\n")
    assert shell("calibrate", "--json").document == {
        "measured": False,
        "sentence": "Nobody is enrolled yet, so there is nothing to measure.",
    }
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("calibrate", "--target-fpir", "0"),
        ("calibrate", "--target-fpir", "1"),
        ("calibrate", "--html", "nowhere/report.html"),
        ("calibrate", "--scores", "nowhere/scores.csv"),
        ("calibrate", "--scores", "."),
        ("evaluate", "nowhere"),
        ("evaluate", ".", "threshold=0.5"),
        ("evaluate", ".", "--sweep", "threshold=5"),
        ("evaluate", ".", "--sweep", "colour=red"),
        ("evaluate", ".", "--pairs", "nowhere.txt"),
    ],
)
def test_a_command_line_that_is_wrong(shell: Shell, words: tuple[str, ...]) -> None:
    answer = shell(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


def test_a_value_that_cannot_be_is_told_by_its_name(shell: Shell) -> None:
    assert "thresholds.dlib: Must be" in shell("evaluate", ".", "--sweep", "threshold=5", "--no-track").err


def test_a_folder_of_pictures_without_people_is_told(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(b"no picture")
    answer = shell("evaluate", str(folder), "--no-track")
    assert answer.code == 1
    assert "it is to hold one folder for each person" in answer.err


@pytest.mark.faces
def test_pictures_that_fail_are_counted_by_reason(shell: Shell, faces_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    for person in ("p05", "p06"):
        shutil.copytree(faces_dir / "people" / person, folder / person)
    shutil.copy(faces_dir / "multi" / "six.jpg", folder / "p05")
    (folder / "p06" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    answer = shell("evaluate", str(folder), "--no-track", "--json")
    assert answer.code == 0, answer.err
    found = answer.document
    assert found["data"]["failures"] == {"several_faces": 1, "unreadable_picture": 1}
    assert sorted(one["picture"] for one in found["failed"]) == ["six.jpg", "torn.jpg"]
    assert found["data"]["failure_to_acquire"] == pytest.approx(2 / found["data"]["tried"])
    assert found["frr"] >= found["data"]["failure_to_acquire"]
