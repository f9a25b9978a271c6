"""The way with a button: one picture of Streamlit's own camera input is one attempt, however often the page runs.

The attempt's id is made from the photo's, so that a second run of the script, a double click or an answer that was lost asks
for the same attempt again. The recognition waits in the engine's queue, not in the script's thread alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import streamlit as st

from attendance.api.kiosk_wire import screen_for
from attendance.api.running import Busy, running
from attendance.errors import AttendanceError
from attendance.services.live_words import NAME
from attendance.ui import operator, panel

if TYPE_CHECKING:
    from attendance.bootstrap import Application

ANSWER = "snapshot_answer"  # to the last picture; shown until the next one
SETTLED = "snapshot_settled"  # the photo that has its answer
TRIES = "snapshot_tries"
CLAIM = "snapshot_claim"  # whom the person claims to be; None looks for anybody


def snapshot() -> dict[str, Any] | None:
    """Draw the camera, and answer a new picture; the answer to the last one, or None before the first."""
    with st.container(key="snapshot"):
        picture = st.camera_input("Camera picture", resolution="720p", label_visibility="collapsed", key="snapshot_camera")
    kept: dict[str, Any] | None = st.session_state.get(ANSWER)
    if picture is None or picture.file_id == st.session_state.get(SETTLED):
        return kept
    claimed: str | None = st.session_state.get(CLAIM)
    attempt_id = hashlib.sha256(f"{picture.file_id}\n{claimed or ''}".encode()).hexdigest()[:32]
    answer = _answer(picture.getvalue(), attempt_id, claimed)
    if answer["state"] not in {"away", "busy", "starting", "model-away"}:
        st.session_state[SETTLED] = picture.file_id  # else the next run tries the same picture again
    tries = st.session_state[TRIES] = st.session_state.get(TRIES, 0) + 1
    answer["id"] = f"{attempt_id} {tries}"
    st.session_state[ANSWER] = answer
    return answer


def claim_from(value: object) -> None:
    """Take over whom the person named; nothing, or something that is no name, means anybody."""
    claimed = value.get("value") if isinstance(value, dict) else None
    st.session_state[CLAIM] = claimed[:200] if isinstance(claimed, str) and claimed.strip() else None


def _answer(picture: bytes, attempt_id: str, claimed: str | None) -> dict[str, Any]:
    if not operator.may_check_in():
        return panel.away()
    here = running()
    try:
        here.follow()
        application = here.application()
        if application.live.policy.mode == "name" and claimed is None:
            return panel.away(NAME)
        return asyncio.run(here.check_in(_attempt, application, picture, attempt_id, claimed, operator.device()))
    except Busy:
        return panel.busy()
    except AttendanceError as error:
        return panel.away(screen_for(error))


def _attempt(
    application: Application, picture: bytes, attempt_id: str, claimed: str | None, device: str | None
) -> dict[str, Any]:
    """In a thread of the engine."""
    result = application.checkin.attempt(picture, claimed=claimed, attempt_id=attempt_id, source="page", device=device)
    return panel.answer_of(result.attempt, application.zone)
