"""Pictures of every state of the check-in at four sizes, light and dark: part of `make screenshots`. The person is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import kiosk_harness as k
from tests.browser.kiosk_steps import says
from tests.browser.shots import SCHEMES, SIZES, shot, visit
from tests.browser.test_kiosk_states import STATES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.kiosk_harness import Server

pytestmark = [pytest.mark.browser, pytest.mark.screenshots]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with k.harness() as running:
        yield running


@pytest.fixture(params=[(size, scheme) for scheme in SCHEMES for size in SIZES], ids="-".join)
def kiosk(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    size, scheme = request.param
    with visit(chromium, size, scheme) as page:
        yield page


def more(kiosk: Page) -> str:
    """What the harness's page needs to hear of the theme, which Streamlit's page would tell the component."""
    return "dark" if kiosk.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else ""


@pytest.mark.parametrize("state", list(STATES))
def test_a_state(kiosk: Page, server: Server, state: str) -> None:
    opened(kiosk, server, state, more(kiosk))
    kiosk.wait_for_timeout(400)
    shot(kiosk, f"kiosk-{state}", whole=False)


def test_by_name(kiosk: Page, server: Server) -> None:
    opened(kiosk, server, "waiting", more(kiosk))
    kiosk.get_by_role("button", name="Check in by name").click()
    kiosk.get_by_role("combobox").press_sequentially("ma")
    expect(kiosk.get_by_role("option")).to_have_count(3)
    shot(kiosk, "kiosk-name", whole=False)
    kiosk.keyboard.press("Enter")
    says(kiosk, "name-look")
    shot(kiosk, "kiosk-name-look", whole=False)


def test_not_me(kiosk: Page, server: Server) -> None:
    opened(kiosk, server, "checked-in", more(kiosk))
    kiosk.get_by_role("button", name="Not me").click()
    says(kiosk, "dispute")
    shot(kiosk, "kiosk-dispute", whole=False)
