"""Answers about pictures from one run to the next: each picture is looked at once, and nothing stays of those that went."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import RecognitionOptions
from attendance.faces.gallery import MatrixGallery
from attendance.services.answers import Answers, packed, unpacked
from attendance.services.error_report import ErrorReport
from attendance.services.evaluate import Combination, evaluate
from attendance.services.import_folder import scan
from attendance.services.import_report import ImportReport
from attendance.services.measurement import Setting
from tests.fakes import FakeEngine, picture

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.domain.model import Capture


class Counting(FakeEngine):
    """Counts what it is asked."""

    asked = 0

    def capture(self, picture: bytes, *, small: bool = True) -> Capture:
        self.asked += 1
        return super().capture(picture, small=small)


def lines(path: Path) -> list[str]:
    return [json.loads(line)[0] for line in path.read_text().splitlines() if line]


def test_a_picture_is_asked_about_once(tmp_path: Path) -> None:
    path, asked = tmp_path / "work" / "x.jsonl", iter(range(100))
    for _ in range(2):
        with Answers(path) as answers:
            assert [answers.of(data, lambda: next(asked)) for data in (b"a", b"b", b"a")] == [0, 1, 0]
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_nothing_stays_of_a_picture_that_went(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Answers(path) as answers:
        kept = [answers.of(data, lambda: 1) for data in (b"a", b"b")]
    with Answers(path) as answers:
        answers.of(b"b", lambda: pytest.fail("it is known"))
    assert kept == [1, 1]
    assert len(lines(path)) == 1
    cut_off = Answers(path)
    cut_off.__enter__().of(b"c", lambda: 2)
    cut_off.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)  # says nothing about the rest
    assert len(lines(path)) == 2


def test_a_file_that_was_cut_off_or_cannot_be_written_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Answers(path) as answers:
        answers.of(b"a", lambda: 1)
        answers.of(b"b", lambda: 2)
    path.write_bytes(path.read_bytes()[:-30] + b"\xff")
    with Answers(path) as answers:
        assert [answers.of(data, lambda: 7) for data in (b"a", b"b")] == [1, 7]
    with Answers(path) as answers:
        assert [answers.of(data, lambda: 9) for data in (b"a", b"b")] == [1, 7]
    (tmp_path / "file").write_text("")
    with Answers(tmp_path / "file" / "x.jsonl") as answers:
        assert answers.of(b"a", lambda: 3) == 3


def test_a_template_comes_back_bit_by_bit() -> None:
    made = np.random.default_rng(3).standard_normal(128).astype(np.float32)
    assert unpacked(json.loads(json.dumps(packed(made)))).tobytes() == made.tobytes()


def test_a_measurement_with_answers_is_the_same_and_embeds_only_what_is_new(tmp_path: Path) -> None:
    for person in range(4):
        (tmp_path / "e" / f"P{person}").mkdir(parents=True)
        for variant in range(3):
            (tmp_path / "e" / f"P{person}" / f"{variant}.jpg").write_bytes(picture(person, variant))
    (tmp_path / "e" / "P1" / "bad.jpg").write_bytes(b"noface")
    engine, options = Counting(), RecognitionOptions()
    people = scan(tmp_path / "e", ImportReport())

    def measured(threshold: float, answers: Answers | None) -> ErrorReport:
        setting = Setting(replace(engine.model, threshold=threshold), options.as_dict(), 0.05)
        [found] = evaluate(people, [Combination(options, setting, engine, answers)], MatrixGallery).reports
        assert isinstance(found, ErrorReport)
        return found

    plain = measured(0.54, None)
    assert engine.asked == 13
    counts = []
    for threshold in (0.54, 0.54, 0.2):
        with Answers(tmp_path / "work" / "x.jsonl") as answers:
            found = measured(threshold, answers)
        counts.append(engine.asked)
        assert found.data == plain.data
        if threshold == plain.threshold:
            assert (found.fnmr, found.fmr) == (plain.fnmr, plain.fmr)
    assert counts == [26, 26, 26]
    assert found.fnmr.errors >= plain.fnmr.errors
