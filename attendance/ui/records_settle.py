"""Records that somebody at the door doubted with "Not me", for the office to settle. The record stays, with its state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from attendance.domain.model import Mode, Review
from attendance.errors import AttendanceError, ConflictError
from attendance.services.wording import moment_text
from attendance.services.words import printable
from attendance.ui.messages import sentence_for
from attendance.ui.operator import who
from attendance.ui.people_thumbs import portrait
from attendance.ui.resources import application
from attendance.ui.text import UNNAMED_SITE, plain, unseen

if TYPE_CHECKING:
    from datetime import tzinfo

    from attendance.domain.model import Attempt
    from attendance.services.reports import ReportService

SHOWN = 3  # at once; the next ones come up as these are settled
SAID_S = 60.0  # how long what was just saved, and the way back, stay on the page


class _Said(NamedTuple):
    """What was done last: when (monotonic, seconds), and what can be taken back."""

    words: str
    at: float
    attempt_id: str
    review: Review | None


def to_settle(reports: ReportService) -> None:
    """Draw what has to be settled; nothing where there is nothing."""
    _said()
    waiting = reports.count_to_settle()
    if not waiting:
        return
    st.subheader(f"To settle ({waiting:,})", anchor=False)
    st.caption(
        'Somebody at the door said "Not me". Each record stays in the list, whatever you decide; a void one does not count.'
    )
    for attempt in reports.to_settle(SHOWN):
        _card(attempt, reports.zone)
    if waiting > SHOWN:
        st.caption(f"{waiting - SHOWN:,} more after these.")


def _said() -> None:
    """What was just saved, with a way back."""
    said: _Said | None = st.session_state.get("settled")
    if said is None:
        return
    if time.monotonic() - said.at > SAID_S:
        del st.session_state["settled"]
        return
    with st.container(horizontal=True, vertical_alignment="center", key="settled"):
        st.success(said.words, width=560)
        if said.review is not None and st.button("Undo", key="settle-undo"):
            _undo(said.attempt_id, said.review)


def _card(attempt: Attempt, zone: tzinfo | None) -> None:
    name = printable(attempt.person_name or "")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"settle-{attempt.attempt_id}"):
        _pictures(attempt, name)
        with st.container(gap=None):
            st.markdown(f"**{plain(name)}** · {moment_text(attempt.at_utc, zone, seconds=True)}")
            st.caption(plain(_evidence(attempt)))
        with st.container(horizontal=True, width="content"):
            _button("Stands", attempt, Review.UPHELD, name, zone)
            _button("It was somebody else", attempt, Review.VOID, name, zone)


def _pictures(attempt: Attempt, name: str) -> None:
    """The picture of the attempt, where this site keeps them, and the registered one."""
    taken = application().store.attempt_picture(attempt.attempt_id)
    stored = application().people.pictures(attempt.person_id) if attempt.person_id else []
    if taken is not None:
        st.image(application().portrait(taken), alt=f"At the door, recognised as {name}", width=64)
    if stored:
        image = portrait(stored[0].reference_id)
        if image is not None:
            st.image(image, alt=f"A registered picture of {name}", width=64)


def _evidence(attempt: Attempt) -> str:
    parts = ["By name (1:1)" if attempt.mode is Mode.VERIFICATION else "By face (1:N)"]
    if attempt.distance_l2 is not None:
        parts.append(f"distance {attempt.distance_l2:.2f}, threshold {attempt.threshold:.2f}")
    if attempt.site and attempt.site != UNNAMED_SITE:
        parts.append(printable(attempt.site))
    return " · ".join(parts)


def _button(label: str, attempt: Attempt, review: Review, name: str, zone: tzinfo | None) -> None:
    which = unseen(f"{name}, {moment_text(attempt.at_utc, zone, seconds=True)}")
    if not st.button(f"{label} {which}", key=f"settle-{review}-{attempt.attempt_id}"):
        return
    try:
        application().disputes.settle(attempt.attempt_id, review, who() or "operator")
    except ConflictError:
        _say("Another operator settled this a moment ago.")
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    else:
        words = "stands" if review is Review.UPHELD else "is void: it was somebody else"
        _say(f"Saved. The record of {plain(name)} {words}.", attempt.attempt_id, review)
    st.rerun()


def _undo(attempt_id: str, review: Review) -> None:
    try:
        application().disputes.reopen(attempt_id, review, who() or "operator")
    except ConflictError:
        _say("Another operator settled this otherwise meanwhile; that stays.")
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    else:
        _say("Taken back. The record has to be settled again.")
    st.rerun()


def _say(words: str, attempt_id: str = "", review: Review | None = None) -> None:
    st.session_state["settled"] = _Said(words, time.monotonic(), attempt_id, review)
