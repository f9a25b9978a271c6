"""The description of a measurement's run answers "which threshold should we use?" in its first line, and says why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from attendance.services.error_report import Target
from attendance.services.measured_note import advised, answer, note, recommended
from attendance.services.wording import share
from tests.calibrations import calibrated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.services.calibrate import Calibration
    from attendance.services.error_report import ErrorReport


@pytest.fixture
def calibration(tmp_path: Path) -> Iterator[Calibration]:
    yield from calibrated(tmp_path, pictures=4, threshold=0.3)


def answerable(report: ErrorReport, threshold: float) -> ErrorReport:
    """As with so many searches that the target can be said."""
    found = Target(0.001, threshold, 100, 4_000, threshold, f"{threshold} keeps it.", 90.0, warning=False, growth="")
    return replace(report, target=found)


def missing_one(report: ErrorReport) -> ErrorReport:
    """As if one search for somebody who is enrolled had not found them at the threshold in use."""
    searched = report.identification
    assert searched is not None
    assert searched.fnir is not None
    return replace(report, identification=replace(searched, fnir=replace(searched.fnir, errors=1, rate=1 / 32)))


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_of_one_measurement_the_table_has_what_was_measured_and_what_is_suggested(calibration: Calibration) -> None:
    report = missing_one(calibration.report())
    text = note([report])
    assert text.splitlines()[0].startswith("**0.791 is the best guess so far**")
    assert "can't be said with 32 searches" in text.splitlines()[0]
    head, _, measured, *suggested = table(text)
    assert head == ["", "threshold", "FMR", "FNMR"]
    assert measured == ["measured", "0.3", "0 % (0 % to 10.1 %)", "6.25 % (2.08 % to 12.5 %)"]
    assert [row[0] for row in suggested] == ["Equal error rate", "FMR at most 1 %"]
    assert "Measured on 8 people, 32 pictures." in text
    assert "Person" not in text


def test_the_best_guess_takes_nobody_for_somebody_else(calibration: Calibration) -> None:
    report = missing_one(calibration.report())
    assert report.target is not None
    close = replace(report, target=replace(report.target, free=0.4123))
    text = note([close])
    assert text.startswith("**0.412 is the best guess so far**: the loosest at which nobody was taken for somebody else")
    at = close.curves.thresholds.index(0.41)
    assert f"FNMR of {share(close.curves.fnmr[at])} (" in text
    assert "at 0.791, which is too loose for searches" in text
    matched = replace(report.curves, fmr=tuple(float(t > 0.3) for t in report.curves.thresholds))
    assert (advised(report), advised(close), advised(answerable(report, 0.6127))) == (0.791, 0.412, 0.612)
    assert note([replace(close, curves=matched)]).startswith("**0.300 is the best guess so far**")


def test_where_no_search_went_wrong_a_looser_one_is_not_advised(calibration: Calibration) -> None:
    report = calibration.report()
    text = note([report])
    assert text.startswith("**Keep 0.3**: it found everybody and named nobody wrong")
    assert "can't be said with 32 searches" in text.splitlines()[0]
    assert advised(report) == 0.3
    loose = calibration.report(threshold=0.85)
    assert loose.identification is not None
    assert loose.identification.fnir is not None
    assert (loose.fmr.errors, loose.identification.fpir.errors, loose.identification.fnir.errors) == (0, 0, 0)
    assert note([loose]).startswith("**0.791 is the best guess so far**"), "looser than the middle of the gap"
    searched = report.identification
    assert searched is not None
    assert searched.fnir is not None
    named = replace(report, identification=replace(searched, fpir=replace(searched.fpir, errors=1)))
    nobody = replace(report, identification=None, target=None)
    assert (advised(named), advised(nobody)) == (0.791, 0.791)


def test_what_keeps_the_target_is_what_to_use(calibration: Calibration) -> None:
    first = note([answerable(calibration.report(), 0.6127)]).splitlines()[0]
    assert first == "**Use 0.612**, the loosest with an FPIR at most 0.1 % at 8 people; 0.3 was measured."


def test_of_a_sweep_that_keeps_the_target_and_turns_away_the_fewest(calibration: Calibration) -> None:
    reports = [answerable(calibration.report(threshold=value), 0.62) for value in (1.3, 0.6, 0.25, 0.3, 0.61)]
    best, why = recommended(reports)
    assert best is not None
    assert best.threshold == 0.6, "0.61 turns away no fewer, and 0.6 is stricter"
    assert "keep the FPIR to 0.1 % among 8 people" in why
    text = note(reports)
    assert text.startswith("**Use threshold 0.6.** ")
    rows = table(text)[2:]
    assert [row[0] for row in rows] == ["0.25", "0.3", "**0.6**", "0.61", "1.3"]


def test_the_first_line_leads_to_the_combinations_side_by_side(calibration: Calibration) -> None:
    reports = [calibration.report(threshold=value) for value in (0.25, 0.3)]
    assert (
        note(reports, "#/there")
        .splitlines()[0]
        .endswith("; the FMR may still be up to 10.1 %. [See them side by side](#/there).")
    )
    assert "side by side" not in note(reports)


def test_with_too_few_pictures_what_took_nobody_for_another(calibration: Calibration) -> None:
    best, why = recommended([calibration.report(threshold=value) for value in (0.25, 0.3, 1.3)])
    assert best is not None
    assert best.threshold == 0.3
    assert "448 comparisons of different people gave no match" in why
    assert "up to 10.1 %" in why


def test_the_answer_is_one_line_with_what_it_was_measured_on(calibration: Calibration) -> None:
    report = calibration.report()
    first = note([report]).splitlines()[0]
    assert answer([report]) == f"{first} Measured on 8 people, 32 pictures:"
    assert "side by side" not in answer([report, calibration.report(threshold=0.25)])


def test_where_none_will_do_it_says_so(calibration: Calibration) -> None:
    assert recommended([answerable(calibration.report(threshold=value), 0.2) for value in (0.5, 1.3)])[0] is None
    text = note([calibration.report(threshold=1.3), calibration.report(threshold=1.4)])
    assert text.startswith("**None of these can be recommended.**")


def test_other_values_that_were_tried_have_columns(calibration: Calibration) -> None:
    one, other = calibration.report(), calibration.report()
    flipped = replace(other, options={**other.options, "use_tta_flip": not other.options["use_tta_flip"]})
    text = note([one, flipped])
    assert table(text)[0] == ["threshold", "use_tta_flip", "FMR", "FNMR", "FPIR", "FRR"]
    assert ", use_tta_flip " in text.splitlines()[0]


def test_a_thousand_combinations_fit_into_a_tag(calibration: Calibration) -> None:
    text = note([calibration.report(threshold=0.2 + step / 1_000) for step in range(200)])
    assert len(text) < 8_000
    assert "160 more are in the list of runs." in text
