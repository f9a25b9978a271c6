"""Words from outside, such as names, in places where Streamlit reads Markdown."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # CommonMark 2.4: a backslash before any of these makes it a plain character


def plain(text: str) -> str:
    """The text, so that Markdown shows it as it is: no link, no markup, no formula, no emoji shortcode."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))
