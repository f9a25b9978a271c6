"""People without a browser: what is listed and changed. The dialogs, which AppTest cannot drive, are in tests/browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from attendance.domain.model import PersonStatus
from attendance.ui.people_quality import Grade, in_words, lowest
from tests.app.office import house_in, office
from tests.fakes import quality

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from attendance.domain.model import Person
    from tests.fakes import House

pytestmark = pytest.mark.usefixtures("own_application")
NAME = "Maria <b>L</b>"


@pytest.fixture
def maria(house: House) -> Person:
    return house.people.find(NAME)


def shown(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything that stands on the page as text, without Markdown's escapes."""
    parts = [*app.title, *app.caption, *app.subheader, *app.info, *app.success, *app.markdown, *app.error]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label.replace("\\", "") == label).click()
    return shown(app)


@pytest.mark.usefixtures("house")
def test_everybody_is_listed_with_what_an_operator_needs() -> None:
    app = shown(office("people"))
    table = app.dataframe[0].value
    assert list(table["Name"]) == ["Leo", NAME, "Tom"]
    assert list(table["Staff no."]) == ["", "1042", ""]
    assert list(map(str, table["Last seen"])) == ["NaT", "2026-03-02 09:00:00", "2026-03-02 10:00:00"]
    assert list(table["Pictures"]) == ["3, good"] * 3
    assert "3 people registered" in words(app)
    assert "1 to 3 of 3. Times in Europe/Stockholm." in words(app)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("search", ["1042", "design", "maria"])
def test_the_search_looks_in_name_number_and_group(search: str) -> None:
    assert list(shown(office("people", search=search)).dataframe[0].value["Name"]) == [NAME]


@pytest.mark.usefixtures("house")
def test_a_search_that_finds_nobody_says_so() -> None:
    app = shown(office("people", search="nobody"))
    assert "Nobody fits this search." in words(app)
    assert list(press(app, "Clear the search").dataframe[0].value["Name"]) == ["Leo", NAME, "Tom"]


def test_before_anybody_is_registered_the_next_step_is_a_link(tmp_path: Path) -> None:
    house_in(tmp_path).real_store.close()
    app = shown(office("people"))
    assert "Nobody is registered yet." in words(app)
    assert "python -m attendance import FOLDER" in words(app)


def test_a_person_is_deactivated_and_that_can_be_undone(house: House, maria: Person) -> None:
    app = press(shown(office("people", id=maria.person_id)), "Deactivate")
    assert f"Saved. {NAME} is now inactive." in words(app)
    assert house.people.person(maria.person_id).status is PersonStatus.INACTIVE
    app = press(app, "Undo")
    assert house.people.person(maria.person_id).status is PersonStatus.ACTIVE
    assert [action for _, action in house.trail()[-2:]] == ["deactivate", "activate"]


def test_a_change_of_name_and_number_can_be_undone(house: House, maria: Person) -> None:
    house.people.rename(maria.person_id, "Maria Weber", actor="Olof")
    house.people.set_details(maria.person_id, external_id="77", group="", actor="Olof")
    app = office("people", id=maria.person_id)
    app.session_state["person-said"] = (maria.person_id, "Saved. Maria Weber", maria)  # as the dialog leaves it
    app = press(shown(app), "Undo")
    assert f"Taken back. {NAME}" in words(app)
    assert "Undo" not in [button.label for button in app.button]
    now = house.people.person(maria.person_id)
    assert (now.name, now.external_id, now.group) == (NAME, "1042", "Design")


def test_a_person_leads_to_the_attempts_and_the_attempts_to_the_person(maria: Person) -> None:
    app = shown(office("people", id=maria.person_id))
    (link,) = [one.proto for one in app.get("page_link") if one.proto.label == "Attempts of the last 7 days"]
    assert link.page == "records"
    found = shown(office("records", **dict(parse_qsl(link.query_string))))
    (back,) = [one.proto for one in found.get("page_link") if one.proto.label.startswith("Open")]
    assert (back.page, parse_qsl(back.query_string)) == ("people", [("id", maria.person_id)])
    several = shown(office("records", person="o"))  # Tom and Leo
    assert not [one for one in several.get("page_link") if one.proto.label.startswith("Open")]


def test_removal_says_what_stays_and_needs_the_name(maria: Person) -> None:
    app = press(shown(office("people", id=maria.person_id)), "Remove person")
    assert f"3 pictures of **{NAME}** and every template made from them go." in words(app)
    assert "1 check-in and 2 attempts stay in Records, each with its time and the name." in words(app)
    remove = next(button for button in app.button if button.label.replace("\\", "") == f"Remove {NAME}")
    assert remove.disabled


def test_a_picture_is_removed_but_not_the_last_one(house: House, maria: Person) -> None:
    app = shown(office("people", id=maria.person_id))
    next(button for button in app.button if (button.key or "").startswith("remove-")).click()
    app = shown(app)
    assert f"Picture 1 of **{NAME}** and the template made from it go. This can't be undone." in words(app)
    first, second, third = house.people.pictures(maria.person_id)  # asked first; the answer is for a browser to give
    for one in (first, second):
        house.people.remove_picture(maria.person_id, one.reference_id, actor="Olof")
    app = shown(office("people", id=maria.person_id))
    assert house.people.pictures(maria.person_id) == [third]
    (last,) = [button for button in app.button if (button.key or "").startswith("remove-")]
    assert last.disabled


@pytest.mark.usefixtures("house")
def test_somebody_who_is_gone_is_told_as_gone() -> None:
    assert "This person is not registered any more." in words(shown(office("people", id="nobody")))


def test_quality_is_said_in_words_with_what_would_make_it_better(house: House, maria: Person) -> None:
    assert in_words(quality().as_dict()).grade is Grade.GOOD
    dark = in_words(quality(brightness=30.0).as_dict())
    assert (dark.grade, dark.advice) == (Grade.FAIR, "The face is dark. Turn towards the light.")
    assert in_words(None).grade is Grade.UNKNOWN
    assert lowest([]) == ""
    assert lowest(house.people.pictures(maria.person_id)) == "Good"
