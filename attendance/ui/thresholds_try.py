"""The card of the page Thresholds: try another threshold, see what it would change, take it over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from attendance.api.running import running
from attendance.errors import AttendanceError, ConflictError
from attendance.params import flat
from attendance.services.choices import MAX_WHY
from attendance.services.effect import Trial, effect_of, sentences
from attendance.services.suggestions import changes, suggestions
from attendance.services.wording import share
from attendance.ui import operator
from attendance.ui.messages import sentence_for
from attendance.ui.settings_fields import threshold as threshold_field
from attendance.ui.settings_fields import trouble
from attendance.ui.text import plain

if TYPE_CHECKING:
    from attendance.bootstrap import Application
    from attendance.services.choices import Value
    from attendance.services.error_report import ErrorReport

TARGETS = (0.01, 0.001, 0.0001)
TRIED, TARGET, WHY, SAID = "thresholds-tried", "thresholds-target", "thresholds-why", "thresholds-said"
DIGITS = 3


def target_now() -> float:
    """The FPIR that the operator wants."""
    chosen = st.session_state.get(TARGET)
    return chosen if chosen in TARGETS else 0.001


def tried_now(parts: Application) -> float | None:
    """The threshold in the input, where it can be used and is another one than that in use."""
    value = st.session_state.get(TRIED)
    if not isinstance(value, float) or _same(value, parts.model.threshold):
        return None
    return None if trouble(threshold_field(parts.model.family), round(value, DIGITS)) else round(value, DIGITS)


def card(parts: Application, report: ErrorReport, other: ErrorReport | None) -> None:
    """Draw it.

    Args:
        parts: of the server.
        report: at the threshold in use.
        other: at the one in the input, where that is another one.
    """
    st.subheader("Try a threshold", anchor=False)
    _told(parts)
    field = threshold_field(parts.model.family)
    st.session_state.setdefault(TRIED, float(report.threshold))
    value = st.number_input(field.label, step=0.01, format=f"%.{DIGITS}f", key=TRIED)
    refused = trouble(field, round(value, DIGITS))
    if refused:
        st.markdown(f":red[{plain(refused)}]")
    st.caption(plain(field.words))
    unsaid = _suggestions(report)
    if other is not None:
        _change(parts, report, other)
    elif not refused:
        st.caption("Type another one, or take a suggestion, to see what it would change.")
    for line in unsaid:
        st.caption(plain(line))


def _suggestions(report: ErrorReport) -> list[str]:
    """What can be said as a button; gives sentences on what can't be."""
    st.segmented_control("Strangers named, at most", TARGETS, default=0.001, required=True, format_func=share, key=TARGET)
    unsaid = []
    for number, one in enumerate(suggestions(report)):
        if one.threshold is None:
            named = one.sentence.startswith("Which threshold")  # says itself what it is about
            unsaid.append(one.sentence if named else f"{one.purpose}: {one.sentence[:1].lower()}{one.sentence[1:]}")
            continue
        st.button(
            f"{one.purpose}: {one.threshold:g}",
            key=f"thresholds-suggestion-{number}",
            on_click=_take,
            args=(one.threshold, one.why),
            width="stretch",
        )
    return unsaid


def _take(threshold: float, why: str) -> None:
    """A callback: the input and the reason are filled before the page is drawn."""
    st.session_state[TRIED] = float(threshold)
    st.session_state[WHY] = why[:MAX_WHY]


def _change(parts: Application, report: ErrorReport, other: ErrorReport) -> None:
    st.markdown(f"**{report.threshold:g} → {other.threshold:g}**")
    rows = changes(report, other)
    lines = [f"| {plain(one.name)} | {plain(one.now)} | **{plain(one.then)}** ({_whole(one.between)}) |" for one in rows]
    st.markdown("| | Now | Then (95 %) |\n| --- | --- | --- |\n" + "\n".join(lines))
    if other.target is not None and other.target.growth:
        growth = re.sub(r"^The present threshold, (\S+),", r"\1", other.target.growth)  # it is not the present one
        (st.warning if other.target.warning else st.caption)(plain(growth))
    trial = Trial(threshold=other.threshold)
    st.info("  \n".join(plain(one) for one in sentences(effect_of(parts.store, parts.model.model_id, trial), trial)))
    why = st.text_input("Why this change", placeholder="For the record", max_chars=MAX_WHY, key=WHY)
    st.caption("Kept for ever with your name; please name nobody else.")
    with st.container(horizontal=True):
        if st.button(f"Use {other.threshold:g}", type="primary", key="thresholds-use"):
            _save(parts, other.threshold, why)
        st.button(f"Keep {report.threshold:g}", key="thresholds-keep", on_click=_take, args=(report.threshold, ""))


def _save(parts: Application, threshold: float, why: str) -> None:
    before = parts.model.threshold
    try:
        _choose(parts, threshold, why)
    except ConflictError:
        st.session_state[SAID] = ("Another operator saved meanwhile, so nothing was changed. Look at it again.", None)
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    else:
        st.session_state[SAID] = (f"{threshold:g} is used from the next attempt on.", before)
    st.rerun()


def _choose(parts: Application, threshold: float, why: str) -> None:
    """Save this threshold and leave every other setting as it is; it holds in this process at once.

    Raises:
        AttendanceError: it was not saved; ConflictError where the operator has not seen what is saved by now.
    """
    name, file = f"thresholds.{parts.model.family}", flat(parts.base)
    seen = parts.chosen
    values: dict[str, Value] = {key: value for key, value in {**seen.values, name: threshold}.items() if value != file[key]}
    parts.choices.save(values, expected_version=seen.version, actor=operator.who() or "page", why=why)
    running().follow(at_once=True)


def _told(parts: Application) -> None:
    """What the last save did, with the way back."""
    sentence, before = st.session_state.get(SAID, ("", None))
    if not sentence:
        return
    if before is None:
        st.warning(plain(sentence))
        st.session_state.pop(SAID)
        return
    st.success(plain(sentence))
    if st.button(f"Go back to {before:g}", key="thresholds-undo"):
        st.session_state.pop(TRIED, None)
        _save(parts, before, f"back from {parts.model.threshold:g}")


def _whole(text: str) -> str:
    """On one line: an interval is not broken in the middle."""
    return plain(text).replace(" ", "\N{NO-BREAK SPACE}")


def _same(one: float, other: float) -> bool:
    return round(one, DIGITS) == round(other, DIGITS)
