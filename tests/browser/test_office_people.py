"""People in a real browser: pick, change, add a picture, remove with the name typed, import a zip."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Position, expect

from attendance.store.connect import connect
from tests.app.office import with_records
from tests.browser.conftest import ready

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.browser.conftest import App

pytestmark = pytest.mark.browser
NAME = "Maria <b>L</b>"


@pytest.fixture
def people(operator: Page, app: App) -> Page:
    """An operator before a store with three people."""
    with_records(app.folder).real_store.close()
    operator.goto(f"{app.url}/people")
    expect(operator.get_by_text("3 people registered")).to_be_visible(timeout=120_000)
    ready(operator)
    return operator


def names(app: App) -> list[str]:
    store = connect(f"sqlite:///{app.folder}/attendance.db", timeout_s=5)
    try:
        return [person.name for person in store.people()]
    finally:
        store.close()


def pick(page: Page, row: int) -> None:
    """Press on the name in one row of the table; rows are 48 pixels high, below a heading of about 36."""
    ready(page)
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    place: Position = {"x": 240, "y": 36 + 48 * row + 24}
    table.hover(position=place)  # the grid wants to see the pointer come, as a hand brings it
    table.click(position=place)


def pictures(astronaut: NDArray[np.uint8], count: int) -> list[bytes]:
    """The portrait at several exposures: different files of one and the same person."""
    found = []
    for number in range(count):
        out = io.BytesIO()
        Image.fromarray((astronaut * (1 - 0.1 * number)).astype(np.uint8)).save(out, "JPEG", quality=92)
        found.append(out.getvalue())
    return found


def test_a_person_is_picked_and_changed_and_a_taken_number_says_whose_it_is(people: Page) -> None:
    pick(people, 2)
    expect(people.get_by_role("heading", name="Tom", level=1)).to_be_visible()
    expect(people).to_have_url(re.compile(r"/people\?id="))
    people.get_by_role("button", name="Change name, number or group").click()
    dialog = people.get_by_role("dialog")
    dialog.get_by_label("Staff number (optional)").fill("1042")
    dialog.get_by_role("button", name="Save changes").click()
    expect(dialog.get_by_text(f"That staff number belongs to {NAME}.")).to_be_visible()
    dialog.get_by_label("Staff number (optional)").fill("1043")
    dialog.get_by_label("Name", exact=True).fill("Tom A")
    dialog.get_by_role("button", name="Save changes").click()
    expect(people.get_by_role("heading", name="Tom A", level=1)).to_be_visible()
    expect(people.get_by_text("Staff no. 1043")).to_be_visible()
    people.get_by_role("button", name="Undo").click()
    expect(people.get_by_role("heading", name="Tom", exact=True, level=1)).to_be_visible()
    expect(people.get_by_text("No staff number")).to_be_visible()


def test_by_keyboard_arrows_move_and_enter_opens(people: Page) -> None:
    table = people.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    people.get_by_placeholder("Name, staff number or group").focus()
    for _ in range(5):  # from the search on, past what lies between
        people.keyboard.press("Tab")
        if table.evaluate("table => table.contains(document.activeElement)"):
            break
    for _ in range(3):
        people.keyboard.press("ArrowDown")
        people.wait_for_timeout(600)  # more than Streamlit waits before it tells a choice
        ready(people)
        expect(people.get_by_role("heading", name="People", level=1)).to_be_visible()
    people.keyboard.press("ArrowUp")
    people.keyboard.press("Enter")
    expect(people.get_by_role("heading", name=NAME, level=1)).to_be_visible()


def test_a_person_is_removed_only_with_the_name_typed(people: Page, app: App) -> None:
    people.get_by_placeholder("Name, staff number or group").fill("1042")
    expect(people.get_by_text("1 to 1 of 1.")).to_be_visible()
    pick(people, 0)
    expect(people.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    people.get_by_test_id("stMain").get_by_role("button", name="Remove person", exact=True).click()
    dialog = people.get_by_role("dialog")
    remove = dialog.get_by_role("button", name=f"Remove {NAME}")
    expect(remove).to_be_disabled()
    dialog.get_by_role("textbox").fill("Maria")
    expect(remove).to_be_disabled()
    dialog.get_by_role("textbox").fill(NAME)
    expect(remove).to_be_enabled()
    remove.click()
    expect(people.get_by_text(f"{NAME} was removed with 3 pictures.")).to_be_visible()
    assert names(app) == ["Leo", "Tom"]


def test_a_picture_is_removed_only_when_asked_once_more(people: Page) -> None:
    people.get_by_placeholder("Name, staff number or group").fill("1042")
    expect(people.get_by_text("1 to 1 of 1.")).to_be_visible()
    pick(people, 0)
    expect(people.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    removing = people.get_by_role("button", name=re.compile("^Remove picture [123]$"))
    expect(removing).to_have_count(3)
    expect(people.get_by_role("button", name="Remove person", exact=True)).to_have_count(1)
    dialog = people.get_by_role("dialog")
    removing.nth(1).click()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)
    expect(removing).to_have_count(3)
    removing.nth(1).click()
    dialog.get_by_role("button", name="Remove picture 2").click()
    expect(people.get_by_text("Saved. Picture 2 was removed.")).to_be_visible()
    expect(removing).to_have_count(2)


def test_a_zip_is_imported_and_a_picture_is_added_afterwards(people: Page, app: App, astronaut: NDArray[np.uint8]) -> None:
    first, second, third = pictures(astronaut, 3)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("Eileen Collins/1.jpg", first)
        opened.writestr("Eileen Collins/2.jpg", second)
        opened.writestr("Eileen Collins/notes.txt", "no picture")
        opened.writestr("../Eve/1.jpg", first)
    people.locator("input[type=file]").set_input_files(
        {"name": "staff.zip", "mimeType": "application/zip", "buffer": archive.getvalue()}
    )
    people.get_by_role("button", name="Import these people").click()
    expect(people.get_by_text("1 person added.")).to_be_visible(timeout=120_000)
    with people.expect_download() as started:
        people.get_by_role("button", name="Download the report").click()
    assert started.value.suggested_filename == "attend-import-report.csv"
    people.get_by_role("button", name="Done").click()
    assert names(app) == ["Eileen Collins", "Leo", NAME, "Tom"]

    expect(people.get_by_text("4 people registered")).to_be_visible()
    expect(people.get_by_role("button", name="Download the report")).to_have_count(0)
    pick(people, 0)
    expect(people.get_by_role("heading", name="Eileen Collins", level=1)).to_be_visible()
    people.get_by_role("button", name="Add pictures").click()
    people.get_by_text("Files", exact=True).click()
    people.locator("input[type=file]").set_input_files({"name": "3.jpg", "mimeType": "image/jpeg", "buffer": third})
    people.get_by_role("button", name="Add 1 picture").click()
    expect(people.get_by_text("Saved. 1 picture added.")).to_be_visible()
    expect(people.get_by_alt_text("Picture 3 of Eileen Collins")).to_be_visible()


def test_a_folder_is_imported_under_its_peoples_names(
    people: Page, app: App, astronaut: NDArray[np.uint8], tmp_path: Path
) -> None:
    staff = tmp_path / "staff"
    (staff / "Eileen Collins" / "older").mkdir(parents=True)
    for name, data in zip(("1.jpg", "2.jpg", "older/3.jpg"), pictures(astronaut, 3), strict=True):
        (staff / "Eileen Collins" / name).write_bytes(data)
    (staff / "notes.txt").write_text("no picture")
    people.get_by_text("A folder", exact=True).click()
    people.locator("input[type=file][webkitdirectory]").set_input_files(staff)
    people.get_by_role("button", name="Import these people").click()
    expect(people.get_by_text("1 person added.")).to_be_visible(timeout=120_000)
    people.get_by_role("button", name="Done").click()
    assert names(app) == ["Eileen Collins", "Leo", NAME, "Tom"]
    pick(people, 0)
    expect(people.get_by_alt_text("Picture 2 of Eileen Collins")).to_be_visible()
    expect(people.get_by_alt_text("Picture 3 of Eileen Collins")).to_have_count(0)


def drop(page: Page, *folders: Path) -> None:
    """Let these fall on the place for files, as a hand does it that drags them out of a window of the desktop."""
    place = page.get_by_test_id("stFileUploaderDropzone")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    carried = {"items": [], "files": [str(folder) for folder in folders], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": step, **at, "data": carried})


@pytest.mark.parametrize("way", ["A folder", "A zip"])
def test_a_folder_that_is_dropped_is_imported_under_its_peoples_names(
    people: Page, app: App, astronaut: NDArray[np.uint8], tmp_path: Path, way: str
) -> None:
    eileen = tmp_path / "staff" / "Eileen Collins"
    eileen.mkdir(parents=True)
    for number, data in enumerate(pictures(astronaut, 2)):
        (eileen / f"{number}.jpg").write_bytes(data)
    people.get_by_text(way, exact=True).click()
    place = people.get_by_test_id("stFileUploaderDropzone")
    expect(place).to_have_attribute("aria-label", f"{way.removeprefix('A ').capitalize()} of people")
    ready(people)
    drop(people, tmp_path / "staff")
    people.get_by_role("button", name="Import these people").click()
    expect(people.get_by_text("1 person added.")).to_be_visible(timeout=120_000)
    people.get_by_role("button", name="Done").click()
    expect(place).to_be_visible()  # the import is the server's, not this test's
    assert names(app) == ["Eileen Collins", "Leo", NAME, "Tom"]


def test_a_dropped_folder_with_nothing_in_it_is_told(people: Page, tmp_path: Path) -> None:
    (tmp_path / "staff").mkdir()
    drop(people, tmp_path / "staff")
    expect(people.get_by_text("Nothing in that folder could be read.")).to_be_visible()
    expect(people.get_by_text("Drag and drop")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_never_scrolls_sideways(people: Page, width: int) -> None:
    people.set_viewport_size({"width": width, "height": 844})
    ready(people)
    assert people.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
