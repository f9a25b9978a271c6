"""The switch for the tracking in the sidebar of the check-in page, with how the sending is; for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.api.running import running
from attendance.bootstrap.tracking import is_installed
from attendance.errors import AttendanceError
from attendance.services.sessions import MAX_NAME
from attendance.services.tracking_status import NOT_INSTALLED, WHAT_IT_DOES, counts, refusals, trouble
from attendance.ui.messages import sentence_for
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.bootstrap.tracking import Tracking

LABEL = "Enable MLflow tracking"
SWITCH, NAME, REFUSED = "tracking-switch", "tracking-name", "tracking-refused"
REFRESH_S = 5


@st.fragment(run_every=REFRESH_S)
def tracking(who: str) -> None:
    """Draw it; ``who`` is told in the audit."""
    try:
        parts = running().tracking
        on = parts.switch.is_on()
        st.session_state[SWITCH] = on  # another operator may have switched
        st.toggle(LABEL, key=SWITCH, on_change=_switch, args=[who])
        st.caption(WHAT_IT_DOES)
        if refused := st.session_state.pop(REFUSED, ""):
            st.error(plain(refused))
        _state(parts, on=on)
        if on:
            _experiment(parts, who)
    except AttendanceError as error:
        st.caption(plain(sentence_for(error)))


def _state(parts: Tracking, *, on: bool) -> None:
    state, zone = parts.outbox.state(), running().zone
    if refused := refusals(state, zone):
        st.warning(plain(refused))
    if not on and not state.waiting:
        return
    st.caption(plain(counts(state, zone)))
    if not is_installed():
        st.warning(NOT_INSTALLED)
    elif error := trouble(state, zone):
        st.warning(plain(f"{error} Nothing is lost; it is tried again by itself."))


def _experiment(parts: Tracking, who: str) -> None:
    """Attempts can belong to an experiment with a name, which is a run of its own."""
    session = parts.sessions.experiment()
    if session is not None:
        st.caption(f"Experiment **{plain(session.name)}** is under way.")
        st.button("End the experiment", key="tracking-end", on_click=_end, args=[who])
        return
    with st.popover("Begin an experiment", key="tracking-experiment"):
        st.text_input("Name of the experiment", max_chars=MAX_NAME, key=NAME, placeholder="For MLflow, e.g. threshold 0.50")
        st.caption("From now on all attempts are one run of this name, until you end it.")
        st.button("Begin", key="tracking-begin", type="primary", on_click=_begin, args=[who])


# What is done before the page is drawn anew; it says there what was refused.


def _switch(who: str) -> None:
    try:
        running().tracking.switch.set(bool(st.session_state[SWITCH]), who)
        running().tracking.sessions.refresh()  # here at once, in other processes within a second
    except AttendanceError as error:
        st.session_state[REFUSED] = sentence_for(error)


def _begin(who: str) -> None:
    try:
        running().tracking.sessions.begin(st.session_state[NAME], who)
    except AttendanceError as error:
        st.session_state[REFUSED] = sentence_for(error)


def _end(who: str) -> None:
    try:
        running().tracking.sessions.end(who)
    except AttendanceError as error:
        st.session_state[REFUSED] = sentence_for(error)
