"""The table of Records: one page of check-ins or attempts, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from attendance.services.reports import PAGE, zone_name
from attendance.services.wording import MOMENT_COLUMN_S, moment_cell
from attendance.ui.links import register_link
from attendance.ui.pages import page_number
from attendance.ui.records_filters import clear_filters, is_narrowed, show_today
from attendance.ui.text import counted, plain

if TYPE_CHECKING:
    from datetime import tzinfo

    from attendance.services.report_rows import Directory, Row
    from attendance.services.reports import RecordQuery, ReportService

ROW_PX = 36
DISTANCE = "Distance"
DISTANCE_HELP = "L2 distance / the threshold of that time; at most the threshold is accepted."


def table(query: RecordQuery, reports: ReportService, directory: Directory) -> None:
    """Draw the page that the address names, and the way to the others."""
    total = reports.count(query, directory)
    if not total:
        _empty(query, directory, is_today=query.first == query.last == reports.today())
        return
    pages = -(-total // PAGE)
    place = st.container(key="records-table")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        number = page_number(pages, query)
        rows = reports.page(query, directory, number)
        first = (number - 1) * PAGE + 1
        what = "attempts" if query.attempts else "check-ins"
        zone = zone_name(reports.zone, rows[0].at) if rows else zone_name(reports.zone, reports.now())
        words = f"{first:,} to {first + len(rows) - 1:,} of {total:,} {what}. Times in {zone}."
        st.caption(plain(words), width="content")
    one_day = query.first is not None and query.first == query.last
    place.dataframe(
        _columns(rows, query, reports.zone),
        hide_index=True,
        row_height=ROW_PX,
        height=ROW_PX * (len(rows) + 1) + 3,
        column_config={
            "Time": st.column_config.DatetimeColumn(
                format="HH:mm:ss" if one_day else MOMENT_COLUMN_S, width=76 if one_day else 172
            ),
            "Person": st.column_config.TextColumn(width=150),
            "Result": st.column_config.TextColumn(width=150),
            "Staff no.": st.column_config.TextColumn(width=76),
            "Group": st.column_config.TextColumn(width=90),
            "Mode": st.column_config.TextColumn(width=56),
            DISTANCE: st.column_config.TextColumn(alignment="right", width=96, help=DISTANCE_HELP),
        },
        alt=f"{'Attempts' if query.attempts else 'Check-ins'}, newest first, {counted(len(rows), 'line', 'lines')}",
    )


def _columns(rows: list[Row], query: RecordQuery, zone: tzinfo | None) -> dict[str, list[Any]]:
    """What is looked for first comes first: a narrow screen shows so many columns, and the others at a swipe."""
    columns: dict[str, list[Any]] = {
        "Time": [moment_cell(row.at, zone) for row in rows],
        "Person": [f"{row.name} (now {row.name_now})" if row.name_now else row.name for row in rows],
        "Result": [row.result for row in rows],
    }
    if query.attempts:
        columns["Reason"] = [row.reason for row in rows]
    columns["Group"] = [row.group for row in rows]
    columns["Staff no."] = [row.staff_number for row in rows]
    columns["Mode"] = [row.mode for row in rows]
    columns[DISTANCE] = [_against(row.distance_l2, row.threshold) for row in rows]
    return columns


def _against(distance: float | None, threshold: float | None) -> str:
    """``0.41 / 0.53``; what older databases don't say is left out."""
    return " / ".join(f"{value:.2f}" for value in (distance, threshold) if value is not None)


def _empty(query: RecordQuery, directory: Directory, *, is_today: bool) -> None:
    """Why there is nothing, and the next step."""
    if not directory.people and not is_narrowed(query):
        st.info("Nobody is registered yet. Check-ins appear here once people are registered.")
        register_link("Register the first person")
    elif is_narrowed(query):
        st.info("Nothing matches these filters.")
        st.button("Clear filters", on_click=clear_filters)
    elif is_today:
        what = "There have been no attempts today." if query.attempts else "Nobody has checked in yet today."
        st.info(f"{what} {'Attempts' if query.attempts else 'Check-ins'} appear here as they happen.")
    else:
        st.info("Nothing was recorded in this time.")
        st.button("Show today", on_click=show_today)
