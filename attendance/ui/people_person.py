"""One person: who it is, the pictures, and every change that an operator can make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.domain.model import PersonStatus
from attendance.errors import AttendanceError
from attendance.services.wording import day_text, moment_text
from attendance.ui.links import attempts_link
from attendance.ui.messages import sentence_for
from attendance.ui.operator import who
from attendance.ui.people_dialogs import change_back, change_dialog, remove_dialog
from attendance.ui.people_pictures import add_pictures, stored_pictures
from attendance.ui.resources import application
from attendance.ui.text import counted, plain

if TYPE_CHECKING:
    from attendance.domain.model import Person


def person_view(person: Person) -> bool:
    """Draw the person; True where he or she has just been removed."""
    if st.session_state.pop("people-removed", None) == person.person_id:
        return True
    active = person.status is PersonStatus.ACTIVE
    with st.container(horizontal=True, vertical_alignment="center", key="person-head"):
        st.title(plain(person.name), anchor=False, width="content")
        st.badge("Active" if active else "Inactive", color="green" if active else "gray")
    st.caption(plain(_facts(person)))
    _said(person)
    with st.container(horizontal=True):
        if st.button("Change name, number or group", key="person-change"):
            change_dialog(person)
        if st.button("Deactivate" if active else "Activate", key="person-status"):
            _set_status(person, active=not active)
        if st.button("Remove person", key="person-remove"):
            remove_dialog(person)
        attempts_link("Attempts of the last 7 days", person.name)
    stored_pictures(person)
    add_pictures(person)
    return False


def _facts(person: Person) -> str:
    """Number, group, registered when, seen when: one line."""
    zone = application().zone
    seen = application().people.last_seen([person.person_id]).get(person.person_id)
    facts = [
        f"Staff no. {person.external_id}" if person.external_id else "No staff number",
        person.group or "No group",
        f"Registered {day_text(person.created_at.astimezone(zone))}" if person.created_at else "",
        f"Last seen {moment_text(seen, zone)}" if seen else "Never checked in",
        counted(person.reference_count, "picture", "pictures"),
    ]
    return " · ".join(fact for fact in facts if fact)


def _said(person: Person) -> None:
    """What was just saved, with the way back where there is one: to a status, or to how the person was called."""
    said = st.session_state.get("person-said")
    if not said or said[0] != person.person_id:
        return
    _, words, before = said
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(words, width=560)
        if before is not None and st.button("Undo", key="person-undo"):
            _take_back(person, before)
    if before is None:
        del st.session_state["person-said"]


def _take_back(person: Person, before: bool | Person) -> None:
    if isinstance(before, bool):
        _set_status(person, active=before)
        return
    try:
        change_back(before)
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    st.session_state["person-said"] = (person.person_id, f"Taken back. {plain(before.name)}", None)
    st.rerun()


def _set_status(person: Person, *, active: bool) -> None:
    people = application().people
    try:
        (people.activate if active else people.deactivate)(person.person_id, actor=who() or "operator")
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    words = "active" if active else "inactive"
    st.session_state["person-said"] = (person.person_id, f"Saved. {plain(person.name)} is now {words}.", not active)
    st.rerun()
