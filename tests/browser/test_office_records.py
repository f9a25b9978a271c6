"""Records in a real browser: the address keeps what is shown, the files are downloaded, a dispute is settled."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.app.office import DAY, with_records
from tests.browser.conftest import ready

if TYPE_CHECKING:
    from tests.browser.conftest import App

pytestmark = pytest.mark.browser


@pytest.fixture
def records(operator: Page, app: App) -> Page:
    """An operator before a store with people and records of Monday 2 March 2026."""
    house = with_records(app.folder)
    house.real_store.close()
    return operator


def show(page: Page, app: App, query: str) -> None:
    page.goto(f"{app.url}/records?{query}")
    expect(page.get_by_role("heading", name="Records", level=1)).to_be_visible(timeout=120_000)
    ready(page)


def test_filters_stand_in_the_address_and_survive_a_reload(records: Page, app: App) -> None:
    show(records, app, f"when=One+day&day={DAY}")
    expect(records.get_by_text("1 to 2 of 2 check-ins. Times in Europe/Stockholm.")).to_be_visible()
    records.get_by_text("All attempts", exact=True).click()
    expect(records.get_by_text("1 to 4 of 4 attempts.")).to_be_visible()
    records.get_by_placeholder("Name or staff number").fill("1042")
    expect(records.get_by_text("1 to 2 of 2 attempts.")).to_be_visible()
    expect(records).to_have_url(re.compile(r"person=1042"))
    records.reload()
    expect(records.get_by_text("1 to 2 of 2 attempts.")).to_be_visible()
    expect(records.get_by_placeholder("Name or staff number")).to_have_value("1042")


def test_the_chart_says_in_words_what_it_shows(records: Page, app: App) -> None:
    show(records, app, f"when=One+day&day={DAY}")
    words = "Arrivals by quarter hour: 1 person; most, 1, in the quarter hour from 09:00."
    expect(records.get_by_test_id("stVegaLiteChart")).to_have_attribute("aria-label", words)
    expect(records.get_by_role("button", name="Download as CSV")).to_have_count(0)


def test_both_files_hold_what_the_filters_show(records: Page, app: App) -> None:
    show(records, app, f"show=All+attempts&when=One+day&day={DAY}&result=Not+recognised")
    with records.expect_download() as started:
        records.get_by_role("button", name="Download CSV", exact=True).click()
    assert started.value.suggested_filename == f"attend-attempts-{DAY}-not-recognised.csv"
    text = Path(started.value.path()).read_bytes().decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(line["Local time"], line["Reason"]) for line in lines] == [(f"{DAY}T10:00:05+01:00", "The face is too dark")]
    with records.expect_download() as started:
        records.get_by_role("button", name="Download XLSX", exact=True).click()
    assert started.value.suggested_filename == f"attend-attempts-{DAY}-not-recognised.xlsx"
    assert Path(started.value.path()).read_bytes()[:2] == b"PK"


def test_a_dispute_is_settled_and_its_record_stays(records: Page, app: App) -> None:
    show(records, app, "when=All+days")
    expect(records.get_by_role("heading", name="To settle (1)")).to_be_visible()
    records.get_by_role("button", name="It was somebody else").click()
    expect(records.get_by_text("Saved. The record of Tom is void: it was somebody else.")).to_be_visible()
    expect(records.get_by_role("heading", name="To settle (1)")).to_have_count(0)
    show(records, app, "when=All+days&result=Void")
    expect(records.get_by_text("1 to 1 of 1 check-ins.")).to_be_visible()


def test_on_a_phone_one_press_leads_to_the_list(records: Page, app: App) -> None:
    records.set_viewport_size({"width": 390, "height": 844})
    show(records, app, f"when=One+day&day={DAY}")
    attempts = records.get_by_text("All attempts", exact=True)
    expect(attempts).not_to_be_in_viewport()
    records.get_by_role("link", name="To the list").click()
    expect(attempts).to_be_in_viewport(ratio=1)
    attempts.click()
    expect(records.get_by_text("1 to 4 of 4 attempts.")).to_be_visible()
    records.set_viewport_size({"width": 1280, "height": 1000})
    expect(records.get_by_role("link", name="To the list")).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_never_scrolls_sideways(records: Page, app: App, width: int) -> None:
    records.set_viewport_size({"width": width, "height": 844})
    show(records, app, "show=All+attempts&when=All+days")
    assert records.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
