"""The card beside the settings: what would change, what that would have done, why, and the save."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from attendance.api.running import running
from attendance.domain.model import RecognitionOptions
from attendance.errors import AttendanceError, ConflictError
from attendance.params import over
from attendance.services.changeover import State, Wish, pictures_left, seconds_a_picture
from attendance.services.choices import MAX_WHY
from attendance.services.effect import Trial, effect_of, sentences
from attendance.ui import operator, settings_job
from attendance.ui.messages import sentence_for
from attendance.ui.settings_fields import NEEDS_TEMPLATES, every_field
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.bootstrap import Application
    from attendance.services.changeover import Changeover
    from attendance.services.choices import Chosen, Value
    from attendance.ui.settings_draft import Draft

SAVED = "Saved. Used from the next attempt on."


def review(parts: Application, chosen: Chosen, draft: Draft, edits: dict[str, Value], wrong: list[str]) -> None:
    """The card while nothing is at work."""
    st.subheader("Your change" if len(edits) < 2 else "Your changes", anchor=False)
    if chosen.version != draft.version:
        _told_of_conflict(parts, chosen, draft, edits)
        return
    if draft.said and not edits:
        st.success(draft.said)
    if wrong:
        st.warning(f"{plain(', '.join(wrong))}: this value can't be saved.")
        return
    if not edits:
        st.caption("Change a value to see what it would have done to the last attempts.")
        return
    draft.said = ""
    _list(draft, edits)
    model_id = _model_id(parts, draft, edits)
    switches = model_id != parts.model.model_id
    _effect(parts, edits, model_id if switches else None)
    why = st.text_input(
        "Why this change",
        placeholder="For the record, e.g. fewer false matches",
        max_chars=MAX_WHY,
        key=f"settings-why-{draft.number}",
    )
    st.caption("Kept for ever with your name; please name nobody else.")
    with st.container(horizontal=True):
        save = st.button(_label(edits, switches=switches), type="primary", key="settings-save")
        if st.button(_keep_label(draft, edits), key="settings-keep"):
            draft.refill(chosen)
            st.rerun()
    if save:
        _save(parts, chosen, draft, edits, why, model_id if switches else None)


def _list(draft: Draft, edits: dict[str, Value]) -> None:
    fields = every_field()
    lines = []
    for name, value in edits.items():
        one = fields[name]
        before, after = plain(one.text(draft.in_use[name])), plain(one.text(value))
        lines.append(f"{plain(one.label)}: {before} → **{after}**")
    st.markdown("  \n".join(lines))


def _effect(parts: Application, edits: dict[str, Value], new_model: str | None) -> None:
    said: list[str] = []
    if new_model is not None:
        said = [*_work_ahead(parts, new_model), "The effect can't be told before new templates are made."]
        trial = Trial(cooldown_s=_number(edits.get("policy.cooldown_s")))
    else:
        trial = Trial(
            threshold=_number(edits.get(f"thresholds.{parts.model.family}")),
            min_confidence=_number(edits.get("recognition.min_confidence")),
            cooldown_s=_number(edits.get("policy.cooldown_s")),
        )
    if trial != Trial():
        said += sentences(effect_of(parts.store, parts.model.model_id, trial), trial)
    if "policy.agreeing_frames" in edits:
        said.append("What more or fewer pictures would have done can't be told: one of each attempt is stored.")
    if "policy.kiosk_mode" in edits:
        said.append("What people would have done with the other way to check in can't be told.")
    st.info("  \n".join(plain(one) for one in said))


def _work_ahead(parts: Application, model_id: str) -> list[str]:
    """How many pictures need new templates, and about how long that takes."""
    left = pictures_left(parts.store, model_id)
    if not left:
        return ["All stored pictures have these templates already."]
    measured: dict[str, float | None] = st.session_state.setdefault("settings-measured", {})
    if model_id not in measured:
        with st.spinner("Measuring on the first pictures"):
            measured[model_id] = seconds_a_picture(parts.store, parts.engine, model_id)
    took = measured[model_id]
    about = f", which takes about {duration(took * left)}" if took is not None else ""
    pictures = "1 picture needs a new template" if left == 1 else f"{left:,} pictures need new templates"
    return [f"{pictures}{about}. Check-ins go on meanwhile with the old ones."]


def _save(
    parts: Application, chosen: Chosen, draft: Draft, edits: dict[str, Value], why: str, new_model: str | None
) -> None:
    values = {name: value for name, value in {**chosen.values, **edits}.items() if value != draft.file[name]}
    actor = operator.who() or "page"
    try:
        if new_model is not None:
            settings_job.begin(parts, Wish(values, new_model, draft.version, actor, why))
        else:
            saved = parts.choices.save(values, expected_version=draft.version, actor=actor, why=why)
            draft.refill(saved)
            draft.said = SAVED
            running().follow(at_once=True)
    except ConflictError:
        st.rerun()  # what the other operator saved is told at the top of the card
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    st.rerun()


def _told_of_conflict(parts: Application, chosen: Chosen, draft: Draft, edits: dict[str, Value]) -> None:
    """Another operator saved since this page was filled; nobody's values are overwritten unseen."""
    if not edits:
        draft.refill(chosen)
        st.rerun()
    fields = every_field()
    changes = [one for one in parts.choices.history() if one.version > draft.version]
    by = changes[0].actor if changes else "Another operator"
    said = "; ".join(f"{fields[one.name].label}: {fields[one.name].text(one.after)}" for one in changes)
    st.warning(plain(f"{by} saved meanwhile: {said}. Look at it before you save."))
    with st.container(horizontal=True):
        if st.button("Go on with my changes", key="settings-rebase"):
            draft.refill(chosen, edits)
            st.rerun()
        if st.button("Drop my changes", key="settings-drop"):
            draft.refill(chosen)
            st.rerun()


