"""The frame around the pages: name, icon, style, navigation, and what to say when a page cannot do its work."""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit as st

from attendance.api.running import running
from attendance.errors import AttendanceError
from attendance.ui import operator
from attendance.ui.account import account
from attendance.ui.links import CHECK_IN
from attendance.ui.messages import sentence_for
from attendance.ui.resources import application
from attendance.ui.text import plain
from attendance.ui.tracking import tracking

HERE = Path(__file__).parent
# As part of the page: a file would be served under /media, which is the office's.
ICON = "data:image/svg+xml;base64," + base64.b64encode((HERE / "icon.svg").read_bytes()).decode()
# The sections over them, "Office" and "System", are drawn by style.css: Streamlit's own put <div> into the list's <ul>, so
# that screen readers find no list.
OFFICE = {
    "records": "Records",
    "people": "People",
    "register": "Register",
    "settings": "Settings",
    "thresholds": "Thresholds",
    "versions": "Versions",
    "status": "Status",
}
WORKS_WITHOUT = {"status", "versions"}  # say themselves what is away
LOOK_AGAIN_S = 3


def main() -> None:
    """Run one script run of the page that the visitor is on."""
    st.set_page_config(page_icon=ICON, layout="wide", initial_sidebar_state=256)
    who = operator.who()
    kiosk = st.Page(_kiosk, title="Check in", url_path=CHECK_IN, default=True)
    if who is None:
        page = st.navigation([kiosk], position="hidden")
    else:
        office = [st.Page(_SCRIPTS[path], title=title, url_path=path) for path, title in OFFICE.items()]
        page = st.navigation([kiosk, *office], expanded=True)
        st.logo(ICON)
        with st.sidebar:
            if page == kiosk:
                tracking(who)
            account(who)
    st.set_page_config(page_title=f"{page.title} · Attend")
    if page == kiosk or page.url_path in WORKS_WITHOUT:
        page.run()
        return
    try:
        with st.spinner("Starting. The face model is made ready."):
            application()
        page.run()
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        _look_again()


@st.fragment(run_every=LOOK_AGAIN_S)
def _look_again() -> None:
    """Go on by itself when it works again; a person need not wait for that."""
    st.caption("Trying again.")
    try:
        running().application().store.info()
    except AttendanceError:
        if st.button("Try now"):
            st.rerun()
        return
    st.rerun()


# Each page is imported when somebody opens it: the check-in, which has to be there first, waits for no chart.


def _kiosk() -> None:
    from attendance.ui.kiosk_page import kiosk_page

    kiosk_page()


def _records() -> None:
    from attendance.ui.records import records_page

    records_page()


def _people() -> None:
    from attendance.ui.people import people_page

    people_page()


def _register() -> None:
    from attendance.ui.register import register_page

    register_page()


def _settings() -> None:
    from attendance.ui.settings_page import settings_page

    settings_page()


def _thresholds() -> None:
    from attendance.ui.thresholds import thresholds_page

    thresholds_page()


def _status() -> None:
    from attendance.ui.status import status_page

    status_page()


def _versions() -> None:
    from attendance.ui.versions import versions_page

    versions_page()


_SCRIPTS = {
    "records": _records,
    "people": _people,
    "register": _register,
    "settings": _settings,
    "thresholds": _thresholds,
    "versions": _versions,
    "status": _status,
}
