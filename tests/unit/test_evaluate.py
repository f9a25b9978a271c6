"""Error rates of any pictures: folders, LFW's list of pairs, failures to acquire, and sweeps that embed nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import Box, Face, ModelInfo, RecognitionOptions
from attendance.errors import SettingsError
from attendance.faces.gallery import MatrixGallery
from attendance.faces.once import SharedEngines
from attendance.services import sweep
from attendance.services.error_report import ErrorReport, TooLittle
from attendance.services.evaluate import Combination, Evaluation, evaluate
from attendance.services.import_folder import scan
from attendance.services.import_report import ImportReport
from attendance.services.measurement import Setting
from attendance.services.pairs_file import Pair, parse
from tests.fakes import FakeEngine, embedding, picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.faces.base import Detector, Embedder, FaceEngine


def fill(folder: Path, people: int = 4, pictures: int = 3) -> None:
    for person in range(people):
        place = folder / f"Person_{person}"
        place.mkdir()
        for variant in range(pictures):
            (place / f"Person_{person}_{variant + 1:04d}.jpg").write_bytes(picture(person, variant))


def run(
    folder: Path, thresholds: Sequence[float] = (0.54,), pairs: list[Pair] | None = None
) -> tuple[Evaluation, FakeEngine]:
    engine = FakeEngine()
    options = RecognitionOptions()
    made = [
        Combination(options, Setting(replace(engine.model, threshold=threshold), options.as_dict(), 0.05), engine)
        for threshold in thresholds
    ]
    return evaluate(scan(folder, ImportReport()), made, MatrixGallery, pairs=pairs), engine


def only(evaluation: Evaluation) -> ErrorReport:
    (report,) = evaluation.reports
    assert isinstance(report, ErrorReport)
    return report


def test_a_folder_of_people(tmp_path: Path) -> None:
    fill(tmp_path)
    report = only(run(tmp_path)[0])
    assert (report.kind, report.data.people, report.data.pictures) == ("evaluation", 4, 12)
    assert (report.fnmr.of, report.fmr.of) == (12, 54)
    assert (report.fnmr.errors, report.fmr.errors) == (0, 0)


def test_failures_to_acquire_are_counted_by_reason(tmp_path: Path) -> None:
    fill(tmp_path)
    for name, content in (("a", b"noface"), ("b", b"dark"), ("c", b"not a picture"), ("d", b"noface ")):
        (tmp_path / "Person_1" / f"{name}.jpg").write_bytes(content)
    evaluation, _ = run(tmp_path)
    data = only(evaluation).data
    assert data.failures == {"unreadable_picture": 2, "no_face": 1, "too_dark": 1}
    assert (data.tried, data.failure_to_acquire) == (16, 0.25)
    assert ("Person_1", "b.jpg", "too_dark") in evaluation.failed[0]
    assert only(evaluation).frr == pytest.approx(0.25)


def test_thresholds_share_the_comparisons_and_no_picture_is_looked_at_twice(tmp_path: Path) -> None:
    fill(tmp_path)
    evaluation, engine = run(tmp_path, (0.2, 0.54, 1.4))
    assert len(engine.seen) == 12
    rates = [report.fnmr.rate for report in evaluation.reports if isinstance(report, ErrorReport)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1] == 0


def test_the_data_have_a_digest_that_changes_with_them_alone(tmp_path: Path) -> None:
    fill(tmp_path)
    before = only(run(tmp_path)[0]).data.digest
    assert only(run(tmp_path, (0.9,))[0]).data.digest == before
    (tmp_path / "Person_0" / "more.jpg").write_bytes(picture(0, 9))
    assert only(run(tmp_path)[0]).data.digest != before


def test_a_list_of_pairs_as_lfw_has_it(tmp_path: Path) -> None:
    fill(tmp_path)
    text = "1\t3\nPerson_0\t1\t2\nPerson_1\t2\t3\nPerson_0\t1\tPerson_1\t1\nPerson_2\t3\tPerson_3\t1\n"
    evaluation, engine = run(tmp_path, pairs=parse(text))
    report = only(evaluation)
    assert (report.fnmr.of, report.fmr.of) == (2, 2)
    assert report.identification is None
    assert "so of 2 pairs of people." in " ".join(report.notes), "of four people, six pairs, two were listed"
    assert len(engine.seen) == 7, "pictures that no pair names are not looked at"
    genuine = [np.linalg.norm(embedding(picture(p, a)) - embedding(picture(p, b))) for p, a, b in ((0, 0, 1), (1, 1, 2))]
    assert report.equal.threshold > max(genuine)


def test_a_pair_whose_picture_failed_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "Person_0" / "Person_0_0001.jpg").write_bytes(b"noface")
    pairs = parse("Person_0 1 2\nPerson_1 1 2\nPerson_1 1 Person_2 1\n")
    report = only(run(tmp_path, pairs=pairs)[0])
    assert report.fnmr.of == 1
    assert report.notes[0].startswith("1 listed pair could not be compared")
    assert report.data.failures == {"no_face": 1}


@pytest.mark.parametrize("text", ["", "10 300\n", "Ann one two\n", "Ann 1\n", "Ann 1 Bo 2 3\n"])
def test_what_is_no_list_of_pairs_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse(text)


def test_a_pair_of_a_picture_that_is_not_there_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(SettingsError, match="Person_0/Person_0_0099"):
        run(tmp_path, pairs=parse("Person_0 1 99\n"))


def test_too_little_is_an_answer(tmp_path: Path) -> None:
    fill(tmp_path, people=1)
    (found,) = run(tmp_path)[0].reports
    assert isinstance(found, TooLittle)


def test_a_sweep_is_every_combination() -> None:
    tried = sweep.parse(["threshold=0.4,0.5,0.4", "use_tta_flip=true,False", "min_face_size=60"])
    assert tried == {"threshold": [0.4, 0.5], "use_tta_flip": [True, False], "min_face_size": [60]}
    combinations = sweep.combinations(tried)
    assert len(combinations) == 4
    assert combinations[0] == {"threshold": 0.4, "use_tta_flip": True, "min_face_size": 60}
    assert sweep.dotted(combinations[0], "dlib")["thresholds.dlib"] == 0.4
    assert sweep.combinations({}) == [{}]


@pytest.mark.parametrize("words", [["colour=1"], ["threshold=high"], ["threshold=0.4", "threshold=0.5"], ["threshold="]])
def test_what_cannot_be_tried_is_refused(words: list[str]) -> None:
    with pytest.raises(SettingsError):
        sweep.parse(words)
    with pytest.raises(SettingsError, match="the most"):
        sweep.combinations({"threshold": [0.1] * 40, "margin_ratio": [0.1] * 40})


class Counting:
    """A detector and an embedder that count what they are asked."""

    def __init__(self) -> None:
        self.detected = 0
        self.embedded: list[str] = []

    def detect(self, _image: NDArray[np.uint8], _min_face_size: int) -> list[Face]:
        self.detected += 1
        return [Face(Box(0, 0, 9, 9), 0.95, np.zeros((5, 2), np.float32))]


class Embedding:
    def __init__(self, counting: Counting, model: ModelInfo) -> None:
        self.model = model
        self._counting = counting

    def embed(self, _image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        self._counting.embedded.append(self.model.model_id)
        return np.ones((len(faces), 2), np.float32)


def test_engines_of_one_preprocessing_embed_a_picture_once_and_all_detect_it_once() -> None:
    counting = Counting()
    asked: list[tuple[Detector, Embedder]] = []

    def make_engine(detector: Detector, embedder: Embedder, _options: RecognitionOptions) -> FaceEngine:
        asked.append((detector, embedder))
        return FakeEngine()

    def model(options: RecognitionOptions) -> ModelInfo:
        return ModelInfo(f"m{options.margin_ratio}", "dlib", 2, "none", "", 0.5)

    shared = SharedEngines(counting, lambda options: Embedding(counting, model(options)), make_engine)
    for margin, confidence in ((0.1, 0.8), (0.1, 0.9), (0.2, 0.8), (0.2, 0.9)):
        options = RecognitionOptions(margin_ratio=margin, min_confidence=confidence)
        shared.engine(model(options), options)
    for shade in (0, 1):
        image = np.full((9, 9, 3), shade, np.uint8)
        for detector, embedder in asked:
            embedder.embed(image, detector.detect(image, 20))
    assert counting.detected == 2
    assert sorted(counting.embedded) == ["m0.1", "m0.1", "m0.2", "m0.2"]
