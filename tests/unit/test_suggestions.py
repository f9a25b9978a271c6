"""What a calibration suggests, on templates whose distances are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.services.suggestions import changes, suggestions
from tests.calibrations import calibrated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.services.calibrate import Calibration


@pytest.fixture
def calibration(tmp_path: Path) -> Iterator[Calibration]:
    yield from calibrated(tmp_path, pictures=5, threshold=0.25)


def test_a_suggested_threshold_keeps_what_it_promises(calibration: Calibration) -> None:
    report = calibration.report(target_fpir=0.1)
    found = {one.purpose: one for one in suggestions(report)}
    target = found["Strangers named: at most 10 %"]
    assert target.threshold is not None
    assert target.why == "FPIR at most 10 % at 8 people"
    at = calibration.report(threshold=target.threshold)
    assert at.identification is not None
    assert at.identification.fpir.rate <= 0.1
    equal = found["Equal error rate"]
    assert equal.threshold is not None
    there = calibration.report(threshold=equal.threshold)
    assert abs(there.fmr.rate - there.fnmr.rate) <= report.equal.high + 0.01
    one_percent = found["FMR at most 1 %"]
    assert one_percent.threshold is not None
    assert calibration.report(threshold=one_percent.threshold).fmr.rate <= 0.01


def test_what_cannot_be_said_is_a_sentence_without_a_threshold(calibration: Calibration) -> None:
    found = suggestions(calibration.report(target_fpir=0.001))
    assert (found[0].threshold, found[0].why) == (None, "")
    assert "can't be said with 40 searches" in found[0].sentence
    assert found[-1].threshold is None


def test_another_threshold_gives_the_rates_of_a_calibration_at_it(calibration: Calibration) -> None:
    now, then = calibration.report(), calibration.report(threshold=1.3)
    rows = {one.name: one for one in changes(now, then)}
    assert set(rows) == {"False matches", "False non-matches", "Strangers named", "People not named"}
    assert (then.threshold, then.data.digest, then.made_at_utc) == (1.3, now.data.digest, now.made_at_utc)
    assert now.fnmr.errors > then.fnmr.errors
    assert now.sources[0].false_non_matches == now.fnmr.errors
    assert then.sources[0].false_non_matches == then.fnmr.errors
