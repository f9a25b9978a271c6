"""Records: a day at a glance, what has to be settled, and every check-in and attempt with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import AttendanceError
from attendance.services.wording import day_text
from attendance.ui.links import person_link
from attendance.ui.messages import sentence_for
from attendance.ui.records_files import file_buttons
from attendance.ui.records_filters import filters
from attendance.ui.records_glance import glance
from attendance.ui.records_settle import to_settle
from attendance.ui.records_table import table
from attendance.ui.resources import application
from attendance.ui.text import UNNAMED_SITE, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.services.report_rows import Directory
    from attendance.services.reports import RecordQuery, ReportService

REFRESH_S = 15  # how often today's records are read again, so that check-ins appear as they happen


def records_page() -> None:
    """The page. A database that is away is told by the frame around the pages, which goes on by itself.

    Raises:
        AttendanceError: the records can't be read now.
    """
    # The places in the order in which they are read; the filters, which decide what all the others show, are asked first.
    head, settle, day_place, filter_place, list_place = (
        st.container(key=f"records-{name}") for name in ("top", "settle", "day", "filter", "list")
    )
    reports = application().reports
    directory = reports.directory()
    with filter_place:
        st.html('<span id="the-list"></span>')
        query = filters(directory, reports.today())
        _whom_it_is_about(query, directory)
    with head:
        _head(query, reports)
    live = query.last is None or query.last >= reports.today()
    every = REFRESH_S if live else None
    with settle:
        st.fragment(_guarded, run_every=every)(lambda: to_settle(reports))
    if query.first is not None and query.first == query.last and directory.people:
        day = query.first
        with day_place:
            st.fragment(_guarded, run_every=every)(lambda: glance(reports.day(day, reports.directory()), reports))
    with list_place:
        st.fragment(_guarded, run_every=every)(lambda: table(query, reports, reports.directory()))


def _head(query: RecordQuery, reports: ReportService) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", key="records-head"):
        with st.container(width="content"):
            st.title("Records", anchor=False)
            site = application().settings.site
            st.caption(plain(_when(query) if site == UNNAMED_SITE else f"{_when(query)} · {site}"))
            with st.container(key="records-to-the-list"):  # style.css shows it on phones
                st.html('<a class="to-the-list" href="#the-list">To the list</a>')
        with st.container(horizontal=True, width="content"):
            file_buttons(query, reports, reports.directory())


def _whom_it_is_about(query: RecordQuery, directory: Directory) -> None:
    """The way to the person where the search means one alone, such as to add a better picture."""
    found = [person for person in directory.people if person.person_id in (directory.matching(query.person, "") or ())]
    if len(found) == 1:
        person_link(f"Open {plain(found[0].name)}", found[0].person_id)


def _when(query: RecordQuery) -> str:
    """The days that are shown, in words."""
    first, last = query.first, query.last
    if first is None or last is None:
        return "All days"
    if first == last:
        return f"{first:%A} {day_text(first)}"
    return f"{day_text(first)} to {day_text(last)}"


def _guarded(draw: Callable[[], None]) -> None:
    """Draw a part of the page; where its database is away, say so in its place."""
    try:
        draw()
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
