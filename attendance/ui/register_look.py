"""Looking at the pictures of a draft: each by itself as it comes, then all of them together."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from attendance.api.running import Busy
from attendance.errors import AttendanceError, DifferentPeopleError, DuplicatePictureError
from attendance.services.enrol import Judgement, NamedPicture
from attendance.ui.messages import sentence_for
from attendance.ui.pictures import crop_of
from attendance.ui.queued import TOO_BUSY, in_turn
from attendance.ui.register_draft import WANTED, Taken
from attendance.ui.resources import application
from attendance.ui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attendance.ui.register_draft import Draft

KEPT_HERE = "Nothing you gave is lost."


def take(draft: Draft, uploads: Sequence[UploadedFile], *, from_camera: bool) -> None:
    """Put new uploads into places and judge each."""
    new = [one for one in uploads if one.file_id not in draft.seen]
    for number, upload in enumerate(new, start=1):
        words = "Looking at the picture" if len(new) == 1 else f"Looking at picture {number} of {len(new)}"
        with st.spinner(words):
            _take_one(draft, upload, from_camera=from_camera)


def _take_one(draft: Draft, upload: UploadedFile, *, from_camera: bool) -> None:
    draft.seen.add(upload.file_id)
    place = draft.now
    if place is None:
        draft.left_over += 1
        return
    picture = NamedPicture(f"Picture {place + 1}", upload.getvalue())
    draft.put(place, Taken(picture, "" if from_camera else upload.name))
    look_at_waiting(draft)


def look_at_waiting(draft: Draft) -> str | None:
    """Judge what has not been judged, and everything together where it has changed.

    Returns:
        Why that could not be done now, for people; None where all is judged.
    """
    try:
        _follow_model(draft)
        for one in draft.taken.values():
            if one.judgement is None:
                one.judgement, one.crop = in_turn(_look, one.picture)
        _refuse_doubles(draft)
        _compare(draft)
    except AttendanceError as error:
        return sentence_for(error)
    except Busy:
        return TOO_BUSY
    return None


def _follow_model(draft: Draft) -> None:
    """Embeddings of two models must never meet."""
    model_id = application().model.model_id
    if draft.model_id != model_id:
        draft.model_id = model_id
        draft.forget_judgements()


def _look(picture: NamedPicture) -> tuple[Judgement, bytes | None]:
    """In a thread of the engine."""
    judgement = application().enrol.judge(picture)
    crop = crop_of(judgement)
    if crop is None:
        return judgement, None
    out = io.BytesIO()
    Image.fromarray(crop).save(out, "JPEG", quality=88)
    return judgement, out.getvalue()


def _refuse_doubles(draft: Draft) -> None:
    """The same picture counts once."""
    first: dict[str, int] = {}
    for place in range(WANTED):
        one = draft.taken.get(place)
        if one is None or one.judgement is None or not one.judgement.ok:
            continue
        before = first.setdefault(one.judgement.sha256, place)
        if before != place:
            told = DuplicatePictureError(
                f"This is the same picture as picture {before + 1}.", sha256=one.judgement.sha256, label=one.picture.label
            )
            one.judgement = Judgement(one.picture, one.judgement.sha256, one.judgement.capture, told)


def _compare(draft: Draft) -> None:
    """All usable pictures with each other, and with everybody who is registered."""
    good = draft.judged_good
    shown = tuple(one.sha256 for one in good.values())
    if not good or shown == draft.checked:
        return
    draft.look_again()
    fitting = dict(good)
    while fitting:
        try:
            draft.resembling = application().enrol.check(list(fitting.values()))
        except DifferentPeopleError as error:
            odd = next(place for place, one in fitting.items() if one.label == error.label)
            draft.odd[odd] = error
            del fitting[odd]
        else:
            break
    draft.checked = shown


def told(draft: Draft) -> bool:
    """Judge what waits, and say where that cannot be done now; whether it could."""
    trouble = look_at_waiting(draft)
    if trouble is None:
        return True
    st.error(f"{plain(trouble)} {KEPT_HERE}")
    st.button("Try again", key="register-look-again")
    return False
