"""The pictures of one person: their quality in words, add, replace, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import AttendanceError, LookAlikeError
from attendance.ui.messages import sentence_for
from attendance.ui.operator import who
from attendance.ui.people_dialogs import remove_picture_dialog
from attendance.ui.people_quality import COLOURS, WORDS, in_words
from attendance.ui.people_thumbs import portrait
from attendance.ui.pictures import CAMERA, FILES, Gathered, from_camera, from_files, judge_new, judged_crops
from attendance.ui.resources import application
from attendance.ui.text import counted, plain, unseen

if TYPE_CHECKING:
    from attendance.domain.model import Person, Reference


def stored_pictures(person: Person) -> None:
    """Draw the pictures that are stored, each with what can be done about it."""
    st.subheader("Pictures", anchor=False)
    references = application().people.pictures(person.person_id)
    if not references:
        st.info("There is no picture, so this person can't be recognised. Add one below.")
        return
    grid = st.grid(4, min_column_width=150)
    for number, reference in enumerate(references, start=1):
        with grid.container(border=True, key=f"person-picture-{number}"):
            _stored(person, reference, number, is_last=len(references) == 1)


def _stored(person: Person, reference: Reference, number: int, *, is_last: bool) -> None:
    image = portrait(reference.reference_id)
    if image is None:
        st.caption("This picture can't be shown.")
    else:
        st.image(image, alt=f"Picture {number} of {person.name}", width="stretch")
    words = in_words(reference.quality)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Picture {number}**", width="content")
        st.badge(WORDS[words.grade], color=COLOURS[words.grade])  # type: ignore[arg-type]  # one of Streamlit's colours
    if words.advice:
        st.caption(words.advice)
    which = unseen(f"picture {number}")
    if st.button(f"Replace {which}", key=f"replace-{reference.reference_id}", width="stretch"):
        _start(person, replacing=reference.reference_id, number=number)
    removing = st.button(
        f"Remove {which}",
        key=f"remove-{reference.reference_id}",
        width="stretch",
        disabled=is_last,
        help="The last picture can be replaced, not removed." if is_last else None,
    )
    if removing:
        remove_picture_dialog(person, reference, number)


def add_pictures(person: Person) -> None:
    """Draw the way to new pictures, open where it is in use."""
    at_work = st.session_state.get("adding")
    if at_work is None or at_work["person_id"] != person.person_id:
        if st.button("Add pictures", type="primary", key="person-add"):
            _start(person, replacing=None, number=None)
        return
    gathered: Gathered = at_work["gathered"]
    replacing = at_work["replacing"]
    with st.container(border=True, key="person-adding"):
        st.subheader(f"Replace picture {at_work['number']}" if replacing else "Add pictures", anchor=False)
        how = st.segmented_control("Where from", [CAMERA, FILES], default=CAMERA, required=True, key="adding-how")
        key = f"adding-{at_work['turn']}"
        with st.container(width=480):
            uploads = from_camera(f"{key}-camera") if how == CAMERA else from_files(f"{key}-files", several=not replacing)
        judge_new(gathered, uploads)
        if judged_crops(gathered, key):
            st.rerun()
        _decide(person, at_work, gathered)


def _decide(person: Person, at_work: dict[str, object], gathered: Gathered) -> None:
    """The buttons below the crops, and the look-alike to decide about."""
    good = gathered.good
    found = at_work["look_alike"]
    if isinstance(found, LookAlikeError):
        st.warning(
            f"A picture is nearer to {plain(found.name)} than to {plain(person.name)}. Add it only where you are sure."
        )
    with st.container(horizontal=True):
        label = "Use it instead" if at_work["replacing"] else f"Add {counted(len(good), 'picture', 'pictures')}"
        if isinstance(found, LookAlikeError):
            label = f"It is {plain(person.name)}: {label.lower()}"
        too_many = bool(at_work["replacing"]) and len(good) > 1
        if st.button(label, type="primary", disabled=not good or too_many, key="adding-save"):
            _save(person, at_work, gathered)
        if st.button("Cancel", key="adding-cancel"):
            del st.session_state["adding"]
            st.rerun()
    if too_many:
        st.caption("One picture replaces one: leave the others out.")


def _save(person: Person, at_work: dict[str, object], gathered: Gathered) -> None:
    actor = who() or "operator"
    sure = actor if at_work["look_alike"] is not None else None
    try:
        with st.spinner("Saving"):
            pictures = [one.picture for one in gathered.good]
            application().enrol.add_pictures(person.person_id, pictures, overruled_by=sure, actor=actor)
            if at_work["replacing"]:
                application().people.remove_picture(person.person_id, str(at_work["replacing"]), actor=actor)
    except LookAlikeError as error:
        at_work["look_alike"] = error
        st.rerun()
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    added = counted(len(pictures), "picture", "pictures")
    words = f"Saved. Picture {at_work['number']} was replaced." if at_work["replacing"] else f"Saved. {added} added."
    st.session_state["person-said"] = (person.person_id, words, None)
    del st.session_state["adding"]
    st.rerun()


def _start(person: Person, *, replacing: str | None, number: int | None) -> None:
    """Open an empty form; ``turn`` gives its inputs names of their own, so that they start empty."""
    turn = st.session_state.get("adding-turn", 0) + 1
    st.session_state["adding-turn"] = turn
    st.session_state["adding"] = {
        "person_id": person.person_id,
        "replacing": replacing,
        "number": number,
        "gathered": Gathered(),
        "look_alike": None,
        "turn": turn,
    }
    st.rerun()
