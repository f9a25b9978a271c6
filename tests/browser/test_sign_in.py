"""Getting in and out, as an operator sees it: first start, sign-in, sign-out, and what an old tab can still do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ready, sign_in
from tests.browser.kiosk_steps import SLOW, says
from tests.real_server import OPERATOR_PASSWORD, answers, free_port, serving, set_password, setup_token, until
from tests.visitors import accounts_of, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real_server import App

pytestmark = pytest.mark.browser
OFFICE = ("records", "people", "register", "settings", "thresholds", "versions", "status")


def test_first_start_sets_the_password_with_the_link_of_the_terminal(page: Page, tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path, model_dir) as app:
        page.goto(app.url)
        expect(page.get_by_role("heading", name="Attend is not set up yet")).to_be_visible()
        link = f"{app.url}/in/setup?token={setup_token(app)}"
        page.goto(link)
        page.get_by_label("New password", exact=True).fill(OPERATOR_PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        expect(page).to_have_url(re.compile(r"/records$"))
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        page.goto(link)
        expect(page.get_by_role("heading", name="This link can't be used")).to_be_visible()


def test_sign_in_goes_on_to_the_page_that_was_asked_for(page: Page, app: App) -> None:
    page.goto(f"{app.url}/people")
    expect(page).to_have_url(re.compile(r"/in/sign-in\?next=/people$"))
    page.get_by_label("Password", exact=True).fill("not this one, surely")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That password isn't right.")
    page.get_by_label("Password", exact=True).fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/people$"))
    ready(page)
    expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()
    expect(page).to_have_title("People · Attend")
    page.reload()
    ready(page)
    expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()  # the session survives a refresh


def test_signing_out_ends_every_tab_and_an_old_one_can_do_nothing(operator: Page, app: App) -> None:
    for path in ("records", "people"):
        operator.goto(f"{app.url}/{path}")
        ready(operator)
    other = operator.context.new_page()
    other.goto(f"{app.url}/settings")
    ready(other)
    operator.get_by_role("button", name="Sign out").click()
    expect(operator).to_have_url(re.compile(r"/in/sign-in\?out$"))
    expect(operator.get_by_role("status")).to_have_text("Signed out.")
    expect(other).to_have_url(re.compile(r"/in/sign-in\?ended=1&next=%2Fsettings$"))
    operator.go_back()
    expect(operator).to_have_url(re.compile(r"/in/sign-in\?next=/records$"), timeout=SLOW)
    expect(operator.get_by_role("heading", name="People")).to_have_count(0)


def test_a_session_ends_after_a_pause_and_says_so(page: Page, tmp_path: Path, model_dir: Path) -> None:
    # The Status page looks again by itself every few seconds, which is no activity.
    with serving(tmp_path, model_dir, ATTEND_SESSION_IDLE_MINUTES="0.3") as app:
        set_password(app)
        until(lambda: answers(app, "/readyz"), app, 120)  # the pause is shorter than the models may take
        sign_in(page, app)
        page.goto(f"{app.url}/status")
        expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()
        expect(page).to_have_url(re.compile(r"/in/sign-in\?ended=1&next=%2Fstatus$"), timeout=90_000)
        expect(page.get_by_role("status")).to_have_text("You were signed out. Sign in to go on.")
        page.goto(f"{app.url}/records")
        expect(page).to_have_url(re.compile(r"/in/sign-in\?next=/records"))


def end_all_sessions(app: App) -> None:
    """From another process."""
    with store_of(app) as store:
        accounts_of(store).end_all()


@pytest.mark.parametrize(("opened", "chosen"), [("status", ""), ("people", "records")])
def test_a_page_that_connects_again_before_it_knows_of_the_end_is_led_to_the_sign_in_too(
    operator: Page, app: App, opened: str, chosen: str
) -> None:
    operator.goto(f"{app.url}/{opened}")
    ready(operator)
    went: list[str] = []
    operator.on("framenavigated", lambda frame: went.append(frame.url.removeprefix(app.url)))
    operator.route("**/in/whoami", lambda route: route.abort())  # what the page asks by itself is never answered
    with operator.expect_event("websocket"):
        end_all_sessions(app)
    if chosen:  # a page that does not look again by itself
        operator.get_by_role("link", name=chosen.title(), exact=True).click()
    expect(operator).to_have_url(re.compile(rf"/in/sign-in\?ended=1&next=%2F{chosen or opened}$"), timeout=SLOW)
    expect(operator.get_by_role("status")).to_have_text("You were signed out. Sign in to go on.")
    assert "/" not in went


@pytest.mark.parametrize("is_told", [True, False])
def test_a_check_in_screen_stays_one_when_the_operators_session_ends(operator: Page, app: App, *, is_told: bool) -> None:
    operator.goto(app.url)
    ready(operator)
    expect(operator.get_by_role("button", name="Sign out")).to_be_visible()
    if not is_told:
        operator.route("**/in/whoami", lambda route: route.abort())
    end_all_sessions(app)
    if not is_told:
        operator.reload()
    expect(operator.get_by_role("button", name="Sign out")).to_have_count(0, timeout=SLOW)
    expect(operator).to_have_url(f"{app.url}/")
    says(operator, "nobody-registered")


def test_a_visitor_who_is_not_signed_in_sees_no_sidebar_and_asks_nobody_else(page: Page, app: App) -> None:
    elsewhere: list[str] = []
    faults: list[str] = []
    page.on(
        "request", lambda asked: None if asked.url.startswith((app.url, "data:", "blob:")) else elsewhere.append(asked.url)
    )
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(app.url)
    ready(page)
    expect(page).to_have_title(re.compile(" · Attend$"))  # the kiosk puts its headline first
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    expect(page.get_by_role("link", name="Office sign-in")).to_be_visible()
    assert page.locator("link[rel~=icon]").get_attribute("href", timeout=5_000).startswith("data:image/svg")  # type: ignore[union-attr]
    assert not elsewhere
    assert not faults


def test_the_office_fits_every_width_and_the_sidebar_gets_out_of_the_way(operator: Page, app: App) -> None:
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(f"{app.url}/people")
    ready(operator)
    sidebar = operator.get_by_test_id("stSidebar").bounding_box()
    assert sidebar is not None
    assert round(sidebar["width"]) == 256
    block = operator.get_by_test_id("stMainBlockContainer").evaluate(
        "e => e.clientWidth - parseFloat(getComputedStyle(e).paddingLeft) - parseFloat(getComputedStyle(e).paddingRight)"
    )
    assert block <= 1120

    operator.set_viewport_size({"width": 390, "height": 844})
    operator.reload()
    ready(operator)
    closed = operator.get_by_test_id("stSidebar")
    expect(closed).to_have_attribute("data-collapsed", "true")
    operator.get_by_test_id("stExpandSidebarButton").click()
    expect(closed).not_to_have_attribute("data-collapsed", "true")
    operator.get_by_role("link", name="Status", exact=True).click()
    expect(operator).to_have_url(re.compile(r"/status$"))
    expect(closed).to_have_attribute("data-collapsed", "true")
    for path in ("", *OFFICE):
        operator.goto(f"{app.url}/{path}")
        ready(operator)
        assert operator.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path or "check-in"


def test_a_page_that_was_open_goes_on_after_the_server_was_started_again(
    page: Page, tmp_path: Path, model_dir: Path
) -> None:
    port = free_port()
    with serving(tmp_path, model_dir, port=port) as app:
        set_password(app)
        sign_in(page, app)
        page.goto(f"{app.url}/people")
        expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()
    with serving(tmp_path, model_dir, port=port) as app:
        page.get_by_role("link", name="Status", exact=True).click()
        expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()