def work(job: Changeover, draft: Draft) -> None:
    """The card while new templates are made, and when that has ended."""
    st.subheader("New templates", anchor=False)
    if job.state is State.WORKING:
        _progress(job)
        return
    parts = running().application()
    chosen = parts.choices.current()
    if job.state is State.SAVED:
        failed = f" {job.failed} pictures can't be used with these options." if job.failed else ""
        draft.refill(chosen)
        draft.said = SAVED + failed
        settings_job.put_away()
        running().follow(at_once=True)
        st.rerun()
    elif job.state is State.STOPPED:
        st.info(f"Stopped after {job.done:,} of {job.total:,} pictures. Nothing was saved; it goes on from there.")
    elif isinstance(job.error, ConflictError):
        st.warning("Another operator saved meanwhile. Nothing of yours was saved. Look at it before you save.")
    elif job.error is not None:
        st.error(plain(sentence_for(job.error)))
    if st.button("Go on", key="settings-job-seen"):
        settings_job.put_away()
        st.rerun()


@st.fragment(run_every=1)
def _progress(job: Changeover) -> None:
    if job.state is not State.WORKING:
        st.rerun()
    left = job.left_s
    soon = f", about {duration(left)} left" if left is not None else ""
    st.progress(job.done / max(job.total, 1), text=f"{job.done:,} of {job.total:,} pictures{soon}")
    st.caption("Check-ins go on with the old templates. You may leave this page; nothing is saved before all are made.")
    if st.button("Stop", key="settings-stop"):
        job.stop()


def duration(seconds: float) -> str:
    """``8 s``, ``3 min``, ``2 h``: rounded up, since an estimate that is kept is better than one that is not."""
    if seconds < 60:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 5_400 else f"{math.ceil(seconds / 3_600)} h"


def _model_id(parts: Application, draft: Draft, edits: dict[str, Value]) -> str:
    """The model id that these values make."""
    if not NEEDS_TEMPLATES & edits.keys():
        return parts.model.model_id
    params = over(parts.base, {**draft.in_use, **edits})
    return parts.catalogue.info(parts.family, RecognitionOptions(**params.recognition.model_dump())).model_id


def _label(edits: dict[str, Value], *, switches: bool) -> str:
    if switches:
        return "Make new templates, then save"
    if len(edits) > 1:
        return f"Save {len(edits)} changes"
    ((name, value),) = edits.items()
    return f"Save {_short(name, value)}"


def _keep_label(draft: Draft, edits: dict[str, Value]) -> str:
    if len(edits) > 1:
        return "Keep it as it is"
    (name,) = edits
    return f"Keep {_short(name, draft.in_use[name])}"


def _short(name: str, value: Value) -> str:
    one = every_field()[name]
    text = one.text(value)
    return plain(text.lower() if isinstance(value, bool) else f"“{text}”" if isinstance(value, str) else text)


def _number(value: Value | None) -> float | None:
    return None if value is None else float(value)
