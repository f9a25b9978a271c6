"""Pages of a long list: which one is shown stands in the address, and another list begins at its first page."""

from __future__ import annotations

import zlib

import streamlit as st

PARAMETER = "page"


def page_number(pages: int, of: object) -> int:
    """Draw the page numbers, where there are several; the one that is shown, from 1.

    Args:
        pages: how many there are.
        of: what the list was asked for; its ``repr`` tells lists apart.
    """
    asked = st.query_params.get(PARAMETER, "1")
    number = min(max(int(asked) if asked.isdecimal() and len(asked) < 9 else 1, 1), pages)
    if pages == 1:
        return 1
    key = f"page-{zlib.crc32(repr(of).encode()):08x}"
    return st.pagination(pages, default=number, key=key, width=420, on_change=_remember, args=(key,))


def first_page() -> None:
    """Begin at the first page, since the list will be another one; a callback."""
    st.query_params.pop(PARAMETER, None)


def _remember(key: str) -> None:
    number = st.session_state[key]
    if number == 1:
        first_page()
    else:
        st.query_params[PARAMETER] = str(number)
