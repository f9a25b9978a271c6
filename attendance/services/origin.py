"""Where a value that decides came from: saved by an operator, a registered recogniser, params.yaml, or built in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.services.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from attendance.services.choices import Change, Chosen, Value
    from attendance.services.kept_recogniser import KeptRecogniser

PARAMS_FILE = "params.yaml"
BUILT_IN = "the built-in values"
# What a recogniser brings with it; everything else stays params.yaml's matter (bootstrap/office.py).
_ITS_OWN = ("recognition.", "thresholds.", "policy.ambiguity_ratio")


@dataclass(frozen=True)
class Origins:
    """Of all values of one application.

    Attributes:
        chosen: what operators saved.
        changes: how it came to be so, the latest first.
        base: the values below the saved ones, by dotted name.
        recogniser: the registered one, or None.
        model: the URI or folder that names it.
        file: whether there is a params.yaml.
        zone: of the site, for the times.
    """

    chosen: Chosen
    changes: Sequence[Change]
    base: Mapping[str, Value]
    recogniser: KeptRecogniser | None
    model: str
    file: bool
    zone: tzinfo | None

    def below(self, name: str) -> str:
        """What holds where nothing is saved: ``params.yaml``, ``version 3 of models:/face-recogniser@champion``, ..."""
        kept = self.recogniser
        if kept is not None and name.startswith(_ITS_OWN) and not self._other_family(name):
            return f"version {kept.number} of {self.model}" if kept.number else self.model
        return PARAMS_FILE if self.file else BUILT_IN

    def of(self, name: str) -> str:
        """Such as ``saved by Olof on 2 Mar 2026, 09:02; params.yaml has 0.53``, or ``from params.yaml``."""
        below = self.below(name)
        if name not in self.chosen.values:
            return f"from {below}"
        change = next((one for one in self.changes if one.name == name), None)
        by = "" if change is None else f" by {change.actor} on {moment_text(change.at_utc, self.zone)}"
        value = self.base.get(name)
        has = f"{value:g}" if isinstance(value, float) else str(value)
        return f"saved{by}; {below} {'have' if below == BUILT_IN else 'has'} {has}"

    def _other_family(self, name: str) -> bool:
        """The threshold of the network that the recogniser does not have."""
        kept = self.recogniser
        return kept is not None and name.startswith("thresholds.") and name != f"thresholds.{kept.recogniser.family}"
