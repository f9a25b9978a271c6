"""The frame around the pages: name, icon, style, navigation, and what to say when the app cannot start."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from attendance.errors import AttendanceError
from attendance.ui.check_in import check_in_page
from attendance.ui.messages import sentence_for
from attendance.ui.register import register_page
from attendance.ui.resources import application, forget_application
from attendance.ui.text import plain

HERE = Path(__file__).parent


def main() -> None:
    """Run one script run of the page that the visitor is on."""
    st.set_page_config(page_title="Attend", page_icon=str(HERE / "icon.svg"), layout="centered")
    st.html(HERE / "style.css")
    register = st.Page(register_page, title="Register a person", url_path="register")
    check_in = st.Page(lambda: check_in_page(register), title="Check in", url_path="check-in", default=True)
    page = st.navigation([check_in, register], position="top")
    try:
        with st.spinner("Starting. The first start takes longest: the face model is made ready.", show_time=True):
            application()
    except AttendanceError as error:
        forget_application()
        st.error(plain(sentence_for(error)))
        st.button("Try again")
        return
    page.run()
