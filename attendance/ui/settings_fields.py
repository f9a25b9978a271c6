"""The settings an operator may change: what each is called, what it does in words, and how its value is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import SettingsError
from attendance.faces.catalogue import TITLES
from attendance.params import checked, range_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.services.choices import Value


NONE = "\N{EN DASH}"  # where there is no value


@dataclass(frozen=True, slots=True)
class Field:
    """One setting.

    Attributes:
        name: dotted, as in ``services.choices.NAMES``.
        label: over the input.
        words: what it does, and what more and less of it costs.
        step: of the buttons beside a number.
        digits: after the decimal point.
        unit: behind the value in sentences.
        options: of a choice, by value; empty for numbers and switches.
    """

    name: str
    label: str
    words: str
    step: float = 0.01
    digits: int = 2
    unit: str = ""
    options: Mapping[Value, str] = field(default_factory=dict)

    def text(self, value: Value | None) -> str:
        """The value as it is read: ``0.86``, ``60 s``, ``On``, ``Look at the camera``."""
        if value is None:
            return NONE
        if value in self.options and not isinstance(value, bool):
            return self.options[value]
        if isinstance(value, bool):
            return "On" if value else "Off"
        if isinstance(value, str):
            return value
        # As many digits as a value needs where the file has more of them: what is shown is what decides.
        shown = f"{value:,.{self.digits}f}" if round(value, self.digits) == value else f"{value:g}"
        return f"{shown} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that are read together; ``key`` is their card's part of a CSS class."""

    key: str
    title: str
    words: str
    fields: tuple[Field, ...]


CONFIDENCE = Field(
    "recognition.min_confidence",
    "Least confidence of a face",
    "What the detector is less sure of is not taken for a face. Higher ignores posters and patterns; too high misses faces "
    "in poor light.",
)
COMPARED = Group(
    "compared",
    "How a face is compared",
    "A change here needs new templates of all stored pictures. They are made first; check-ins go on meanwhile.",
    (
        Field(
            "recognition.margin_ratio",
            "Margin around the face",
            "Share of the crop that lies around the face's box. The networks were trained with about 0.20.",
        ),
        Field(
            "recognition.use_alignment",
            "Turn faces upright",
            "By eyes, nose and mouth, before they are compared. Off, tilted heads are recognised less often.",
        ),
        Field(
            "recognition.use_prewhitening",
            "Even out the light",
            "Each face is brought to the same brightness and contrast. May help where the light changes much; elsewhere it "
            "costs accuracy.",
        ),
        Field(
            "recognition.use_tta_flip",
            "Compare the mirror image as well",
            "Fewer people have to try again; each recognition takes a second pass through the network.",
        ),
    ),
)
DOOR = Group(
    "door",
    "At the door",
    "",
    (
        Field(
            "policy.kiosk_mode",
            "How people check in",
            "By face, everybody is searched (1:N). By name, one person is compared (1:1): surer, and slower at the door.",
            options={"face": "Look at the camera", "name": "Give a name first"},
        ),
        Field(
            "policy.agreeing_frames",
            "Pictures that must agree",
            "So many pictures of one face have to give the same answer. More is surer, and takes a moment longer.",
            digits=0,
            options={3: "3", 4: "4", 5: "5"},
        ),
        Field(
            "policy.cooldown_s",
            "Pause between check-ins, seconds",
            "Within this time the same person is told “already checked in” and nothing new is recorded.",
            step=10,
            digits=0,
            unit="s",
        ),
    ),
)
NEEDS_TEMPLATES = frozenset(one.name for one in COMPARED.fields)


def groups(family: str) -> tuple[Group, ...]:
    """All settings as they stand on the page; of the thresholds only that of the model in use."""
    return (Group("decision", "The decision", "", (threshold(family), CONFIDENCE)), COMPARED, DOOR)


def threshold(family: str) -> Field:
    """The threshold of ``facenet`` or ``dlib``."""
    return Field(
        f"thresholds.{family}",
        f"Threshold ({TITLES[family]})",
        "Distance (L2) at or below which two faces count as one person. Lower is stricter: fewer strangers pass, and more "
        "people have to try again.",
    )


def every_field() -> dict[str, Field]:
    """By dotted name, those of the other model included."""
    shown = [one for group in groups("facenet") for one in group.fields]
    return {one.name: one for one in (*shown, threshold("dlib"))}


def limits(one: Field, file: Value, below: str) -> str:
    """Between what a value has to lie, and what holds where nothing is saved; ``below`` says what that is called."""
    found = range_of(one.name)
    between = f"From {one.text(found.low)} to {one.text(found.high)}. " if found and not one.options else ""
    return f"{between}In {below}: {one.text(file)}."


def read(one: Field, start: Value, key: str, *, disabled: bool) -> Value:
    """Draw the input and give its value."""
    if one.options:
        options = list(one.options)
        chosen: Value = st.segmented_control(
            one.label, options, default=start, required=True, format_func=one.text, key=key, disabled=disabled
        )
        return chosen
    if isinstance(start, bool):
        return st.toggle(one.label, value=start, key=key, disabled=disabled)
    # Without limits of its own: the input would refuse without a word what the sentence below it explains.
    number = st.number_input(
        one.label, value=float(start), step=float(one.step), format=f"%.{one.digits}f", key=key, disabled=disabled
    )
    return start if number == float(start) else round(number, one.digits)


def trouble(one: Field, value: Value) -> str:
    """Why a value cannot be saved, in one sentence; empty where it can."""
    try:
        checked({one.name: value})
    except SettingsError as error:
        return str(error)
    return ""
