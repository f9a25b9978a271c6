"""The raw scores say what the report says: each rate recomputed from the file alone, with numpy and scikit-learn."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from attendance.domain.model import RecognitionOptions
from attendance.faces.gallery import MatrixGallery
from attendance.services.calibrate import Calibration, compared
from attendance.services.error_report import ErrorReport
from attendance.services.evaluate import Combination, Evaluation, evaluate
from attendance.services.import_folder import scan
from attendance.services.import_report import ImportReport
from attendance.services.measurement import Setting
from attendance.services.pairs_file import parse
from attendance.services.scores import COLUMNS, Scores, lines_in, write
from tests.fakes import FakeEngine, House, picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.services.pairs_file import Pair

    Rows = list[dict[str, str]]


def read(scores: Sequence[Scores], *, named: bool = True) -> Rows:
    file = io.StringIO(newline="")
    write(file, scores, named=named)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == lines_in(scores)
    return rows


def of(rows: Rows, kind: str) -> NDArray[np.float64]:
    return np.array([float(row["distance"]) for row in rows if row["kind"] == kind])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    for person in range(9):
        made.add(f"Person {chr(65 + person)}", person, 4)
    yield made
    made.real_store.close()


def measured(house: House) -> Calibration:
    model = replace(house.engine.model, threshold=0.3)
    found = compared(house.real_store, Setting(model, house.engine.options.as_dict(), 0.05), MatrixGallery)
    assert isinstance(found, Calibration)
    return found


@pytest.mark.parametrize("threshold", [0.15, 0.25, 0.3, 1.2])
def test_every_rate_of_a_calibration_follows_from_the_file(house: House, threshold: float) -> None:
    calibration = measured(house)
    report, rows = calibration.report(threshold=threshold), read([calibration.scores])
    genuine, impostor = of(rows, "genuine"), of(rows, "impostor")
    assert (len(genuine), len(impostor)) == (9 * 6, 36 * 35 // 2 - 54)
    assert report.fmr.errors == (impostor <= threshold).sum()
    assert report.fnmr.errors == (genuine > threshold).sum()
    assert report.identification is not None
    assert report.identification.fnir is not None
    assert report.identification.fpir.errors == (of(rows, "stranger") <= threshold).sum()
    assert report.identification.fnir.errors == (of(rows, "mate") > threshold).sum()
    truth = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    false, true, at = roc_curve(truth, -np.r_[genuine, impostor], drop_intermediate=False)
    best = np.abs(false - (1 - true)).argmin()
    assert report.equal.rate == pytest.approx((false[best] + 1 - true[best]) / 2)
    assert len(at) > 2


def test_no_picture_is_compared_with_itself_and_no_two_of_them_twice(house: House) -> None:
    rows = [row for row in read([measured(house).scores]) if row["second_picture"]]
    pairs = [frozenset({row["first_picture"], row["second_picture"]}) for row in rows]
    assert {len(pair) for pair in pairs} == {2}
    assert len(set(pairs)) == len(pairs) == 36 * 35 // 2
    for row in rows:
        assert (row["kind"] == "genuine") == (row["first_person"] == row["second_person"])


def test_what_leaves_the_house_has_numbers_for_people_and_pictures(house: House) -> None:
    scores = [measured(house).scores]
    rows, named = read(scores, named=False), read(scores)
    assert {row["first_person"] for row in rows} == {str(number) for number in range(1, 10)}
    assert {row["first_picture"] for row in rows} == {str(number) for number in range(1, 37)}
    assert [row["distance"] for row in rows] == [row["distance"] for row in named]


def test_reviewed_attempts_are_lines_too(house: House) -> None:
    scores = measured(house).scores
    more = replace(scores, upheld=[(scores.templates.people[0], 0.21), ("gone", 0.22)], void=[("gone", 0.29)])
    rows = [row for row in read([more], named=False) if row["second_picture"] == "attempt"]
    told = [(row["kind"], row["first_person"], row["second_person"], row["distance"]) for row in rows]
    assert told == [("genuine", "1", "1", "0.21"), ("genuine", "10", "10", "0.22"), ("impostor", "10", "", "0.29")]


PEOPLE = tuple(f"Person_{number}" for number in range(4))


def tried(
    folder: Path, ratios: Sequence[float], pairs: list[Pair] | None = None, names: Sequence[str] = PEOPLE
) -> Evaluation:
    for person, name in enumerate(names):
        (folder / name).mkdir()
        for variant in range(3):
            (folder / name / f"{name}_{variant + 1:04d}.jpg").write_bytes(picture(person, variant))
    engine, options = FakeEngine(), RecognitionOptions()
    made = [
        Combination(options, Setting(replace(engine.model, threshold=threshold), options.as_dict(), ratio), engine)
        for ratio in ratios
        for threshold in (0.5, 1.9)
    ]
    return evaluate(scan(folder, ImportReport()), made, MatrixGallery, pairs=pairs)


def test_a_sweep_of_the_ambiguity_searches_anew_for_each_value(tmp_path: Path) -> None:
    """With so large a ratio two people are always about as near, so nobody is ever named."""
    done = tried(tmp_path, (0.0, 1e6))
    found = [one.identification for one in done.reports if isinstance(one, ErrorReport)]
    assert [None if one is None else one.fpir.rate for one in found] == [0.0, 1.0, 0.0, 0.0]
    assert [None if one is None or one.fnir is None else one.fnir.rate for one in found][2:] == [1.0, 1.0]
    rows = read(done.scores)
    assert {row["options"] for row in rows} == {"ambiguity_ratio=0.0", "ambiguity_ratio=1000000.0"}
    alone = [row for row in rows if row["options"] == "ambiguity_ratio=1000000.0"]
    assert np.isinf(of(alone, "stranger")).all()
    assert (of(alone, "genuine") == of([row for row in rows if row not in alone], "genuine")).all()


def test_of_a_list_of_pairs_there_are_these_alone(tmp_path: Path) -> None:
    pairs = parse("Person_0 1 2\nPerson_1 2 3\nPerson_0 1 Person_1 1\n")
    rows = read(tried(tmp_path, (0.05,), pairs).scores)
    assert [(row["kind"], row["first_person"], row["second_person"]) for row in rows] == [
        ("genuine", "Person_0", "Person_0"),
        ("impostor", "Person_0", "Person_1"),
        ("genuine", "Person_1", "Person_1"),
    ]


def test_a_folder_whose_name_is_a_formula_is_text_in_a_spreadsheet(tmp_path: Path) -> None:
    rows = read(tried(tmp_path, (0.05,), names=("=1+1", "@SUM(A1)")).scores)
    assert {row["first_person"] for row in rows} == {"'=1+1", "'@SUM(A1)"}
