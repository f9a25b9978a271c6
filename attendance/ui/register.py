"""Register a person, guided: who it is, four pictures that are judged at once, and a last look before it is saved."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from attendance.api import streamlit_private
from attendance.errors import AttendanceError
from attendance.ui import operator
from attendance.ui.register_check import check_step, done_step
from attendance.ui.register_draft import CHECK, PICTURES, WHO, Draft
from attendance.ui.register_kept import Drafts
from attendance.ui.register_pictures import pictures_step
from attendance.ui.register_who import who_step
from attendance.ui.resources import follow_model_change

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

DONE = 4
STEPS = {WHO: "Who it is", PICTURES: "Four pictures", CHECK: "Check and save"}
_drafts = Drafts(streamlit_private.page_is_open)
_DRAW = {WHO: who_step, PICTURES: pictures_step, CHECK: check_step}


def register_page() -> None:
    """The page. A draft stays when the operator looks at another page, reloads, or the database is away."""
    with suppress(AttendanceError):  # a store that is away is told where something is asked of it
        follow_model_change()
    session, page = operator.session(), streamlit_private.page_id()
    draft: Draft | None = st.session_state.get("draft")
    if draft is None:
        draft = (_drafts.take_over(session, page) if session and page else None) or Draft()
        st.session_state["draft"] = draft
    try:
        _draw(draft)
    finally:  # also where a step ends this run to begin the next
        if session and page:
            _drafts.hold(session, page, draft)


def _draw(draft: Draft) -> None:
    st.title("Register a person", anchor=False)
    if draft.done is None:
        st.caption(f"Step {draft.step} of {len(STEPS)} · {STEPS[draft.step]}")
        st.progress((draft.step - 0.5) / len(STEPS))
    with _place(DONE if draft.done is not None else draft.step):
        if draft.done is not None:
            done_step(draft, draft.done)
        else:
            _DRAW[draft.step](draft)


def _place(shown: int) -> DeltaGenerator:
    """A container for each step, of which one is seen: else the inputs of the step before would stand among those of the
    next until all of them are drawn."""
    places = {step: st.container(key=f"register-step-{step}") for step in (*STEPS, DONE)}
    others = ", ".join(f".st-key-register-step-{step}" for step in places if step != shown)
    st.html(f"<style>{others} {{ display: none; }}</style>")
    return places[shown]
