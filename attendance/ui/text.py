"""Words from outside, such as names, in places where Streamlit reads Markdown; and small words that every page needs."""

from __future__ import annotations

import re

UNNAMED_SITE = "main"  # ATTEND_SITE's default, which tells nobody anything
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # CommonMark 2.4: a backslash before any of these makes it a plain character
_LINKS = re.compile(r"(?i)(https?|www|@)")  # what Streamlit's Markdown makes a link of even between escapes
_JOINER = "\u2060"  # no width, no break: behind it the rest is no address any more


def plain(text: str) -> str:
    """The text, so that Markdown shows it as it is: no link, no markup, no formula, no emoji shortcode."""
    return _PUNCTUATION.sub(r"\\\1", _LINKS.sub(rf"\1{_JOINER}", " ".join(text.split())))


def unseen(text: str) -> str:
    """The end of a button's label that is heard, not seen (style.css): which of several things the button is about.

    Eyes find it right beside the button; without it a screen reader lists "Remove", "Remove", "Remove".
    """
    return f"*{plain(text)}*"


def counted(number: int, one: str, several: str) -> str:
    """``1 picture``, ``1,204 pictures``."""
    return f"{number:,} {one if number == 1 else several}"
