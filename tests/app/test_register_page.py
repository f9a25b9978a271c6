"""Register without a browser: a real store and gallery, with a stand-in for the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attendance.services.enrol import NamedPicture
from attendance.ui.resources import application, forget_application
from tests.app.office import MODEL, house_in, office
from tests.fakes import FakeEngine, Wrapped, away, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.fakes import House

NAME = "Maria <b>L</b>"


@pytest.fixture
def house(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Tom (1017, Workshop), three pictures of face 2; the page's own application on the same file."""
    monkeypatch.setenv("ATTEND_STORE_URL", f"sqlite:///{tmp_path}/attendance.db")
    monkeypatch.setenv("ATTEND_MODEL_DIR", str(model_dir))
    monkeypatch.setenv("ATTEND_ACCELERATE", "false")
    forget_application()
    made = house_in(tmp_path)
    tom = made.add("Tom", 2)
    made.people.set_details(tom.person_id, external_id="1017", group="Workshop", actor="Olof")
    application().made["engine"] = FakeEngine(MODEL)
    yield made
    forget_application()
    made.real_store.close()


def shown(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything that stands on the page as text, without Markdown's escapes."""
    parts = [*app.caption, *app.subheader, *app.info, *app.success, *app.markdown, *app.error]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def button(app: AppTest, label: str) -> bool:
    """Whether it can be pressed."""
    return not next(one for one in app.button if one.label.replace("\\", "") == label).disabled


def press(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label.replace("\\", "") == label).click()
    return shown(app)


def at_pictures(name: str = NAME) -> AppTest:
    app = shown(office("register"))
    app.text_input[0].set_value(name)
    return press(app, "Next: pictures")


def give(app: AppTest, *pictures: bytes) -> AppTest:
    if app.segmented_control[0].value != "Files":
        app.segmented_control[0].set_value("Files")
        shown(app)
    app.file_uploader[0].set_value([(f"{number}.jpg", data, "image/jpeg") for number, data in enumerate(pictures, 1)])
    return shown(app)


def test_names_and_numbers_that_are_taken_are_told_at_once(house: House) -> None:
    app = shown(office("register"))
    app.text_input[0].set_value("tom")
    app.text_input[1].set_value("1017")
    shown(app)
    assert "Tom (staff no. 1017, Workshop) is registered already." in words(app)
    assert "That staff number belongs to Tom." in words(app)
    assert app.selectbox[0].options == ["Workshop"]
    press(app, "Next: pictures")
    assert "Step 1 of 3 · Who it is" in words(app)
    app.text_input[0].set_value("")
    app.text_input[1].set_value("")
    press(app, "Next: pictures")
    assert "A name is needed." in words(app)
    app.text_input[0].set_value("M\u202earia")
    assert "reading direction" in words(shown(app))
    assert [person.name for person in house.people.list()] == ["Tom"]


def test_the_whole_way_with_a_summary_before_anything_is_stored(house: House) -> None:
    app = at_pictures()
    assert "Add four pictures to go on." in words(app)
    assert not button(app, "Next: check and save")
    give(app, *(picture(1, variant) for variant in range(4)))
    assert button(app, "Next: check and save")
    press(app, "Next: check and save")
    assert NAME in words(app)
    assert "4 of 4" in words(app)
    assert len(house.people.list()) == 1
    app.checkbox[0].check()
    press(app, f"Register {NAME}")
    assert f"{NAME} is registered with 4 pictures." in words(app)
    stored = house.people.find(NAME)
    assert stored.reference_count == 4
    assert stored.consent is not None
    assert stored.consent.startswith("Agreed; noted by operator on ")
    assert house.trail()[-1] == ("operator", "enrol")
    press(app, "Register another")
    assert app.text_input[0].value == ""


def test_fewer_than_four_are_less_sure_and_no_consent_is_invented(house: House) -> None:
    app = give(at_pictures(), picture(1, 0), picture(1, 1))
    assert "2 pictures. Two pictures to go. You can go on, but recognition is less sure" in words(app)
    press(app, "Next: check and save")
    assert "less sure" in words(app)
    press(app, f"Register {NAME}")
    assert house.people.find(NAME).reference_count == 2
    assert house.people.find(NAME).consent is None


def test_each_picture_is_judged_in_its_place_and_can_be_replaced(house: House) -> None:
    app = give(at_pictures(), picture(1, 0), b"dark", b"several", picture(1, 0))
    said = words(app)
    assert "Too dark" in said
    assert "Face a window or a lamp." in said
    assert "Two faces" in said
    assert "This is the same picture as picture 1." in said
    press(app, "Remove *picture 1*")
    assert "This is the same picture" not in words(app)
    press(app, "Replace *picture 2*")
    give(app, picture(1, 1))
    assert "Too dark" not in words(app)
    assert "2 pictures. Two pictures to go." in words(app)
    assert len(house.people.list()) == 1


def test_files_without_a_place_are_counted(house: House) -> None:
    app = give(at_pictures(), b"noface", *(picture(1, variant) for variant in range(5)))
    assert "4 of 4" not in words(app)
    assert "Four pictures." in words(app)
    assert len(house.people.list()) == 1


def test_somebody_elses_picture_is_named_and_keeps_from_going_on(house: House) -> None:
    app = give(at_pictures(), picture(1, 0), picture(5, 0), picture(1, 1))
    assert "Somebody else" in words(app)
    assert "This does not look like the person in the other pictures." in words(app)
    assert not button(app, "Next: check and save")
    press(app, "Remove *picture 2*")
    assert button(app, "Next: check and save")
    assert len(house.people.list()) == 1


def test_a_picture_that_is_stored_already_says_whose_it_is(house: House) -> None:
    app = give(at_pictures(), picture(2, 0))
    assert "This picture is stored already, for Tom." in words(app)
    assert not button(app, "Next: check and save")
    assert len(house.people.list()) == 1


def test_a_look_alike_kept_as_another_person_is_in_the_audit(house: House) -> None:
    app = give(at_pictures(), picture(2, 7), picture(2, 8))
    assert "**This may be someone already registered.**" in words(app)
    assert "**Tom**, staff no. 1017" in words(app)
    assert not button(app, "Next: check and save")
    press(app, "Different people")
    assert "Kept as two people: not **Tom**." in words(app)
    press(app, "Next: check and save")
    press(app, f"Register {NAME}")
    (entry,) = [one for one in house.real_store.audit() if one.action == "enrol"][1:]
    assert entry.details["look_alike"]["overruled_by"] == "operator"
    assert entry.details["look_alike"]["person_id"] == house.people.find("Tom").person_id


def test_a_look_alike_who_is_the_same_person_gets_the_pictures(house: House) -> None:
    app = give(at_pictures(), picture(2, 7), picture(2, 8))
    press(app, "Same person: add the pictures there")
    assert f"{NAME} is not registered as another person." in words(app)
    press(app, "Add 2 pictures to Tom")
    assert "2 pictures were added to Tom." in words(app)
    assert [person.name for person in house.people.list()] == ["Tom"]
    assert house.people.find("Tom").reference_count == 5
    assert house.trail()[-1] == ("operator", "add-pictures")


def test_a_look_alike_who_came_since_has_to_be_decided_about(house: House) -> None:
    app = give(at_pictures(), picture(1, 0), picture(1, 1))
    press(app, "Next: check and save")
    house.enrol.enrol("Leo", [NamedPicture("leo.jpg", picture(1, 7))])
    press(app, f"Register {NAME}")
    assert "Step 2 of 3" in words(app)
    assert "**Leo**" in words(app)
    assert sorted(person.name for person in house.people.list()) == ["Leo", "Tom"]


def test_nothing_is_lost_while_the_database_is_away(house: House) -> None:
    app = give(at_pictures(), *(picture(1, variant) for variant in range(4)))
    press(app, "Next: check and save")
    parts = application()
    store = Wrapped(parts.store)
    store.replace("find_person", away)
    parts.enrol._store = store
    press(app, f"Register {NAME}")
    assert "The database is away." in words(app)
    assert "Nothing you gave is lost." in words(app)
    store.restore()
    press(app, f"Register {NAME}")
    assert f"{NAME} is registered with 4 pictures." in words(app)
    assert house.people.find(NAME).reference_count == 4


def test_a_picture_that_could_not_be_looked_at_waits(house: House) -> None:
    app = at_pictures()
    parts = application()
    store = Wrapped(parts.store)
    store.replace("picture_owner", away)
    parts.enrol._store = store
    give(app, picture(1, 0))
    assert "Not looked at yet" in words(app)
    assert "The database is away." in words(app)
    store.restore()
    press(app, "Try again")
    assert "1 picture. Three pictures to go." in words(app)
    assert len(house.people.list()) == 1


def test_an_answer_that_was_lost_after_storing_counts_as_stored(house: House) -> None:
    """The database stored the person and broke off before it said so; the second press finds it."""
    app = give(at_pictures(), picture(1, 0), picture(1, 1))
    press(app, "Next: check and save")
    parts = application()
    store = Wrapped(parts.store)

    def stored_then_away(*given: object) -> None:
        parts.store.add_person(*given)  # type: ignore[arg-type]
        away()

    store.replace("add_person", stored_then_away)
    parts.enrol._store = store
    press(app, f"Register {NAME}")
    assert "The database is away." in words(app)
    store.restore()
    press(app, f"Register {NAME}")
    assert f"{NAME} is registered with 2 pictures." in words(app)
    assert sorted(person.name for person in house.people.list()) == [NAME, "Tom"]


def test_another_model_judges_the_pictures_anew(house: House) -> None:
    app = give(at_pictures(), picture(1, 0))
    draft = app.session_state["draft"]
    before = draft.taken[0].judgement
    draft.model_id = "another"
    shown(app)
    assert app.session_state["draft"].taken[0].judgement is not before
    assert "1 picture. Three pictures to go." in words(app)
    assert len(house.people.list()) == 1
