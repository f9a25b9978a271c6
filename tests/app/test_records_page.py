"""Records without a browser: what the page says, and that it says nothing else."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import Review
from attendance.services.report_rows import Result
from attendance.services.reports import RecordQuery
from attendance.services.spreadsheet import Kind
from attendance.ui.charts import DARK, LIGHT, arrivals, arrivals_sentence
from attendance.ui.records_files import file_name
from tests.app.office import DAY, house_in, office

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.fakes import House

pytestmark = pytest.mark.usefixtures("own_application")


def shown(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    assert not app.error
    return app


def words(app: AppTest) -> str:
    """Everything that stands on the page as text, without Markdown's escapes."""
    parts = [*app.title, *app.caption, *app.subheader, *app.info, *app.success, *app.markdown]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


@pytest.mark.usefixtures("house")
def test_a_day_at_a_glance_and_its_records() -> None:
    app = shown(office("records", when="One day", day=DAY))
    figures = {metric.label: (metric.value, metric.delta.replace("\\", "")) for metric in app.metric}
    assert figures == {
        "Came in": ("1", "of 3 people"),
        "Not in": ("2", "1 disputed"),
        "First arrival": ("09:00", "Maria <b>L</b>"),
        "Not recognised": ("1", "of 4 attempts"),
    }
    assert "Monday 2 Mar 2026" in words(app)
    assert "main" not in words(app), "nobody named the site"
    assert "1 to 2 of 2 check-ins. Times in Europe/Stockholm." in words(app)
    table = app.dataframe[-1].value
    assert list(table["Person"]) == ["Tom", "Maria <b>L</b>"]
    assert [f"{at:%H:%M:%S}" for at in table["Time"]] == ["10:00:00", "09:00:00"], "of the site, whatever the browser's zone"
    assert list(table["Result"]) == ["Checked in, disputed", "Checked in"]
    assert list(table["Staff no."]) == ["", "1042"]
    assert "Reason" not in table


@pytest.mark.usefixtures("house")
def test_all_attempts_say_why_and_how_near() -> None:
    table = shown(office("records", show="All attempts", when="All days")).dataframe[-1].value
    assert list(table["Result"]) == ["Not recognised", "Checked in, disputed", "Already in", "Checked in"]
    assert next(iter(table["Reason"])) == "The face is too dark"
    assert next(iter(table["Person"])) == ""
    assert list(table["Distance"])[1].endswith(" / 0.54")
    assert str(next(iter(table["Time"]))) == f"{DAY} 10:00:05"


@pytest.mark.parametrize(
    ("query", "people"),
    [
        ({"group": "Design"}, ["Maria <b>L</b>"]),
        ({"person": "1042"}, ["Maria <b>L</b>"]),
        ({"result": "Disputed"}, ["Tom"]),
        ({"show": "All attempts", "result": "Already in"}, ["Maria <b>L</b>"]),
    ],
)
@pytest.mark.usefixtures("house")
def test_the_address_narrows_the_list(query: dict[str, str], people: list[str]) -> None:
    table = shown(office("records", when="All days", **query)).dataframe[-1].value
    assert list(table["Person"]) == people


@pytest.mark.usefixtures("house")
def test_nothing_that_fits_says_so_and_clears_the_filters() -> None:
    app = shown(office("records", when="All days", person="nobody of this name"))
    assert "Nothing matches these filters." in words(app)
    next(button for button in app.button if button.label == "Clear filters").click()
    assert list(shown(app).dataframe[-1].value["Person"]) == ["Tom", "Maria <b>L</b>"]


@pytest.mark.parametrize("query", [{"page": "99"}, {"page": "x"}, {"group": "gone"}, {"when": "Never"}, {"day": "31"}])
@pytest.mark.usefixtures("house")
def test_an_address_that_means_nothing_shows_the_page_all_the_same(query: dict[str, str]) -> None:
    shown(office("records", **query))


def test_a_dispute_is_settled_and_the_record_stays(house: House) -> None:
    app = shown(office("records", when="All days"))
    assert "To settle (1)" in words(app)
    next(button for button in app.button if button.label.startswith("It was somebody else ")).click()
    app = shown(app)
    assert "Saved. The record of Tom is void: it was somebody else." in words(app)
    assert "To settle" not in words(app)
    assert list(app.dataframe[-1].value["Result"]) == ["Checked in, void", "Checked in"]
    (entry,) = [one for one in house.attempts() if one.review is Review.VOID]
    assert entry.person_name == "Tom"


def test_a_settlement_is_undone(house: House) -> None:
    app = shown(office("records", when="All days"))
    next(button for button in app.button if button.label.startswith("Stands ")).click()
    app = shown(app)
    next(button for button in app.button if button.label == "Undo").click()
    app = shown(app)
    assert "Taken back. The record has to be settled again." in words(app)
    assert "To settle (1)" in words(app)
    assert [one.review for one in house.attempts()].count(Review.DISPUTED) == 1
    assert not [button for button in app.button if button.label == "Undo"]


def test_before_anybody_is_registered_the_next_step_is_a_link(tmp_path: Path) -> None:
    house_in(tmp_path).real_store.close()
    app = shown(office("records"))
    assert "Nobody is registered yet." in words(app)
    assert not app.metric, "no empty figures and plot stand before the next step"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (RecordQuery(), "attend-check-ins-all-days.csv"),
        (RecordQuery(attempts=True, result=Result.NOT_RECOGNISED), "attend-attempts-all-days-not-recognised.csv"),
        (RecordQuery(group="Café & Co/../x", person="ÅSA\r\n"), "attend-check-ins-all-days-cafe-co-x-asa.csv"),
    ],
)
def test_a_files_name_tells_what_is_in_it(query: RecordQuery, name: str) -> None:
    assert file_name(query, Kind.CSV) == name


def test_a_files_name_tells_its_days() -> None:
    first, last = date(2026, 3, 1), date(2026, 3, 3)
    assert file_name(RecordQuery(first=first, last=first), Kind.XLSX) == "attend-check-ins-2026-03-01.xlsx"
    assert file_name(RecordQuery(first=first, last=last), Kind.XLSX) == "attend-check-ins-2026-03-01-to-2026-03-03.xlsx"


def test_the_chart_says_in_words_what_it_shows() -> None:
    quarters = [("08:00", 1), ("08:15", 14), ("08:30", 0)]
    assert arrivals_sentence(quarters) == ("Arrivals by quarter hour: 15 people; most, 14, in the quarter hour from 08:15.")
    assert arrivals_sentence([("08:00", 0)]) == "Arrivals by quarter hour: nobody yet."
    for colours in (LIGHT, DARK):
        drawn = arrivals(quarters, ("08:30", 0.5), colours)
        assert drawn["height"] == 200
        assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["bar", "rule", "text"]
        assert drawn["layer"][0]["mark"]["color"] == colours.accent
    assert [layer["mark"]["type"] for layer in arrivals(quarters, None, LIGHT)["layer"]] == ["bar"]
