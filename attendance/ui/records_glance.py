"""A day at a glance: four figures, the arrivals over the day, who is in and who is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.services.reports import QUARTER_MIN, quarter_label
from attendance.ui.charts import arrivals, arrivals_sentence, palette
from attendance.ui.text import counted, plain

if TYPE_CHECKING:
    from datetime import tzinfo

    from attendance.services.reports import Day, ReportService

LIST_HEIGHT_PX, ROW_PX = 204, 36  # a list's at most, and a line's


def glance(day: Day, reports: ReportService) -> None:
    """Draw the day."""
    _figures(day, reports.zone)
    left, right = st.columns([8, 5], gap="medium")
    with left:
        st.subheader("Arrivals", anchor=False)
        quarters = reports.quarters(day)
        st.vega_lite_chart(
            spec=arrivals(quarters, _now(day, reports.zone), palette()),
            width="stretch",
            theme=None,
            alt=arrivals_sentence(quarters),
        )
    with right:
        _lists(day, reports.zone)


def _figures(day: Day, zone: tzinfo | None) -> None:
    grid = st.container(key="figures-day").grid(4, min_column_width=150)
    first = day.arrivals[0] if day.arrivals else None
    aside = f"{day.disputed} disputed" if day.disputed else "of the active people"
    figures = (
        ("In today" if day.is_today else "Came in", str(day.present), f"of {counted(day.expected, 'person', 'people')}"),
        ("Not yet in" if day.is_today else "Not in", str(len(day.missing)), aside),
        (
            "First arrival",
            first.at.astimezone(zone).strftime("%H:%M") if first else "-",
            plain(first.name) if first else "nobody yet" if day.is_today else "nobody",
        ),
        ("Not recognised", str(day.refused), f"of {counted(day.attempts, 'attempt', 'attempts')}"),
    )
    for label, value, note in figures:
        with grid.container():
            st.metric(label, value, note, delta_color="off", delta_arrow="off", border=True)


def _now(day: Day, zone: tzinfo | None) -> tuple[str, float] | None:
    if not day.is_today:
        return None
    local = day.now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    return quarter_label(minute // QUARTER_MIN), minute % QUARTER_MIN / QUARTER_MIN


def _lists(day: Day, zone: tzinfo | None) -> None:
    """Two lists under tabs, newest arrival first, missing people by name."""
    present, missing = st.tabs(
        [f"In ({len(day.arrivals)})", f"{'Not yet in' if day.is_today else 'Not in'} ({len(day.missing)})"]
    )
    with present:
        came = day.arrivals[::-1]
        _list(
            {
                "Time": [one.at.astimezone(zone).strftime("%H:%M") for one in came],
                "Person": [one.name for one in came],
                "Group": [(one.person.group or "") if one.person else "no longer registered" for one in came],
            },
            empty="Nobody has come in.",
            alt="Who is in, with the time of arrival",
        )
    with missing:
        _list(
            {
                "Person": [one.name for one in day.missing],
                "Staff no.": [one.external_id or "" for one in day.missing],
                "Group": [one.group or "" for one in day.missing],
            },
            empty="Everybody is in." if day.expected else "Nobody is registered yet.",
            alt="Who is not in",
        )


def _list(columns: dict[str, list[str]], *, empty: str, alt: str) -> None:
    if not columns["Person"]:
        st.caption(empty)
        return
    narrow = {"Time": st.column_config.TextColumn(width=56), "Staff no.": st.column_config.TextColumn(width=72)}
    height = min(LIST_HEIGHT_PX, ROW_PX * (len(columns["Person"]) + 1) + 2)  # no empty lines below a few people
    st.dataframe(columns, hide_index=True, height=height, row_height=ROW_PX, alt=alt, column_config=narrow)
