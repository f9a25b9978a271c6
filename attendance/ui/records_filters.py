"""The filters of Records. All of them stand in the page's address: a reload, or a link that is sent on, shows the same."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import streamlit as st

from attendance.services.report_rows import RESULT_WORDS, Result
from attendance.services.reports import RecordQuery
from attendance.ui.pages import first_page

if TYPE_CHECKING:
    from attendance.services.report_rows import Directory

CHECK_INS, ATTEMPTS = "Check-ins", "All attempts"
ALL_GROUPS, ALL_RESULTS = "All groups", "All results"
DAY_FIRST = "DD/MM/YYYY"  # the order of all days that the pages show; an input takes figures alone
_OF_CHECK_INS = (Result.DISPUTED, Result.VOID)


class When(StrEnum):
    """The times that are asked for most, and the two that ask for dates."""

    TODAY = "Today"
    YESTERDAY = "Yesterday"
    WEEK = "Last 7 days"
    MONTH = "Last 30 days"
    DAY = "One day"
    RANGE = "From … to"
    ALWAYS = "All days"


# The first and the last day, counted backwards from today.
_BACK = {When.TODAY: (0, 0), When.YESTERDAY: (1, 1), When.WEEK: (6, 0), When.MONTH: (29, 0)}


def filters(directory: Directory, today: date) -> RecordQuery:
    """Draw the filters; what they ask for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="records-filters"):
        show = st.segmented_control(
            "Show",
            [CHECK_INS, ATTEMPTS],
            default=CHECK_INS,
            required=True,
            key="show",
            bind="query-params",
            on_change=first_page,
        )
        when = st.selectbox(
            "When", [str(one) for one in When], key="when", width=170, bind="query-params", on_change=first_page
        )
        first, last = _days(When(when), today)
        results = list(Result) if show == ATTEMPTS else list(_OF_CHECK_INS)
        group = _choice("Group", ALL_GROUPS, directory.groups(), "group")
        result = _choice("Result", ALL_RESULTS, [RESULT_WORDS[one] for one in results], "result")
        person = st.text_input(
            "Person",
            key="person",
            placeholder="Name or staff number",
            type="search",
            max_chars=200,
            live="300ms",
            bind="query-params",
            on_change=first_page,
        )
    return RecordQuery(
        attempts=show == ATTEMPTS,
        first=first,
        last=last,
        person=person or "",
        group=group,
        result=next((one for one in results if RESULT_WORDS[one] == result), None),
    )


def is_narrowed(query: RecordQuery) -> bool:
    """Whether more than the time narrows the list."""
    return bool(query.person or query.group or query.result)


def clear_filters() -> None:
    """Let nothing but the time narrow the list; a callback."""
    first_page()
    st.session_state.update(group=ALL_GROUPS, result=ALL_RESULTS, person="")


def show_today() -> None:
    """Ask for today again; a callback."""
    first_page()
    st.session_state["when"] = When.TODAY


def _choice(label: str, everything: str, options: list[str], key: str) -> str:
    """A selectbox whose first option narrows nothing; empty where that is chosen."""
    names = [everything, *options]
    if st.session_state.get(key) not in {None, *names}:
        del st.session_state[key]  # such as a group that nobody is in any more
    chosen = st.selectbox(label, names, key=key, width=170, bind="query-params", on_change=first_page)
    return "" if chosen in {None, everything} else str(chosen)


def _days(when: When, today: date) -> tuple[date | None, date | None]:
    """The first and the last day that are asked for."""
    if when in _BACK:
        first, last = _BACK[when]
        return today - timedelta(days=first), today - timedelta(days=last)
    match when:
        case When.DAY:
            day: object = st.date_input(
                "Day", value=today, key="day", format=DAY_FIRST, width=150, bind="query-params", on_change=first_page
            )
            chosen = day if isinstance(day, date) else today
            return chosen, chosen
        case When.RANGE:
            return _range(today)
    return None, None


def _range(today: date) -> tuple[date | None, date | None]:
    days: object = st.date_input(
        "From and to",
        value=(today - timedelta(days=6), today),
        key="range",
        format=DAY_FIRST,
        width=240,
        bind="query-params",
        on_change=first_page,
    )
    given = sorted(day for day in days if isinstance(day, date)) if isinstance(days, tuple) else []
    if not given:
        return today, today
    return given[0], given[-1]  # while only the first of the two is chosen: that day
