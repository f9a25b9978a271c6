"""The dialogs about a person: change who it is, remove one picture, and remove the person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.domain.names import name_key
from attendance.errors import AttendanceError, PersonExistsError
from attendance.ui.messages import sentence_for
from attendance.ui.operator import who
from attendance.ui.people_thumbs import portrait
from attendance.ui.resources import application
from attendance.ui.text import counted, plain

if TYPE_CHECKING:
    from attendance.domain.model import Person, Reference
    from attendance.services.people import Remaining


@st.dialog("Change name, number or group")
def change_dialog(person: Person) -> None:
    """Ask for the three, and save what differs."""
    with st.form("person-change-form", border=False):
        name = st.text_input("Name", value=person.name, max_chars=200)
        number = st.text_input("Staff number (optional)", value=person.external_id or "", max_chars=200)
        group = st.text_input("Group (optional)", value=person.group or "", max_chars=200)
        st.caption("Records keep the name that they were written with, and show the new one beside it.")
        if not st.form_submit_button("Save changes", type="primary"):
            return
    try:
        _save(person, name, number, group)
    except AttendanceError as error:
        st.error(plain(_refusal(error)))
        return
    st.session_state["person-said"] = (person.person_id, f"Saved. {plain(name)}", person)
    st.rerun()


def change_back(before: Person) -> None:
    """Give somebody the name, number and group of ``before`` again.

    Raises:
        PersonExistsError: somebody else has one of them by now.
        PersonNotFoundError, StoreUnavailableError: it cannot be done.
    """
    now = application().people.person(before.person_id)
    _save(now, before.name, before.external_id or "", before.group or "")


def _save(person: Person, name: str, number: str, group: str) -> None:
    people, actor = application().people, who() or "operator"
    if (number.strip(), group.strip()) != (person.external_id or "", person.group or ""):
        people.set_details(person.person_id, external_id=number, group=group, actor=actor)
    if name != person.name:
        people.rename(person.person_id, name, actor=actor)


def _refusal(error: AttendanceError) -> str:
    """The sentence; where a name or a number is taken, whose it is."""
    if isinstance(error, PersonExistsError):
        what = "name" if error.field == "name" else "staff number"
        owner = next((p for p in application().people.list(search=error.value) if _has(p, error)), None)
        return f"That {what} belongs to {owner.name}." if owner else f"That {what} is taken."
    return sentence_for(error)


def _has(person: Person, error: PersonExistsError) -> bool:
    if error.field == "name":
        return name_key(person.name) == name_key(error.value)
    return person.external_id == error.value


@st.dialog("Remove a picture")
def remove_picture_dialog(person: Person, reference: Reference, number: int) -> None:
    """Show the picture once more, since it can't be brought back, and ask."""
    image = portrait(reference.reference_id)
    if image is not None:
        st.image(image, alt=f"Picture {number} of {person.name}, which is to be removed", width=160)
    st.markdown(f"Picture {number} of **{plain(person.name)}** and the template made from it go. This can't be undone.")
    with st.container(horizontal=True):
        sure = st.button(f"Remove picture {number}", type="primary", key="picture-remove-now")
        if st.button("Keep it", key="picture-remove-not"):
            st.rerun()
    if not sure:
        return
    try:
        application().people.remove_picture(person.person_id, reference.reference_id, actor=who() or "operator")
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    st.session_state["person-said"] = (person.person_id, f"Saved. Picture {number} was removed.", None)
    st.rerun()


@st.dialog("Remove a person")
def remove_dialog(person: Person) -> None:
    """Say what goes and what stays, and ask for the name."""
    kept = application().people.kept_after_removal(person.person_id)
    name = plain(person.name)
    st.markdown(
        f"{counted(person.reference_count, 'picture', 'pictures')} of **{name}** and every template made from them go. "
        "This can't be undone."
    )
    st.markdown(_what_stays(kept))
    typed = st.text_input(f"Type {name} to go on", key=f"remove-{person.person_id}", autocomplete="off", live=True)
    if not st.button(f"Remove {name}", type="primary", disabled=typed.strip() != person.name):
        return
    try:
        removed = application().people.remove(person.person_id, actor=who() or "operator")
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    pictures = counted(removed.reference_count, "picture", "pictures")
    st.session_state["people-said"] = f"{plain(removed.name)} was removed with {pictures}. {_what_stays(kept)}"
    st.query_params.pop("id", None)
    st.rerun()


def _what_stays(kept: Remaining) -> str:
    """What the store really keeps of somebody who is removed (Store.remove_person)."""
    if not kept.check_ins and not kept.attempts:
        return "There are no records of this person."
    return (
        f"{counted(kept.check_ins, 'check-in', 'check-ins')} and {counted(kept.attempts, 'attempt', 'attempts')} stay in "
        "Records, each with its time and the name. Attempts under this name that were not accepted stay as well, and "
        "pictures of attempts where this site keeps them."
    )
