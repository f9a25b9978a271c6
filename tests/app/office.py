"""Office pages without a browser, on a real store with people and records of Monday 2 March 2026."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamlit.testing.v1 import AppTest

from attendance.domain.model import Review
from tests.fakes import FakeEngine, House, picture

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "dlib-resnet-v1/align-m20-flip"  # of params.yaml's options, so that the app takes these templates for its own
DAY = "2026-03-02"


def _script() -> None:
    """Run one page of the office as the frame around the pages does."""
    import streamlit as st

    from attendance.ui.people import people_page
    from attendance.ui.records import records_page
    from attendance.ui.register import register_page

    pages = {"records": records_page, "people": people_page, "register": register_page}
    first = st.session_state["under-test"]
    made = [st.Page(page, title=name, url_path=name, default=name == first) for name, page in pages.items()]
    st.navigation(made, position="hidden").run()


def office(under_test: str, **query: str) -> AppTest:
    """The page, not yet run, with this query in its address."""
    app = AppTest.from_function(_script, default_timeout=60)
    app.session_state["under-test"] = under_test
    for name, value in query.items():
        app.query_params[name] = value
    return app


def said(app: AppTest) -> str:
    """Every sentence on the page, without Markdown's backslashes."""
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.success, *app.error]
    return "\n".join(str(one.value) for one in parts).replace("\\", "")


def house_in(folder: Path) -> House:
    """A store that the pages of this test open too."""
    return House(folder, engine=FakeEngine(MODEL))


def with_records(folder: Path) -> House:
    """Maria (1042, Design) came at 09:00 and again; Tom was disputed at 10:00; Leo has not come; one was not recognised."""
    house = house_in(folder)
    for number, name in enumerate(["Maria <b>L</b>", "Tom", "Leo"], start=1):
        house.add(name, number)
    maria = house.people.find("Maria <b>L</b>")
    house.people.set_details(maria.person_id, external_id="1042", group="Design", actor="Olof")
    house.checkin.attempt(picture(1, 7), source="kiosk")
    house.clock.forward(10)
    house.checkin.attempt(picture(1, 8), source="kiosk")
    house.clock.forward(3_590)
    tom = house.checkin.attempt(picture(2, 7), source="kiosk").attempt
    house.real_store.set_review(tom.attempt_id, Review.DISPUTED, actor="kiosk", at_utc=house.clock(), expected=Review.NONE)
    house.clock.forward(5)
    house.checkin.attempt(b"dark", source="kiosk")
    return house
