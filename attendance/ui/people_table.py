"""The table of people: one page, with pictures and figures of that page's people alone."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import streamlit as st

from attendance.domain.model import PersonStatus
from attendance.services.reports import zone_name
from attendance.services.wording import MOMENT_COLUMN, moment_cell
from attendance.ui.pages import first_page, page_number
from attendance.ui.people_open import TABLE, is_to_open
from attendance.ui.people_quality import lowest
from attendance.ui.people_thumbs import thumbnail
from attendance.ui.resources import application
from attendance.ui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.model import Person

PAGE = 25
ROW_PX = 48


def people_table() -> str | None:
    """Draw search and table; the id of the person who is to be opened."""
    search = st.text_input(
        "Search",
        key="search",
        type="search",
        placeholder="Name, staff number or group",
        max_chars=200,
        live="250ms",
        bind="query-params",
        on_change=first_page,
        width=480,
    )
    found = application().people.list(search=search or "")
    if not found:
        st.info("Nobody fits this search.")
        st.button("Clear the search", on_click=_clear)
        return None
    pages = -(-len(found) // PAGE)
    place = st.container(key=TABLE)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        number = page_number(pages, search)
        first = (number - 1) * PAGE
        shown = found[first : first + PAGE]
        zone = zone_name(application().zone, application().reports.now())
        words = f"{first + 1:,} to {first + len(shown):,} of {len(found):,}. Times in {zone}."
        st.caption(plain(words), width="content")
    with place:
        return _table(shown)


def _table(people: Sequence[Person]) -> str | None:
    service, zone = application().people, application().zone
    references = [service.pictures(person.person_id) for person in people]
    seen = service.last_seen([person.person_id for person in people])
    st.caption("Press anywhere in a row to open that person. By keyboard: the arrow keys, then Enter.")
    event = st.dataframe(
        {
            "Picture": [(of_one and thumbnail(of_one[0].reference_id)) or "" for of_one in references],
            "Name": [person.name for person in people],
            "Staff no.": [person.external_id or "" for person in people],
            "Group": [person.group or "" for person in people],
            "Status": [["Active" if person.status is PersonStatus.ACTIVE else "Inactive"] for person in people],
            "Last seen": [moment_cell(at, zone) if (at := seen.get(person.person_id)) else None for person in people],
            "Pictures": [f"{len(of_one)}, {lowest(of_one).lower()}" if of_one else "0" for of_one in references],
        },
        hide_index=True,
        row_height=ROW_PX,
        height=ROW_PX * len(people) + 40,
        column_config={
            "Picture": st.column_config.ImageColumn(" ", width=56),
            "Name": st.column_config.TextColumn(width=150),
            "Staff no.": st.column_config.TextColumn(width=72),
            "Group": st.column_config.TextColumn(width=90),
            "Status": st.column_config.MultiselectColumn(options=["Active", "Inactive"], color=["green", "gray"], width=82),
            "Last seen": st.column_config.DatetimeColumn(format=MOMENT_COLUMN, width=152),
            "Pictures": st.column_config.TextColumn(width=92, help="How many, and the quality of the worst of them."),
        },
        on_select="rerun",
        selection_mode="single-cell",  # not rows: their tick boxes are the smallest target of the page
        # Other rows are another table, so that a press is never taken for whoever stood in that row before.
        key=f"people-table-{zlib.crc32(repr(people).encode()):08x}",
        alt="People by name",
        placeholder="never",  # of the columns, the time alone can be empty
    )
    rows = [cell[0] for cell in event.selection.cells]
    return people[rows[0]].person_id if is_to_open() and rows and rows[0] < len(people) else None


def _clear() -> None:
    """Show everybody again; a callback."""
    st.session_state["search"] = ""
    first_page()
