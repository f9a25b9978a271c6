"""What one session shows of the settings and has changed; nothing of it holds before it is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.services.choices import Chosen, Value

_KEY = "settings-draft"


@dataclass
class Draft:
    """The inputs of one session.

    Attributes:
        file: params.yaml's values, by dotted name.
        version: of the saved settings that the operator has seen.
        in_use: the values that hold as of that version.
        start: what the inputs begin with.
        number: counts fillings, so that new inputs begin with ``start``.
        said: what to say after a save.
    """

    file: Mapping[str, Value]
    version: int
    in_use: dict[str, Value] = field(default_factory=dict)
    start: dict[str, Value] = field(default_factory=dict)
    number: int = 0
    said: str = ""

    def key(self, name: str) -> str:
        """Of the input of this setting."""
        return f"{name}#{self.number}"

    def refill(self, chosen: Chosen, edits: Mapping[str, Value] | None = None) -> None:
        """Show what is saved by now, with the operator's own ``edits`` over it where they are kept."""
        self.version = chosen.version
        self.in_use = {**self.file, **chosen.values}
        self.start = {**self.in_use, **(edits or {})}
        self.number += 1

    def put(self, name: str, value: Value) -> None:
        """Fill one input anew and leave what was typed into the others."""
        typed = {other: st.session_state.get(self.key(other)) for other in self.start}
        self.start |= {other: found for other, found in typed.items() if found is not None}
        self.start[name] = value
        self.number += 1


def draft_of(file: Mapping[str, Value], chosen: Chosen) -> Draft:
    """This session's, filled at the first visit."""
    draft: Draft | None = st.session_state.get(_KEY)
    if draft is None:
        draft = Draft(file, chosen.version)
        draft.refill(chosen)
        st.session_state[_KEY] = draft
    return draft
