"""The panel that says what became of an attempt. Green means one thing: a record is stored."""

from __future__ import annotations

from html import escape

import streamlit as st

from attendance.domain.model import Attempt, Decision, Outcome

KINDS = ("ready", "recorded", "already", "refused", "away")


def kind_of(attempt: Attempt) -> str:
    """Which of KINDS an attempt's panel is."""
    if attempt.decision is Decision.REJECTED:
        return "refused"
    return "already" if attempt.outcome is Outcome.ALREADY else "recorded"


def panel(kind: str, headline: str, help_text: str) -> None:
    """Draw the panel; screen readers announce what it says. Both texts are shown as plain text, whatever they hold."""
    if kind not in KINDS:
        raise ValueError(f"no such panel: {kind}")
    st.html(
        f'<div class="attend-panel attend-{kind}" role="status" aria-live="polite">'
        f'<p class="attend-headline" dir="auto">{escape(headline)}</p><p class="attend-help">{escape(help_text)}</p></div>'
    )
