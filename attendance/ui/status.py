"""Status: one sentence, a row for each part, what a camera needs, and the screens that are paired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from attendance.api.running import running
from attendance.errors import AttendanceError
from attendance.services.choices import Choices
from attendance.services.status import Finding, Status, headline
from attendance.ui import operator
from attendance.ui.messages import sentence_for
from attendance.ui.status_findings import findings, zone
from attendance.ui.status_rows import Row, marked, rows_of
from attendance.ui.status_screens import camera_advice, screens
from attendance.ui.text import plain

REFRESH_S = 10
BADGES: dict[Status, tuple[str, Literal["green", "orange", "red"], str]] = {
    Status.OK: ("Well", "green", ":material/check:"),
    Status.WARNING: ("Look at this", "orange", ":material/warning:"),
    Status.FAULT: ("Not working", "red", ":material/error:"),
}
BOXES = {Status.OK: st.success, Status.WARNING: st.warning, Status.FAULT: st.error}


def status_page() -> None:
    """The page."""
    st.title("Status", anchor=False)
    _parts()
    left, right = st.columns([480, 520], gap="large")
    with left:
        screens()
    with right:
        camera_advice()


@st.fragment(run_every=REFRESH_S)
def _parts() -> None:
    """What is found now; every run fills the same places, so nothing jumps."""
    found = findings()
    rows = rows_of(found)
    sentence, status = headline([(row.title, row.status) for row in rows])
    BOXES[status](sentence)
    at = datetime.now(UTC).astimezone(zone())
    st.caption(f"Looked at {at:%H:%M:%S}, and again every {REFRESH_S} seconds. `python -m attendance doctor` says the same.")
    if any(one.check == "saved settings" and one.status is Status.FAULT for one in found):
        _take_back()
    with st.container(border=True, gap=None, key="status-rows"):
        for row in rows:
            _row(row)


def _take_back() -> None:
    """Saved settings that cannot be used stop everything else, the page that could change them included."""
    if st.button("Go back to params.yaml for all settings", key="take-back"):
        try:
            choices = Choices(running().store)
            actor = operator.who() or "page"
            choices.save({}, expected_version=choices.current().version, actor=actor, why="could not be used")
        except AttendanceError as error:
            st.error(plain(sentence_for(error)))
            return
        st.rerun()


def _row(row: Row) -> None:
    word, colour, icon = BADGES[row.status]
    with st.container(key=f"status-row-{row.key}"):
        left, right = st.columns([3, 9], gap="small")
        with left.container(
            horizontal=True,
            horizontal_alignment="distribute",
            vertical_alignment="center",
            gap="small",
            key=f"status-name-{row.key}",
        ):
            st.markdown(f"**{row.title}**", width="content")
            st.badge(word, color=colour, icon=icon)
        with right.container(gap=None):
            first, *others = row.findings
            st.markdown(_line(first))
            for other in others:
                if other.status is Status.OK:
                    st.caption(_line(other))
                else:
                    st.markdown(_line(other))


def _line(one: Finding) -> str:
    return f"{marked(one.message)} {marked(one.advice)}".strip()
