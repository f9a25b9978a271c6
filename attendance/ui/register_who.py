"""The first step: name, staff number and group, each checked as soon as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.domain.names import clean_name
from attendance.errors import AttendanceError, NameRefusedError
from attendance.ui.messages import sentence_for
from attendance.ui.register_draft import PICTURES, WHO
from attendance.ui.resources import application
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.domain.model import Person
    from attendance.ui.register_draft import Draft

WIDTH_PX = 480


def who_step(draft: Draft) -> None:
    """Draw the step. What is typed is kept in the draft, since an input that is not drawn forgets it."""
    with st.container(width=WIDTH_PX):
        draft.name = st.text_input("Name", value=draft.name, key=f"register-name-{draft.number}", max_chars=200)
        at_name = st.empty()
        draft.staff_number = st.text_input(
            "Staff number (optional)", value=draft.staff_number, key=f"register-number-{draft.number}", max_chars=200
        )
        at_number = st.empty()
        trouble = _group(draft)
        at_group = st.empty()
        pressed = st.button("Next: pictures", type="primary", key="register-to-pictures")
    try:
        faults = {
            at_name: name_fault(draft.name) if pressed or draft.name.strip() else None,
            at_number: number_fault(draft.staff_number),
            at_group: _refused(draft.group, "group"),
        }
    except AttendanceError as error:
        trouble = error
        faults = {}
    if trouble is not None:
        st.error(f"{plain(sentence_for(trouble))} What you typed is kept.")
        return
    for place, words in faults.items():
        if words:
            place.error(plain(words))
    if pressed and not any(faults.values()):
        draft.step = PICTURES
        st.rerun()


def _group(draft: Draft) -> AttendanceError | None:
    """The groups that there are, or a new one; why they could not be read."""
    trouble: AttendanceError | None = None
    groups: list[str] = []
    try:
        groups = application().reports.directory().groups()
    except AttendanceError as error:
        trouble = error
    if draft.group and draft.group not in groups:
        groups.append(draft.group)
    chosen = st.selectbox(
        "Group (optional)",
        groups,
        index=groups.index(draft.group) if draft.group else None,
        key=f"register-group-{draft.number}",
        placeholder="Choose one, or type a new one",
        accept_new_options=True,
    )
    draft.group = chosen or ""
    return trouble


def name_fault(name: str) -> str | None:
    """Why somebody new cannot have this name; None where that is fine.

    Raises:
        StoreError: it cannot be looked up now.
    """
    refused = _refused(name, "name", needed=True)
    if refused is not None:
        return refused
    owner = application().enrol.named(clean_name(name))
    return None if owner is None else f"{_called(owner)} is registered already. More pictures are added under People."


def number_fault(number: str) -> str | None:
    """The same for a staff number."""
    if not number.strip():
        return None
    refused = _refused(number, "staff number")
    if refused is not None:
        return refused
    wanted = clean_name(number)
    owner = next((p for p in application().people.list(search=wanted) if p.external_id == wanted), None)
    return None if owner is None else f"That staff number belongs to {owner.name}."


def _refused(text: str, what: str, *, needed: bool = False) -> str | None:
    """Why this text cannot be stored and shown safely."""
    if not text.strip() and not needed:
        return None
    try:
        clean_name(text)
    except NameRefusedError as error:
        return str(error) if what == "name" else f"This {what} can't be used: {error}"
    return None


def _called(person: Person) -> str:
    facts = [f"staff no. {person.external_id}" if person.external_id else "", person.group or ""]
    known = ", ".join(fact for fact in facts if fact)
    return f"{person.name} ({known})" if known else person.name


def who_line(draft: Draft) -> None:
    """Who it is, in the later steps, with the way back."""
    facts = [f"Staff no. {draft.staff_number}" if draft.staff_number.strip() else "", draft.group]
    with st.container(horizontal=True, vertical_alignment="center", key="register-who"):
        st.markdown(f"**{plain(draft.name)}**", width="content")
        known = " · ".join(fact for fact in facts if fact)
        if known:
            st.caption(plain(known), width="content")
        if st.button("Change", type="tertiary", key="register-change"):
            draft.step = WHO
            st.rerun()
