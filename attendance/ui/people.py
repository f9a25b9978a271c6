"""People: find, look at and change who is registered, one by one or many from a zip."""

from __future__ import annotations

import streamlit as st

from attendance.errors import PersonNotFoundError
from attendance.ui.links import register_link
from attendance.ui.people_import import import_people
from attendance.ui.people_person import person_view
from attendance.ui.people_table import people_table
from attendance.ui.resources import application
from attendance.ui.text import counted

CHOSEN = "id"  # in the page's address: the person that is shown


def people_page() -> None:
    """The page: everybody, or the one person that the address names.

    Raises:
        AttendanceError: people can't be read now; the frame around the pages tells it, and goes on by itself.
    """
    chosen = st.query_params.get(CHOSEN)
    if chosen is not None:
        _one(chosen)
    else:
        _everybody()


def _everybody() -> None:
    people = application().people.list()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", key="people-head"):
        with st.container(width="content"):
            st.title("People", anchor=False)
            if people:
                st.caption(f"{counted(len(people), 'person', 'people')} registered")
        if people:
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                register_link("Register a person")
    said = st.session_state.pop("people-said", None)
    if said:
        st.success(said)
    if people:
        picked = people_table()
        if picked is not None:
            st.query_params[CHOSEN] = picked
            st.rerun()
    else:
        st.info("Nobody is registered yet.")
        register_link("Register the first person")
    import_people()


def _one(person_id: str) -> None:
    if st.button("All people", icon=":material/arrow_back:", type="tertiary", key="people-back"):
        _leave()
    try:
        person = application().people.person(person_id)
    except PersonNotFoundError:
        st.title("People", anchor=False)
        st.info("This person is not registered any more.")
        return
    if person_view(person):
        _leave()


def _leave() -> None:
    """Back to everybody."""
    st.query_params.pop(CHOSEN, None)
    st.rerun()
