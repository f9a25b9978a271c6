"""The switch for the tracking beside the kiosk in a real browser, and an attempt that reaches a real MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from attendance.services.sessions import OPEN
from attendance.store.connect import connect
from attendance.tracking.client import open_client
from tests.browser.conftest import answers, serving, set_password, sign_in, until
from tests.store_makers import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_it_is_switched_on_and_what_is_made_arrives(page: Page, tmp_path: Path, model_dir: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with serving(tmp_path, model_dir, MLFLOW_TRACKING_URI=uri) as app:
        set_password(app)
        until(lambda: answers(app, "/readyz"), app, 120)
        page.set_viewport_size({"width": 1280, "height": 900})
        sign_in(page, app)
        page.goto(app.url)
        sidebar = page.get_by_test_id("stSidebar")
        switch = sidebar.get_by_role("switch", name="Enable MLflow tracking")
        expect(switch).not_to_be_checked()
        expect(sidebar.get_by_text("to MLflow, to compare thresholds")).to_be_visible()
        sidebar.get_by_text("Enable MLflow tracking").click()
        expect(sidebar.get_by_text("0 sent, 0 waiting.")).to_be_visible()
        store = connect(f"sqlite:///{tmp_path}/attendance.db", timeout_s=5)
        try:
            (session,) = store.all_kept(OPEN)
            store.settle(attempt(None, session=session.key), 60.0)
            expect(sidebar.get_by_text("1 sent, 0 waiting.")).to_be_visible(timeout=120_000)
        finally:
            store.close()
        sidebar.get_by_role("button", name="Begin an experiment").click()
        page.get_by_label("Name of the experiment").fill("threshold 0.50")
        page.screenshot(path=tmp_path / "begin.png")
        page.get_by_role("button", name="Begin", exact=True).click()
        expect(sidebar.get_by_text("Experiment threshold 0.50 is under way.")).to_be_visible()
        page.screenshot(path=tmp_path / "on.png")
        found = Axe().run(page, context={"include": [["[data-testid=stSidebarUserContent]"]]}).response["violations"]
        assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
        client = open_client(uri)
        experiment = client.get_experiment_by_name("face-attendance")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        assert len(runs) == 2
        page.goto(f"{app.url}/status")
        expect(page.get_by_text("On. 1 sent, 0 waiting.")).to_be_visible()
