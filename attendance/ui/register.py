"""Register a person: name, pictures that are judged at once, a look-alike to decide about, then save."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import AttendanceError, LookAlikeError
from attendance.services.enrol import NamedPicture
from attendance.ui.messages import sentence_for
from attendance.ui.resources import application, follow_model_change
from attendance.ui.text import plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attendance.services.enrol import Judgement

WANTED = 4  # pictures: front, a little left, a little right, other light
POSES = ("Look straight at the camera", "Turn a little to your left", "Turn a little to your right", "Change the light")
CAMERA, FILES = "Camera", "Files"
OPERATOR = "page"  # there is no sign-in yet, so the audit names the door


@dataclass
class Draft:
    """What this session has gathered; nothing of it is stored before "Register"."""

    judged: dict[str, Judgement] = field(default_factory=dict)  # by upload id, in the order of arrival
    dropped: set[str] = field(default_factory=set)  # upload ids that the operator took out again
    look_alike: LookAlikeError | None = None
    saved: str | None = None
    number: int = 0  # counts drafts, so that the inputs of the next one start empty


def register_page() -> None:
    """The page."""
    with suppress(AttendanceError):  # a store that is away is told where something is asked of it
        follow_model_change()
    draft: Draft = st.session_state.setdefault("draft", Draft())
    st.title("Register a person")
    if draft.saved:
        st.success(draft.saved)
        draft.saved = None
    name = st.text_input("Name", key=f"name-{draft.number}", max_chars=200)
    with st.container(horizontal=True):
        staff_number = st.text_input("Staff number (optional)", key=f"number-{draft.number}", max_chars=200)
        group = st.text_input("Group (optional)", key=f"group-{draft.number}", max_chars=200)
    _gather(draft)
    good = [one for one in draft.judged.values() if one.ok]
    _crops(draft)
    if draft.look_alike is not None:
        _compare(draft, name, staff_number, group, good)
        return
    label = f"Register {plain(name)}" if name.strip() else "Register"
    ready = bool(name.strip() and good)
    if st.button(label, type="primary", disabled=not ready, key="register"):
        _save(draft, name, staff_number, group, good, overruled_by=None)
    if not ready:
        st.caption("Give a name and at least one picture to go on.")
    elif len(good) < WANTED:
        st.caption(f"{len(good)} of {WANTED} pictures. More pictures make the recognition surer.")


def _gather(draft: Draft) -> None:
    how = st.segmented_control("Pictures", [CAMERA, FILES], default=CAMERA, required=True)
    uploads: list[UploadedFile] = []
    if how == CAMERA:
        step = min(len([one for one in draft.judged.values() if one.ok]), WANTED - 1)
        st.subheader(POSES[step], anchor=False)
        photo = st.camera_input(
            "Camera", resolution="720p", label_visibility="collapsed", key=f"register-camera-{draft.number}"
        )
        uploads = [photo] if photo is not None else []
    else:
        uploads = st.file_uploader(
            "JPEG, PNG, WebP or HEIC, several at once",
            type=["jpg", "jpeg", "png", "webp", "heic", "heif"],
            accept_multiple_files=True,
            key=f"register-files-{draft.number}",
        )
    new = [one for one in uploads if one.file_id not in draft.judged and one.file_id not in draft.dropped]
    for upload in new:
        _judge(draft, upload)
    if new and how == CAMERA:
        st.rerun()  # the next pose's words stand above the camera


def _judge(draft: Draft, upload: UploadedFile) -> None:
    picture = NamedPicture(upload.name, upload.getvalue())
    try:
        with st.spinner("Looking at the picture"):
            draft.judged[upload.file_id] = application().enrol.judge(picture)
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))


def _crops(draft: Draft) -> None:
    if not draft.judged:
        return
    grid = st.grid(4, min_column_width=150)
    for number, (key, one) in enumerate(list(draft.judged.items()), start=1):
        with grid.container(border=True):
            if one.capture is not None:
                box = one.capture.face.box if one.capture.face else None
                st.image(application().preview(one.picture.data, box), alt=f"Picture {number}", width="stretch")
            if one.ok:
                st.badge("Good", color="green")
            else:
                st.badge("Not used", color="orange")
                st.caption(plain(sentence_for(one.error) if one.error else one.sentence))
            if st.button("Remove", key=f"drop-{key}", width="stretch"):
                del draft.judged[key]
                draft.dropped.add(key)
                draft.look_alike = None
                st.rerun()


def _compare(draft: Draft, name: str, staff_number: str, group: str, good: list[Judgement]) -> None:
    """Two pictures side by side, and the operator's decision."""
    found = draft.look_alike
    if found is None:
        return
    with st.container(border=True):
        st.warning(plain(sentence_for(found)))
        new, stored = st.columns(2)
        with new:
            box = good[0].capture.face.box if good and good[0].capture and good[0].capture.face else None
            if good:
                st.image(
                    application().preview(good[0].picture.data, box), caption=f"New: {plain(name)}", alt="The new picture"
                )
        with stored:
            references = application().people.pictures(found.person_id)
            if references:
                st.image(
                    application().preview(application().store.picture(references[0].reference_id), None),
                    caption=f"On file: {plain(found.name)}",
                    alt="The stored picture",
                )
        with st.container(horizontal=True):
            if st.button("Different people: register", key="overrule"):
                _save(draft, name, staff_number, group, good, overruled_by=OPERATOR)
            if st.button("Same person: don't register", key="give-up"):
                st.session_state["draft"] = Draft(number=draft.number + 1)
                st.rerun()


def _save(
    draft: Draft, name: str, staff_number: str, group: str, good: list[Judgement], *, overruled_by: str | None
) -> None:
    try:
        with st.spinner("Saving"):
            enrolment = application().enrol.enrol(
                name,
                [one.picture for one in good],
                external_id=staff_number or None,
                group=group or None,
                overruled_by=overruled_by,
                actor=OPERATOR,
            )
    except LookAlikeError as error:
        draft.look_alike = error
        st.rerun()
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    pictures = f"{enrolment.pictures} picture{'s' if enrolment.pictures != 1 else ''}"
    saved = f"{plain(enrolment.person.name)} is registered with {pictures}. Try it now under Check in."
    st.session_state["draft"] = Draft(saved=saved, number=draft.number + 1)
    st.rerun()
