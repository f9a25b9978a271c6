"""Somebody who is registered looks like the new person: both pictures side by side, and the operator's decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import PersonNotFoundError
from attendance.services.wording import day_text
from attendance.ui.people_thumbs import portrait
from attendance.ui.register_draft import CHECK
from attendance.ui.resources import application
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.domain.model import Person
    from attendance.services.enrol import Resembling
    from attendance.ui.register_draft import Draft

CROP_PX = 128


def look_alike(draft: Draft) -> None:
    """Draw the question while it is open, and what was decided afterwards."""
    open_question = draft.undecided
    if open_question is not None:
        _ask(draft, open_question)
    elif draft.resembling is not None:
        decided(draft)


def decided(draft: Draft) -> None:
    """What the operator decided, with the way back."""
    words = decision(draft)
    if not words:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="register-decided"):
        st.markdown(words, width="content")
        if st.button("Decide again", type="tertiary", key="register-decide-again"):
            draft.target, draft.insists = None, False
            draft.others.clear()
            st.rerun()


def decision(draft: Draft) -> str:
    """The same in words, as Markdown; empty where there was nothing to decide."""
    if draft.target is not None:
        return f"The pictures are added to **{plain(draft.target.name)}**."
    if draft.resembling is not None and draft.resembling.found.person_id in draft.others:
        return f"Kept as two people: not **{plain(draft.resembling.found.name)}**."
    return ""


def _ask(draft: Draft, one: Resembling) -> None:
    try:
        person = application().people.person(one.found.person_id)
    except PersonNotFoundError:  # removed a moment ago
        draft.look_again()
        st.rerun()
    with st.container(key="register-look-alike"):
        st.markdown("**This may be someone already registered.** Compare the two pictures before you go on.")
        with st.container(horizontal=True, vertical_alignment="center"):
            _pair(draft, one)
            st.markdown(_facts(person), width="content")
        with st.container(horizontal=True):
            if st.button("Different people", key="register-different"):
                draft.others[person.person_id] = person.name
                st.rerun()
            if st.button("Same person: add the pictures there", key="register-same"):
                draft.target = person
                if draft.ready:
                    draft.step = CHECK
                st.rerun()


def _pair(draft: Draft, one: Resembling) -> None:
    place = list(draft.usable)[one.picture]
    new, stored = draft.taken[place].crop, portrait(one.reference_id)
    for picture, caption, alt in ((new, "New", "The new picture"), (stored, "On file", "The picture on file")):
        if picture is None:
            st.caption(f"{caption}: can't be shown.", width="content")
        else:
            st.image(picture, caption=caption, alt=alt, width=CROP_PX)


def _facts(person: Person) -> str:
    number = f", staff no. {plain(person.external_id)}" if person.external_id else ""
    lines = [f"**{plain(person.name)}**{number}", plain(person.group) if person.group else ""]
    if person.created_at is not None:
        lines.append(f"Registered {day_text(person.created_at.astimezone(application().zone))}")
    return "  \n".join(line for line in lines if line)
