"""The first page in a real browser. Somebody's whole path, from registering to the check-in, is in test_office_register."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def ready(page: Page) -> None:
    """Wait until the script has run to its end."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=120_000)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(page: Page, app: App, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(app.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=120_000)
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
