"""A sweep in MLflow's own pages, in a real browser: the address that is printed opens its run, and the link in the run's
description shows the combinations side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from attendance.bootstrap.measured_runs import COMPARED, track
from attendance.services.calibration_report import html
from attendance.tracking import destinations
from tests.calibrations import calibrated
from tests.mlflow_server import MlflowServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
THRESHOLDS = (0.25, 0.3, 0.35, 1.3)
LONG_MS = 120_000  # MLflow's pages are large, and the machine may be busy


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[str]:
    """What is said of a sweep that was tracked at a server."""
    server = MlflowServer(tmp_path / "mlflow")
    server.start()
    for calibration in calibrated(tmp_path, pictures=4, threshold=0.3):
        reports = [calibration.report(threshold=threshold) for threshold in THRESHOLDS]
        yield track(reports, html(reports), data="enrolled references", tracking_uri=server.url)
    destinations.close_all()
    server.kill()


def test_the_printed_address_leads_to_the_combinations_side_by_side(sweep: str, page: Page, tmp_path: Path) -> None:
    printed = re.search(r"Its page: (http\S+)$", sweep)
    assert printed is not None, sweep
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.goto(printed[1].split("/#")[0])
    page.get_by_role("link", name="face-attendance-thresholds", exact=True).first.click(timeout=LONG_MS)
    expect(page.get_by_text("Use threshold 0.35.").first).to_be_visible(timeout=LONG_MS)  # one click, and no run is open yet
    page.screenshot(path=tmp_path / "experiment.png")
    page.goto(printed[1])
    link = page.get_by_role("link", name="See them side by side")
    expect(link).to_be_visible(timeout=LONG_MS)
    page.screenshot(path=tmp_path / "run.png")
    address = link.get_attribute("href")
    assert address is not None
    page.goto(f"{printed[1].split('/#')[0]}/{address}")
    expect(page.get_by_text("4 matching runs")).to_be_visible(timeout=LONG_MS)  # the combinations alone, not their parent
    for threshold in THRESHOLDS:
        expect(page.get_by_role("link", name=f"threshold {threshold:g}", exact=True)).to_be_visible()
    expect(page.get_by_text("Side by side")).to_be_visible()
    axes = page.locator(".parcoords text.label")
    expect(axes).to_have_text(["threshold", *COMPARED], timeout=LONG_MS)  # the parallel coordinates are drawn, in this order
    expect(page.get_by_text("Against threshold")).to_be_visible()
    page.screenshot(path=tmp_path / "compared.png")
