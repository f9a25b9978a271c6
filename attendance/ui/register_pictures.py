"""The second step: four pictures, each in its own place with its crop, a verdict and what to do."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import DuplicatePictureError
from attendance.ui.messages import sentence_for
from attendance.ui.people_quality import Grade, in_words
from attendance.ui.picture_words import fault
from attendance.ui.pictures import CAMERA, FILES, from_camera, from_files
from attendance.ui.register_draft import CHECK, POSES, WANTED, WHO
from attendance.ui.register_look import take, told
from attendance.ui.register_look_alike import look_alike
from attendance.ui.register_who import who_line
from attendance.ui.text import counted, plain, unseen

if TYPE_CHECKING:
    from attendance.ui.register_draft import Draft, Taken

KEPT = "Pictures are kept for check-in, with the templates made from them. They can be removed at any time under People."
LEFT = {1: "One picture to go.", 2: "Two pictures to go.", 3: "Three pictures to go."}
LESS_SURE = "You can go on, but recognition is less sure with fewer than four."


def pictures_step(draft: Draft) -> None:
    """Draw the step."""
    who_line(draft)
    left, right = st.columns([7, 5], gap="medium")
    with left:
        how = _gather(draft)
        judged = told(draft)
        st.caption(KEPT)
    with right:
        _places(draft, "Retake" if how == CAMERA else "Replace")
    if judged:
        look_alike(draft)
    _foot(draft)


def _gather(draft: Draft) -> str:
    """The camera or the files, for the place that is next."""
    how = st.segmented_control(
        "Where the pictures come from",
        [CAMERA, FILES],
        default=CAMERA,
        required=True,
        key="register-how",
        label_visibility="collapsed",
    )
    place = draft.now
    key = f"register-{how}-{draft.number}-{draft.turn}".lower()
    if place is None:
        st.subheader("All four pictures are there", anchor=False)
        st.caption("Go on below, or take one of them again.")
        return how
    if how == CAMERA:
        st.subheader(POSES[place].headline, anchor=False)
        st.caption(POSES[place].help)
        with st.container(key="register-camera"):
            uploads = from_camera(key)
    else:
        st.subheader(f"Choose picture {place + 1}" if draft.retaking is not None else "Choose up to four", anchor=False)
        st.caption("From the front, turned a little left, a little right, and in other light. Only this person in each.")
        uploads = from_files(key)
    take(draft, uploads, from_camera=how == CAMERA)
    if uploads:  # also those of a run that another press ended before it came this far
        draft.turn += 1  # an empty input for the next one
        st.rerun()
    if draft.left_over:
        words = "file was" if draft.left_over == 1 else "files were"
        st.caption(f"{draft.left_over} more {words} left out: there are four places.")
    return how


def _places(draft: Draft, again: str) -> None:
    now = draft.now
    grid = st.grid(2, min_column_width=140)
    for place, pose in enumerate(POSES):
        is_now = place == now
        with grid.container(border=True, key=f"register-place-{place}{'-now' if is_now else ''}", gap="xsmall"):
            one = draft.taken.get(place)
            if one is None:
                show_none("Now" if is_now else "Still to come")
                st.markdown(f"**{place + 1} {pose.title}**")
                if is_now:
                    st.caption(pose.help)
            else:
                show_crop(one, place)
                verdict(draft, place, one)
                _buttons(draft, place, again)


def show_none(words: str) -> None:
    """A place without a picture; ``words`` are the page's own."""
    st.html(f'<div class="register-none">{words}</div>')


def show_crop(one: Taken, place: int) -> None:
    """The crop with its title; where the picture came from a file, with the file's name."""
    title = POSES[place].title if not one.file_name else f"Picture {place + 1}"
    if one.crop is None:
        show_none("Can't be shown")
    else:
        # As part of the page, so that it is there at once and never in the way of the guard.
        source = "data:image/jpeg;base64," + base64.b64encode(one.crop).decode()
        st.html(f'<img class="register-crop" src="{source}" alt="Picture {place + 1}">')
    st.markdown(f"**{place + 1} {title}**" if not one.file_name else f"**{title}**")
    if one.file_name:
        st.caption(plain(shortened(one.file_name)))


def shortened(name: str, most: int = 20) -> str:
    """A file's name, its middle left out where it is long."""
    return name if len(name) <= most else f"{name[: most - 11]}…{name[-10:]}"


def verdict(draft: Draft, place: int, one: Taken) -> None:
    """Whether this picture can be used, in a word, and what to do in a line."""
    if one.judgement is None:
        st.badge("Not looked at yet", color="gray")
        return
    error = draft.odd.get(place) or one.judgement.error
    if error is None:
        capture = one.judgement.capture
        words = in_words(capture.quality.as_dict() if capture is not None and capture.quality is not None else None)
        if words.grade is Grade.FAIR:
            st.badge("Fair", color="orange")
            st.caption(words.advice)
        else:
            st.badge("Good", icon=":material/check:", color="green")
        return
    st.badge(fault(error), icon=":material/priority_high:", color="orange")
    if place in draft.odd:
        others = [p + 1 for p in draft.usable]
        like = f"picture {others[0]}" if len(others) == 1 else "the other pictures"
        st.caption(f"This does not look like the person in {like}. Take it again, or remove it.")
    else:
        st.caption(plain(str(error) if isinstance(error, DuplicatePictureError) else sentence_for(error)))


def _buttons(draft: Draft, place: int, again: str) -> None:
    which = unseen(f"picture {place + 1}")
    with st.container(horizontal=True, gap="xsmall"):
        if draft.retaking == place:
            st.caption("The next picture replaces it.")
        elif st.button(f"{again} {which}", type="tertiary", key=f"register-again-{place}"):
            draft.retaking = place
            st.rerun()
        if st.button(f"Remove {which}", type="tertiary", key=f"register-remove-{place}"):
            draft.remove(place)
            st.rerun()


def _foot(draft: Draft) -> None:
    """Back, how far it is, and on."""
    with st.container(horizontal=True, vertical_alignment="center", key="register-foot"):
        if st.button("Back", key="register-back"):
            draft.step = WHO
            st.rerun()
        with st.container(width="stretch", key="register-how-far"):
            st.caption(_how_far(draft), text_alignment="right")
        if st.button("Next: check and save", type="primary", disabled=not draft.ready, key="register-next"):
            draft.step = CHECK
            st.rerun()


def _how_far(draft: Draft) -> str:
    usable = len(draft.usable)
    if draft.odd:
        return "One picture shows somebody else. Take it again, or remove it."
    if draft.undecided is not None:
        return "Decide about the look-alike to go on."
    if usable == 0:
        return "Add four pictures to go on."
    if usable < WANTED:
        return f"{counted(usable, 'picture', 'pictures')}. {LEFT[WANTED - usable]} {LESS_SURE}"
    return "Four pictures."
