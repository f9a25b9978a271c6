"""The last step: everything once more, then it is saved; and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import (
    AttendanceError,
    DifferentPeopleError,
    DuplicatePictureError,
    LookAlikeError,
    NameRefusedError,
    PersonExistsError,
)
from attendance.services.clock import now_utc
from attendance.services.wording import day_text
from attendance.ui.links import check_in_link, person_link
from attendance.ui.messages import sentence_for
from attendance.ui.operator import who
from attendance.ui.queued import TOO_BUSY
from attendance.ui.register_draft import PICTURES, WANTED, WHO, Done, Draft
from attendance.ui.register_look import KEPT_HERE, look_at_waiting
from attendance.ui.register_look_alike import CROP_PX, decision
from attendance.ui.register_pictures import KEPT, LESS_SURE, show_crop, verdict
from attendance.ui.register_saving import Details, more_pictures, new_person
from attendance.ui.register_who import WIDTH_PX
from attendance.ui.resources import application
from attendance.ui.text import counted, plain

if TYPE_CHECKING:
    from attendance.ui.register_saving import Saving

WATCH_EVERY_S = 0.1
AGREED = "This person agreed to be recognised"


def check_step(draft: Draft) -> None:
    """Draw the step, and the saving while it runs."""
    if draft.saving is None and look_at_waiting(draft) is None and not draft.ready:
        draft.step = PICTURES  # what was found out about the pictures does not hold any more
        st.rerun()
    _summary(draft)
    st.caption(KEPT)
    if draft.trouble:
        st.error(f"{plain(draft.trouble)} {KEPT_HERE}")
    at_work = draft.saving is not None
    with st.container(horizontal=True, horizontal_alignment="distribute", key="register-foot"):
        if st.button("Back", disabled=at_work, key="register-back"):
            draft.step, draft.trouble = PICTURES, ""
            st.rerun()
        st.button(
            plain(_label(draft)), type="primary", disabled=at_work, key="register-save", on_click=_begin, args=(draft,)
        )
    if draft.saving is not None:
        _watch(draft, draft.saving)


def _label(draft: Draft) -> str:
    if draft.target is None:
        return f"Register {draft.name.strip()}"
    more = "It is this person: add" if draft.insists else "Add"
    return f"{more} {counted(len(draft.usable), 'picture', 'pictures')} to {draft.target.name}"


def _summary(draft: Draft) -> None:
    left, right = st.columns([5, 7], gap="medium")
    with left:
        if draft.target is None:
            _fact("Name", draft.name)
            _fact("Staff number", draft.staff_number.strip() or "None")
            _fact("Group", draft.group or "None")
        else:
            _fact("Added to", draft.target.name)
            if draft.target.external_id:
                _fact("Staff number", draft.target.external_id)
        usable = len(draft.usable)
        _fact("Pictures", f"{usable} of {WANTED}")
        if usable < WANTED and draft.target is None:
            st.caption(LESS_SURE)
        if draft.target is not None:
            st.caption(f"{plain(draft.name)} is not registered as another person.")
        elif decision(draft):
            st.markdown(decision(draft))
        if draft.target is None:
            draft.agreed = st.checkbox(AGREED, value=draft.agreed, key=_agreed_key(draft))
    with right:
        grid = st.grid(4, min_column_width=120)
        for place in draft.usable:
            with grid.container(border=True, key=f"register-shown-{place}", gap="xsmall"):
                show_crop(draft.taken[place], place)
                verdict(draft, place, draft.taken[place])


def _agreed_key(draft: Draft) -> str:
    return f"register-agreed-{draft.number}"


def _fact(name: str, value: str) -> None:
    with st.container(gap=None, key=f"register-fact-{name.lower().replace(' ', '-')}"):
        st.caption(name)
        st.markdown(f"**{plain(value)}**")


def _begin(draft: Draft) -> None:
    """Start saving, once: a second click finds that it is at work, or done."""
    if draft.saving is not None or draft.done is not None:
        return
    draft.trouble = ""
    # This runs before the page does: a tick that came together with the press is not in the draft yet.
    draft.agreed = bool(st.session_state.get(_agreed_key(draft), draft.agreed))
    judged, actor = list(draft.usable.values()), who() or "operator"
    try:
        parts = application()
        if parts.model.model_id != draft.model_id:
            draft.step = PICTURES  # where the pictures are looked at with the model that decides now
        elif draft.target is not None:
            sure = actor if draft.insists else None
            draft.saving = more_pictures(parts, judged, draft.target.person_id, overruled_by=sure, actor=actor)
        else:
            details = Details(draft.name, draft.staff_number, draft.group, _consent(draft, actor))
            draft.saving = new_person(parts, judged, details, others=frozenset(draft.others), actor=actor)
    except AttendanceError as error:
        draft.trouble = sentence_for(error)


def _consent(draft: Draft, actor: str) -> str | None:
    day = now_utc().astimezone(application().zone).date()
    return f"Agreed; noted by {actor} on {day_text(day)}" if draft.agreed else None


def _watch(draft: Draft, saving: Saving) -> None:
    """Show how far it is, and take over how it ended."""
    bar = st.progress(0.0, "Saving")
    while not saving.wait(WATCH_EVERY_S):
        of = counted(saving.total, "picture", "pictures")
        bar.progress(saving.done / max(saving.total, 1), f"Saving: {saving.done} of {of}")
    stored, draft.saving = saving.enrolment, None
    if stored is None:
        _failed(draft, saving.error)
    else:
        crop = draft.taken[next(iter(draft.usable))].crop
        draft.done = Done(stored.person, stored.pictures, crop, is_new=draft.target is None)
        draft.taken.clear()
    st.rerun()


def _failed(draft: Draft, error: AttendanceError | None) -> None:
    """Go back to the step where something can be done about it, or say why it can only be tried again."""
    if isinstance(error, LookAlikeError) and draft.target is not None:
        draft.insists = True
        draft.trouble = f"A picture is nearer to {error.name} than to {draft.target.name}. Add it only where you are sure."
    elif isinstance(error, PersonExistsError | NameRefusedError):
        draft.step = WHO  # which says whose it is
    elif isinstance(error, LookAlikeError | DuplicatePictureError | DifferentPeopleError) and draft.target is None:
        draft.step = PICTURES
        draft.forget_judgements()
    else:
        draft.trouble = TOO_BUSY if error is None else sentence_for(error)


def done_step(draft: Draft, done: Done) -> None:
    """Draw what was stored, and what to do next."""
    name, pictures = plain(done.person.name), counted(done.pictures, "picture", "pictures")
    were = "was" if done.pictures == 1 else "were"
    words = f"{name} is registered with {pictures}." if done.is_new else f"{pictures} {were} added to {name}."
    st.success(words, width=WIDTH_PX)
    if done.crop is not None:
        st.image(done.crop, alt=f"The first picture of {done.person.name}", width=CROP_PX)
    if done.person.reference_count < WANTED:
        st.caption("Recognition is surer with four pictures. More can be added under People.")
    with st.container(horizontal=True, vertical_alignment="center", key="register-then"):
        check_in_link("Try it now")
        person_link(f"Open {name}", done.person.person_id)
        if st.button("Register another", key="register-another"):
            st.session_state["draft"] = Draft(number=draft.number + 1)
            st.rerun()
