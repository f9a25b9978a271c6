"""Screens that check people in: which are paired, pairing another one, and where a camera does best."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from attendance.api import streamlit_private
from attendance.api.doors import place_of
from attendance.api.running import running
from attendance.api.streamlit_private import port
from attendance.errors import AttendanceError
from attendance.services.wording import day_text
from attendance.ui import operator
from attendance.ui.messages import sentence_for
from attendance.ui.status_findings import zone
from attendance.ui.text import plain, unseen

if TYPE_CHECKING:
    from attendance.services.devices import Device

FORM_PX = 480


def screens() -> None:
    """The paired screens and the form that pairs one."""
    st.subheader("Screens", anchor=False)
    is_open = _open_to_all()
    if is_open:
        st.caption("Anybody who reaches the check-in page may check in, so screens need not be paired.")
    else:
        st.caption("Only paired screens check people in. A screen that is not paired shows a code.")
    try:
        paired = running().devices.paired()
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    said = st.session_state.pop("status-said", "")
    if said:
        st.success(plain(said))
    if paired:
        for number, device in enumerate(paired):
            _screen(device, number)
    elif not is_open:
        st.info("No screen is paired yet. Open the check-in page on the screen, and type its code here.")
    _form()


def _screen(device: Device, number: int) -> None:
    with (
        st.container(border=True, width=FORM_PX, key=f"screen-{number}"),
        st.container(horizontal=True, vertical_alignment="center"),
    ):
        with st.container(gap=None):
            st.markdown(f"**{plain(device.name)}**")
            seen = "not seen since" if device.last_seen is None else f"last seen {ago(device.last_seen)}"
            st.caption(plain(f"Paired {_day(device.paired_at)} by {device.paired_by}, {seen}"))
        if st.button(f"Unpair {unseen(device.name)}", key=f"unpair-{device.device_id}", width="content"):
            _confirm(device)


@st.dialog("Unpair this screen")
def _confirm(device: Device) -> None:
    st.write(plain(f"{device.name} can then check nobody in until it is paired again. It shows a new code at once."))
    with st.container(horizontal=True):
        if st.button(f"Unpair {plain(device.name)}", type="primary", key="unpair-now"):
            try:
                running().devices.unpair(device.device_id, actor=operator.who() or "page")
            except AttendanceError as error:
                st.error(plain(sentence_for(error)))
                return
            st.session_state["status-said"] = f"{device.name} is unpaired."
            st.rerun()
        if st.button("Keep it", key="unpair-not"):
            st.rerun()


def _form() -> None:
    with st.container(key="pair-form"), st.form("pair", width=FORM_PX, clear_on_submit=False):
        code = st.text_input("Code on the screen", placeholder="KESTREL 417", max_chars=40)
        name = st.text_input("Name of the screen", placeholder="Main entrance", max_chars=60)
        if not st.form_submit_button("Pair this screen", type="primary"):
            return
        if not code.strip() or not name.strip():
            st.warning("Both are needed: the code that the screen shows, and a name by which you know the screen.")
            return
        try:
            device = running().devices.pair(code, name, actor=operator.who() or "page")
        except AttendanceError as error:
            st.error(plain(sentence_for(error)))
            return
    st.session_state["status-said"] = f"{device.name} is paired and may check people in."
    st.rerun()


def camera_advice() -> None:
    """What a camera needs, in words."""
    st.subheader("Camera", anchor=False)
    secure = f"Browsers give the camera to secure pages only: https, or `http://localhost:{port()}` on this machine itself."
    advice = [
        f"**Address.** {secure}",
        "**Place.** At the height of the eyes, an arm's length away, with nobody passing behind.",
        "**Light.** From the front and from both sides. Never with a window or a lamp behind the person.",
        "**Permission.** Allow the camera for good in the browser's settings for this site, so that a restart needs nobody.",
        "**Screen.** Keep it awake, with the check-in page in front; a page in the background takes no pictures.",
    ]
    st.markdown("\n".join(f"- {line}" for line in advice))


def ago(moment: datetime, now: datetime | None = None) -> str:
    """``a moment ago``, ``12 min ago``, ``5 h ago``, then the day."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 120:
        return "a moment ago"
    if seconds < 7_200:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3_600)} h ago" if seconds < 172_800 else f"on {_day(moment)}"


def _day(moment: datetime) -> str:
    return day_text(moment.astimezone(zone()))


def _open_to_all() -> bool:
    settings = running().settings
    place = place_of(
        address=streamlit_private.address(),
        public_url=settings.public_url,
        allowed_hosts=streamlit_private.allowed_hosts(),
        access=settings.kiosk_access,
    )
    return place.open
