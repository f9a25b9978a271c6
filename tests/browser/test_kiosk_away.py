"""The database or the server goes away and comes back, with a person in front of the screen."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.kiosk_steps import NAME, enrol, note_states, says, states, store_of, stored
from tests.mongo_server import mongo_server
from tests.real_server import answers, free_port, serving, set_password, until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.real_server import App

pytestmark = pytest.mark.browser


def test_the_database_is_stopped_and_comes_back(page: Page, tmp_path: Path, model_dir: Path, astronaut_jpeg: bytes) -> None:
    with mongo_server(tmp_path / "mongo", standalone=False) as database:
        if database.external:
            pytest.skip("the server of TEST_MONGODB_URI is not ours to stop")
        enrol(database.url, model_dir, NAME, astronaut_jpeg)
        with serving(tmp_path, model_dir, ATTEND_STORE_URL=database.url) as app:
            set_password(app)
            until(lambda: answers(app, "/readyz"), app, 120)
            page.goto(app.url)
            says(page, "checked-in")
            database.kill()
            note_states(page)
            page.reload()  # anew, so that whatever is told from now on is told of an absent database
            says(page, "away")
            expect(page.get_by_role("heading", level=1)).to_have_text("Check-in is paused")
            expect(page.locator(".fact")).to_have_text(re.compile(r"Trying again in \d+ s"))
            assert not {"checked-in", "already"} & set(states(page))
            page.evaluate("window.same = true")
            database.restart()
            says(page, re.compile("checked-in|already"))
            assert page.evaluate("window.same"), "without a reload"
        attempts, check_ins = stored(database.url)
        assert len(check_ins) >= 1
        assert {check_in.attempt_id for check_in in check_ins} <= {attempt.attempt_id for attempt in attempts}


def locked_and_back(page: Page, app: App) -> None:
    """Another program holds the database: it is read but not written. The screen says so steadily, and goes on after."""
    with closing(sqlite3.connect(app.folder / "attendance.db", timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        note_states(page)
        page.reload()
        says(page, "away")
        before = len(states(page))
        page.wait_for_timeout(7000)  # two more looks at the server
        assert states(page)[before - 1 :] == ["away"]
        other.rollback()
    says(page, re.compile("checked-in|already"))


def test_the_server_is_killed_and_started_again(page: Page, tmp_path: Path, model_dir: Path, astronaut_jpeg: bytes) -> None:
    port = free_port()
    with serving(tmp_path, model_dir, port=port) as app:
        set_password(app)
        enrol(store_of(app), model_dir, NAME, astronaut_jpeg)
        until(lambda: answers(app, "/readyz"), app, 120)
        page.goto(app.url)
        says(page, "checked-in")
        locked_and_back(page, app)
        page.evaluate("window.same = true")
        app.process.kill()
        says(page, "away")
        expect(page.get_by_role("dialog")).to_have_count(0)  # nothing lies over what the screen says
    with serving(tmp_path, model_dir, port=port) as again:
        until(lambda: answers(again, "/readyz"), again, 120)
        says(page, re.compile("checked-in|already|done"))
        assert page.evaluate("window.same"), "without a reload"
        assert page.evaluate("""() => {
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot
            return root.querySelector('video').srcObject.active
        }""")
    assert len(stored(store_of(again))[1]) in {1, 2}  # the second where the first was more than a minute ago
