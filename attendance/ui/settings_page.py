"""Settings: what decides, what each value does, its effect on the last attempts before it is saved, and who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.params import flat
from attendance.services.changeover import State
from attendance.services.origin import PARAMS_FILE
from attendance.ui import settings_job
from attendance.ui.resources import application
from attendance.ui.settings_change import review, work
from attendance.ui.settings_draft import draft_of
from attendance.ui.settings_fields import groups, limits, read, trouble
from attendance.ui.settings_history import history, summary
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.services.choices import Value
    from attendance.services.origin import Origins
    from attendance.ui.settings_draft import Draft
    from attendance.ui.settings_fields import Field, Group

FORM_PX = 480


def settings_page() -> None:
    """The page."""
    st.title("Settings", anchor=False)
    parts = application()
    chosen = parts.choices.current()
    draft = draft_of(flat(parts.base), chosen)
    changes = parts.choices.history()
    summary(parts, chosen, changes)
    job = settings_job.last()
    busy = job is not None and job.state is State.WORKING
    inputs, panel = st.columns([480, 520], gap="large")
    with inputs:
        edits, wrong = _inputs(groups(parts.model.family), draft, parts.origins, busy=busy)
    state = "open" if edits or wrong or job is not None else "idle"  # style.css keeps an open card in sight
    with panel, st.container(border=True, key=f"settings-review-{state}"):
        if job is not None:
            work(job, draft)
        else:
            review(parts, chosen, draft, edits, wrong)
    history(parts, changes)


def _inputs(shown: tuple[Group, ...], draft: Draft, origins: Origins, *, busy: bool) -> tuple[dict[str, Value], list[str]]:
    """All inputs; gives what was changed, by dotted name, and the labels of values that cannot be saved."""
    edits: dict[str, Value] = {}
    wrong: list[str] = []
    for group in shown:
        with st.container(border=True, width=FORM_PX, key=f"settings-group-{group.key}"):
            st.subheader(group.title, anchor=False)
            if group.words:
                st.caption(group.words)
            for one in group.fields:
                value, is_right = _input(one, draft, origins.below(one.name), busy=busy)
                if not is_right:
                    wrong.append(one.label)
                elif value != draft.in_use[one.name]:
                    edits[one.name] = value
    return edits, wrong


def _input(one: Field, draft: Draft, below: str, *, busy: bool) -> tuple[Value, bool]:
    """One input with what it does; its value, and whether it can be saved."""
    file = draft.file[one.name]
    with st.container(gap="xsmall"):
        value = read(one, draft.start[one.name], draft.key(one.name), disabled=busy)
        refused = trouble(one, value)
        if refused:
            st.markdown(f":red[{plain(refused)}]")
        st.caption(plain(one.words))
        st.caption(plain(limits(one, file, below)))
        if value != file and not busy:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _back(one, draft, below)
    return value, not refused


def _back(one: Field, draft: Draft, below: str) -> None:
    """A way back to the value below the saved one; like every change it holds only when it is saved."""
    file = draft.file[one.name]
    if draft.in_use[one.name] != file:
        st.badge("Differs from the file" if below == PARAMS_FILE else f"Differs from {below}", color="blue")
    if st.button(f"Back to {one.text(file)}", type="tertiary", key=f"back-{draft.key(one.name)}"):
        draft.put(one.name, file)
        st.rerun()
