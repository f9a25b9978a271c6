"""Links from one page to another."""

from __future__ import annotations

import streamlit as st

CHECK_IN = "check-in"  # what the navigation knows the first page by; in the address it is empty


def register_link(label: str) -> None:
    """To the page where people are registered."""
    from attendance.ui.register import register_page

    # A page is known by its path, so this one is the navigation's.
    st.page_link(st.Page(register_page, title="Register", url_path="register"), label=label)


def check_in_link(label: str) -> None:
    """To the check-in, which is the first page."""
    from attendance.ui.kiosk_page import kiosk_page

    st.page_link(st.Page(kiosk_page, title="Check in", url_path=CHECK_IN, default=True), label=label)


def person_link(label: str, person_id: str) -> None:
    """To one person under People."""
    from attendance.ui.people import CHOSEN, people_page

    st.page_link(st.Page(people_page, title="People", url_path="people"), label=label, query_params={CHOSEN: person_id})


def attempts_link(label: str, name: str) -> None:
    """To what happened at the door to whoever is called so, in the last days."""
    from attendance.ui.records import records_page
    from attendance.ui.records_filters import ATTEMPTS, When

    page = st.Page(records_page, title="Records", url_path="records")
    st.page_link(page, label=label, query_params={"show": ATTEMPTS, "when": str(When.WEEK), "person": name})
