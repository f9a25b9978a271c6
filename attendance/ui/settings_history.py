"""Who changed what, when, from what to what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.faces.catalogue import TITLES
from attendance.services.wording import MOMENT_COLUMN, moment_cell, moment_text
from attendance.ui.settings_fields import NONE, every_field
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.bootstrap import Application
    from attendance.services.choices import Change, Chosen

SHOWN = 200  # of the last changes


def summary(parts: Application, chosen: Chosen, changes: list[Change]) -> None:
    """One line under the title: which model, and since when it is as it is."""
    origins, threshold = parts.origins, f"thresholds.{parts.model.family}"
    since = f"as in {origins.below(threshold)}"
    if chosen.version and changes:
        since = f"last changed by {changes[0].actor} on {moment_text(changes[0].at_utc, parts.zone)}"
    st.caption(plain(f"{TITLES[parts.model.family]} is in use · {since}"))
    if threshold in chosen.values or parts.recogniser is not None:
        st.caption(plain(f"Threshold {parts.model.threshold:g}, {origins.of(threshold)}."))


def history(parts: Application, changes: list[Change]) -> None:
    """The table of all changes, the latest first."""
    st.subheader("Changes", anchor=False)
    fields = every_field()
    rows = [
        {
            "When": moment_cell(one.at_utc, parts.zone),
            "Who": one.actor,
            "What": fields[one.name].label,
            "From": fields[one.name].text(one.before),
            "To": fields[one.name].text(one.after),
            "Why": one.why or NONE,
        }
        for one in changes[:SHOWN]
    ]
    if rows:
        when = st.column_config.DatetimeColumn(format=MOMENT_COLUMN)
        st.dataframe(rows, hide_index=True, row_height=36, width="stretch", column_config={"When": when})
    else:
        st.info("Nothing was changed yet. What is saved here stands in this table, with who and why.")
