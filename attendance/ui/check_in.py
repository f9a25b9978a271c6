"""Check in: take a picture, and hear what was decided. Every picture is one attempt, however often the page runs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import streamlit as st

from attendance.domain.model import PersonStatus
from attendance.errors import AttendanceError
from attendance.ui.messages import sentence_for
from attendance.ui.panel import kind_of, panel
from attendance.ui.resources import application, follow_model_change
from attendance.ui.text import plain

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from attendance.services.checkin import AttemptResult

BY_FACE, BY_NAME = "By face", "By name"


def check_in_page(register: StreamlitPage) -> None:
    """The page; ``register`` is where to go while nobody is registered."""
    st.title("Check in")
    try:
        follow_model_change()
        people = [person.name for person in application().people.list(status=PersonStatus.ACTIVE)]
    except AttendanceError as error:
        panel("away", "Check-in is paused", sentence_for(error))
        st.button("Try again")
        return
    if not people:
        panel("ready", "Nobody is registered yet", "Register the first person, then check in here.")
        st.page_link(register, label="Register the first person")
        return
    place = st.container()  # above the camera, so that the camera stays where it is when the answer comes
    claimed, is_waiting = _claim(people)
    picture = st.camera_input("Camera", resolution="720p", label_visibility="collapsed", disabled=is_waiting)
    with place:
        if is_waiting:
            panel("ready", "Who is checking in?", "Pick your name, then look at the camera.")
        elif picture is None:
            panel("ready", f"{claimed}, look at the camera" if claimed else "Look at the camera", "Then press Take Photo.")
        else:
            _answer(picture.getvalue(), picture.file_id, claimed)
    st.caption(plain(application().notice or f"Recognition by {application().model.source}"))


def _claim(people: list[str]) -> tuple[str | None, bool]:
    """The claimed name, and whether the page waits for one."""
    how = st.segmented_control("How", [BY_FACE, BY_NAME], default=BY_FACE, required=True, label_visibility="collapsed")
    if how == BY_FACE:
        return None, False
    claimed = st.selectbox("Your name", people, index=None, placeholder="Type or pick your name")
    return claimed, claimed is None


def _answer(picture: bytes, photo_id: str, claimed: str | None) -> None:
    """Submit the picture once and show what the store says.

    The attempt's id is made from the photo's, so that a second run of the script, a second tab or a lost answer asks for the
    same attempt again rather than making another one.
    """
    attempt_id = hashlib.sha256(f"{photo_id}\n{claimed or ''}".encode()).hexdigest()[:32]
    try:
        with st.spinner("One moment"):
            result: AttemptResult = application().checkin.attempt(
                picture, claimed=claimed, attempt_id=attempt_id, source="page"
            )
    except AttendanceError as error:
        panel("away", "Check-in is paused", sentence_for(error))
        st.button("Try again")  # runs the script again, with the same picture and the same attempt id
        return
    panel(kind_of(result.attempt), result.words.headline, result.words.help)
