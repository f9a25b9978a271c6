"""Who looks at this page, as the guard found out when the page was opened; the guard closes the page when that changes."""

from __future__ import annotations

from urllib.parse import unquote

import streamlit as st


def who() -> str | None:
    """The operator who is signed in, or None."""
    return _told("who") or None


def session() -> str | None:
    """What the operator's session is known by here: the same for all its pages, and opens nothing; None for anybody else."""
    return _told("sid") if who() else None


def device() -> str | None:
    """The id of this screen, the same as ``Visitor.device`` of its requests; None outside the server."""
    return _told("device") or None


def role() -> str:
    """``operator``, ``paired`` (an operator paired this screen), ``open`` (anybody may check in here) or ``none``."""
    return _told("role") or "none"


def may_check_in() -> bool:
    """Whether this page may submit pictures."""
    return role() in {"operator", "paired", "open"}


def _told(name: str) -> str:
    value = st.user.get(name)
    return unquote(value) if isinstance(value, str) else ""
