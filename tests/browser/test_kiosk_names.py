"""Check in by name: the list, the plain field, the keyboard, and that typing is never moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser import kiosk_harness as k
from tests.browser.kiosk_steps import says

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.kiosk_harness import Server

pytestmark = pytest.mark.browser
FIELD = "Your name or staff number"


def by_name(page: Page, server: Server) -> Locator:
    """The open field, reached by keyboard alone."""
    page.goto(server.url)
    says(page, "waiting")
    page.get_by_role("button", name="Check in by name").focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("combobox", name=FIELD)
    expect(field).to_be_focused()
    return field


def test_arrows_choose_and_enter_takes(page: Page, server: Server) -> None:
    field = by_name(page, server)
    field.press_sequentially("m")
    page.wait_for_timeout(400)
    expect(page.get_by_role("option")).to_have_count(0)  # from two letters on
    field.press_sequentially("a")
    expect(page.get_by_role("option")).to_have_count(3)
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Marek Dvořák")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Amara Okafor")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    says(page, "name-look")
    expect(page.get_by_role("heading", level=1)).to_have_text("Maria, look at the camera")
    page.wait_for_timeout(500)
    assert server.seen[-1]["x-attend-claim"] == "id%3Ap1"
    assert int(server.seen[-1]["x-attend-turn"]) > 0


def test_escape_closes_the_list_and_then_empties_the_field(page: Page, server: Server) -> None:
    field = by_name(page, server)
    field.press_sequentially("ma")
    expect(page.get_by_role("option")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(field).to_have_value("ma")
    page.keyboard.press("Escape")
    expect(field).to_have_value("")


def test_a_finger_takes_a_name(page: Page, server: Server) -> None:
    by_name(page, server).press_sequentially("mar")
    page.get_by_role("option", name="Marek").click()
    says(page, "name-look")
    page.get_by_role("button", name="Not Marek? Change").click()
    expect(page.get_by_role("combobox", name=FIELD)).to_be_focused()


def test_a_staff_number_is_taken_as_it_is_typed(page: Page, server: Server) -> None:
    by_name(page, server).press_sequentially("1042 é")
    expect(page.get_by_text("No name like that. A staff number works too.")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_timeout(700)
    assert server.seen[-1]["x-attend-claim"] == "1042%20%C3%A9"


def test_no_frame_is_sent_while_somebody_types(page: Page, server: Server) -> None:
    field = by_name(page, server)
    page.wait_for_timeout(400)
    before = len(server.seen)
    server.frame = k.CHECKED_IN
    field.press_sequentially("ma", delay=300)
    page.wait_for_timeout(800)
    assert len(server.seen) == before
    expect(field).to_have_value("ma")
    expect(field).to_be_focused()


def test_after_a_result_the_next_person_is_anybody_again(page: Page, server: Server) -> None:
    by_name(page, server).press_sequentially("maria")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    server.frames.append(k.CHECKED_IN)
    says(page, "checked-in")
    says(page, "waiting")
    page.wait_for_timeout(500)
    assert "x-attend-claim" not in server.seen[-1]


def test_where_the_name_is_asked_first_it_is_asked_each_time(page: Page, server: Server) -> None:
    server.status = k.READY | {"mode": "name", "names": False}
    page.goto(f"{server.url}/?mode=name")
    field = page.get_by_label("Your staff number or full name")
    expect(field).to_be_focused()
    expect(page.locator(".alt")).to_be_hidden()
    assert server.seen == []
    field.fill("Maria Lindqvist")
    page.keyboard.press("Enter")
    server.frame = k.MISS
    says(page, "not-recognised")
    expect(page.get_by_role("button", name="Change name")).to_be_visible()
    page.get_by_role("button", name="Change name").click()
    expect(field).to_have_value("")


def test_an_operators_change_of_mode_reaches_an_open_screen(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    server.frame = k.answer("name", "Who is checking in?", "Give your name or staff number, then look at the camera.")
    says(page, "name")


def test_on_a_phone_the_name_stands_alone(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    by_name(page, server).press_sequentially("ma")
    expect(page.get_by_role("option").last).to_be_in_viewport(ratio=1)
    box = page.get_by_role("option").last.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 844 - 300, "the keyboard of a phone takes about 300 pixels"
