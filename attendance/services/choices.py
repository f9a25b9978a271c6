"""What operators choose in the office, kept in the store over params.yaml: the same in every process, and after a restart.

One entry of the store holds all of it and is replaced whole, and only by somebody who has seen the version that is there.
The audit says who changed what and why; each of its entries names the one that it was built upon, so the history holds the
changes that were really made, and none that failed half-way.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attendance.errors import ConflictError, SettingsError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from attendance.domain.model import Kept
    from attendance.services.clock import Clock
    from attendance.store.base import Store

Value = bool | int | float | str

KIND, KEY = "settings", "saved"
SWITCH = "switch"  # key of the entry that says which model the saved settings still have to let decide
ACTION = "save-settings"
MAX_WHY = 200  # characters

# What may be saved: the values of params.yaml that an operator can judge by their effect. The others change what a stored
# picture is worth, or what the detector costs, and stay with whoever runs the machine.
NAMES = (
    "thresholds.facenet",
    "thresholds.dlib",
    "recognition.min_confidence",
    "recognition.margin_ratio",
    "recognition.use_alignment",
    "recognition.use_prewhitening",
    "recognition.use_tta_flip",
    "policy.cooldown_s",
    "policy.kiosk_mode",
    "policy.agreeing_frames",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is saved at one moment.

    Attributes:
        values: by dotted name, such as ``thresholds.dlib``; what is not in it has params.yaml's value.
        version: one more with each change; 0 where nothing was ever saved.
        change: names the entry of the audit that made this version; empty where nothing was saved.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    version: int = 0
    change: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an operator changed.

    Attributes:
        before: the value that held until then, params.yaml's where none was saved; None where that is not known.
        after: the value from then on; params.yaml's of that time where the operator went back to it.
        why: as the operator put it; may be empty.
    """

    at_utc: datetime
    actor: str
    name: str
    before: Value | None
    after: Value | None
    why: str
    version: int


class Choices:
    """The saved settings. Several processes and threads may use one store.

    Args:
        store: where they are kept.
        clock: for the audit.
        file: params.yaml's values by dotted name, so that the audit can say from what to what.
        check: brings values to their types and refuses those outside their range, as ``attendance.params.checked`` does.
        key: of the entry. What has nothing to do with decisions has one of its own: a change of it rebuilds nothing.
        names: what may be saved in it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock = now_utc,
        *,
        file: Mapping[str, Value] | None = None,
        check: Callable[[Mapping[str, Value]], Mapping[str, Value]] = dict,
        key: str = KEY,
        names: Sequence[str] = NAMES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._file = dict(file or {})
        self._check = check
        self._key, self._names = key, tuple(names)

    def current(self) -> Chosen:
        """What is saved now; one cheap question to the store.

        Raises:
            StoreUnavailableError: the store is away.
        """
        return _chosen(self._store.kept(KIND, self._key))

    def save(
        self,
        values: Mapping[str, Value],
        *,
        expected_version: int,
        actor: str,
        why: str = "",
        switches_to: str | None = None,
    ) -> Chosen:
        """Let these values hold from now on, in every process; durable before this returns.

        Args:
            values: all that are to be saved, by dotted name; what is left out goes back to params.yaml's value.
            expected_version: of what the operator has seen.
            actor: who it is, for the audit.
            why: in the operator's words, at most ``MAX_WHY`` characters; kept for ever.
            switches_to: the model id that these values make, where it has to decide from now on. The caller activates it
                next; where it is killed before that, ``finish_switch`` does, at the next start.

        Raises:
            SettingsError: a name that cannot be saved, or a value outside its range.
            ConflictError: somebody else saved meanwhile; nothing was changed.
            StoreUnavailableError: it may or may not have been saved; ``current`` tells.
        """
        unknown = sorted(set(values) - set(self._names))
        if unknown:
            raise SettingsError(f"{unknown[0]} cannot be saved; it stays in params.yaml.", name=unknown[0])
        wanted = dict(self._check(values))
        before = self.current()
        if before.version != expected_version:
            raise ConflictError(f"Version {before.version} of the settings is saved by now, not {expected_version}.")
        changes = self._changes(before.values, wanted)
        if not changes:
            return before
        change = uuid.uuid4().hex
        if switches_to is not None:
            self._store.keep(KIND, SWITCH, {"change": change, "model_id": switches_to})
        details = {
            "version": before.version + 1,
            "change": change,
            "upon": before.change,
            "changes": changes,
            "why": " ".join(why.split())[:MAX_WHY],
        }
        # Pairs rather than a mapping: a dotted name is no field name in every database.
        entry = {"values": [{"name": name, "value": wanted[name]} for name in sorted(wanted)], "change": change}
        with recorded(self._store, self._clock, actor, ACTION, details):
            kept = self._store.keep(KIND, self._key, entry, version=expected_version)
        return _chosen(kept)

    def finish_switch(self) -> str | None:
        """Let the model decide that belongs to the saved values, where a kill came between saving them and activating it.

        Returns:
            the model id that was activated, or None where there was nothing to finish.

        Raises:
            StoreUnavailableError: the store is away.
        """
        pending = self._store.kept(KIND, SWITCH)
        if pending is None or pending.value["change"] != self.current().change:
            return None  # none, or one whose values were never saved
        model_id = str(pending.value["model_id"])
        self._store.activate_model(model_id)
        self._store.forget(KIND, SWITCH)
        return model_id

    def history(self) -> list[Change]:
        """Every change that was made, the latest first.

        Raises:
            StoreUnavailableError: the store is away.
        """
        change: Any = self.current().change
        if not change:
            return []
        entries = {e.details.get("change"): e for e in self._store.audit() if e.action == ACTION}
        found: list[Change] = []
        while (entry := entries.pop(change, None)) is not None:
            details = entry.details
            found += [
                Change(entry.at_utc, entry.actor, c["name"], c["from"], c["to"], details["why"], details["version"])
                for c in details["changes"]
            ]
            change = details["upon"]
        return found

    def _changes(self, before: Mapping[str, Value], after: Mapping[str, Value]) -> list[dict[str, Value | None]]:
        """From what to what, in the order of NAMES. A value equal to the file's, saved or not, is a change too: the file
        may change, what was saved does not."""
        return [
            {"name": name, "from": before.get(name, self._file.get(name)), "to": after.get(name, self._file.get(name))}
            for name in self._names
            if before.get(name) != after.get(name)
        ]


def _chosen(kept: Kept | None) -> Chosen:
    if kept is None:
        return Chosen()
    values = {pair["name"]: pair["value"] for pair in kept.value["values"]}
    return Chosen(values, kept.version, str(kept.value["change"]))
