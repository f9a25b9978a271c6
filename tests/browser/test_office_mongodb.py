"""The whole way on MongoDB, through the pages: set up, register, check in, "Not me", settle, change a setting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready, sign_in
from tests.browser.kiosk_steps import says
from tests.browser.test_office_register import NEXT, files
from tests.mongo_server import mongo_server
from tests.real_server import serving, set_password

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from playwright.sync_api import Page

    from tests.real_server import App

pytestmark = pytest.mark.browser
NAME = "Eileen Collins"


@pytest.mark.parametrize("standalone", [False, True], ids=["replica set", "standalone"])
def test_from_the_first_start_to_a_settled_record(
    page: Page, tmp_path: Path, model_dir: Path, astronaut: NDArray[np.uint8], standalone: bool
) -> None:
    page.context.set_default_timeout(60_000)
    with (
        mongo_server(tmp_path / "mongo", standalone=standalone) as database,
        serving(tmp_path, model_dir, ATTEND_STORE_URL=database.url) as app,
    ):
        set_password(app)
        sign_in(page, app)
        register(page, app, astronaut)

        page.get_by_text("Try it now", exact=True).click()
        says(page, "checked-in")
        page.get_by_role("button", name="Not me").click()
        page.get_by_role("button", name="Yes, not me").click()
        says(page, "disputed")

        show(page, app, "records")
        page.get_by_role("button", name=re.compile("^Stands ")).click()
        expect(page.get_by_text(f"Saved. The record of {NAME} stands.")).to_be_visible()
        page.get_by_text("All attempts", exact=True).click()
        expect(page.get_by_text(re.compile(r"1 to 1 of 1 attempts\. Times in"))).to_be_visible()

        show(page, app, "settings")
        page.get_by_label("Threshold (dlib's ResNet)", exact=True).fill("0.45")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Save 0.45").click()
        expect(page.get_by_text("Used from the next attempt on.")).to_be_visible()

        for path, words in {"people": "1 person registered", "status": "MongoDB", "thresholds": "Thresholds"}.items():
            show(page, app, path)
            expect(page.get_by_test_id("stMain").get_by_text(words).first).to_be_visible()
        assert "Traceback" not in app.log


def show(page: Page, app: App, path: str) -> None:
    page.goto(f"{app.url}/{path}")
    ready(page)


def register(page: Page, app: App, astronaut: NDArray[np.uint8]) -> None:
    show(page, app, "register")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Next: pictures").click()
    page.get_by_text("Files", exact=True).click()
    page.locator("input[type=file]").set_input_files(files(astronaut, 0, 3, 6))
    page.get_by_role("button", name=NEXT).click()
    page.get_by_role("button", name=f"Register {NAME}").click()
    expect(page.get_by_text(f"{NAME} is registered with 3 pictures.")).to_be_visible()
