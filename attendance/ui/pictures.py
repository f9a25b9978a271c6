"""Pictures of a person on a page: gathered from the camera or from files, judged at once, shown as crops with verdicts.

Shared by Register and People. What is gathered is kept in the session alone until the page saves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from attendance.api.running import Busy
from attendance.errors import AttendanceError
from attendance.services.enrol import NamedPicture
from attendance.ui.messages import sentence_for
from attendance.ui.picture_words import fault
from attendance.ui.queued import TOO_BUSY, in_turn
from attendance.ui.resources import application
from attendance.ui.text import plain, unseen

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attendance.services.enrol import Judgement

CAMERA, FILES = "Camera", "Files"
TYPES = ["jpg", "jpeg", "png", "webp", "heic", "heif"]
PICTURE_MB = 20  # as ATTEND_MAX_IMAGE_BYTES allows by default; larger ones would be refused after the upload


@dataclass
class Gathered:
    """The pictures of one form, in the order of arrival.

    Attributes:
        judged: by upload id.
        dropped: upload ids that the operator took out again; the input may still hold them.
    """

    judged: dict[str, Judgement] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)

    @property
    def good(self) -> list[Judgement]:
        """Those that can be used."""
        return [one for one in self.judged.values() if one.ok]

    def drop(self, key: str) -> None:
        """Take one out."""
        self.judged.pop(key, None)
        self.dropped.add(key)


def from_camera(key: str) -> list[UploadedFile]:
    """The camera; what it took last, or nothing."""
    photo = st.camera_input("Camera", resolution="720p", label_visibility="collapsed", key=key)
    return [photo] if photo is not None else []


def from_files(key: str, *, several: bool = True) -> list[UploadedFile]:
    """Files that were chosen or dropped."""
    label = "JPEG, PNG, WebP or HEIC" + (", several at once" if several else "")
    if several:
        return st.file_uploader(label, type=TYPES, accept_multiple_files=True, key=key, max_upload_size=PICTURE_MB)
    one = st.file_uploader(label, type=TYPES, key=key, max_upload_size=PICTURE_MB)
    return [one] if one is not None else []


def judge_new(gathered: Gathered, uploads: Sequence[UploadedFile]) -> int:
    """Judge the uploads that have not been judged yet; how many there were.

    A store or a model that is away is told on the page, and the picture is judged again with the next run.
    """
    new = [one for one in uploads if one.file_id not in gathered.judged and one.file_id not in gathered.dropped]
    for upload in new:
        try:
            with st.spinner("Looking at the picture"):
                picture = NamedPicture(upload.name, upload.getvalue())
                gathered.judged[upload.file_id] = in_turn(application().enrol.judge, picture)
        except AttendanceError as error:
            st.error(plain(sentence_for(error)))
        except Busy:
            st.error(TOO_BUSY)
    return len(new)


def crop_of(judgement: Judgement) -> NDArray[np.uint8] | None:
    """The face that was found, with some surroundings, or the whole picture without one; uint8 RGB (240, 240, 3).

    None where the bytes are no picture that can be read.
    """
    capture = judgement.capture
    box = capture.face.box if capture is not None and capture.face is not None else None
    try:
        return application().preview(judgement.picture.data, box)
    except AttendanceError:
        return None


def verdict(judgement: Judgement) -> None:
    """Draw whether the picture can be used and, where it cannot, what to do."""
    if judgement.ok:
        st.badge("Good", color="green")
        return
    st.badge(fault(judgement.error) if judgement.error else "Not used", color="orange")
    st.caption(plain(sentence_for(judgement.error) if judgement.error else judgement.sentence))


def judged_crop(judgement: Judgement, title: str) -> None:
    """Draw one crop with its title (plain text) and verdict."""
    crop = crop_of(judgement)
    if crop is not None:
        st.image(crop, alt=title, width="stretch")
    st.markdown(f"**{plain(title)}**")
    verdict(judgement)


def judged_crops(gathered: Gathered, key: str) -> bool:
    """Draw all crops with verdicts, each with a button to take it out; True where one was (run the page again)."""
    if not gathered.judged:
        return False
    grid = st.grid(4, min_column_width=150)
    taken_out = None
    for number, (upload_id, one) in enumerate(gathered.judged.items(), start=1):
        with grid.container(border=True):
            judged_crop(one, f"Picture {number}")
            if st.button(f"Leave out {unseen(f'picture {number}')}", key=f"{key}-drop-{upload_id}", width="stretch"):
                taken_out = upload_id
    if taken_out is not None:
        gathered.drop(taken_out)
    return taken_out is not None
