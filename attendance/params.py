"""params.yaml with the saved settings over it: the values that decide, the range of each, and what to say outside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from attendance.errors import SettingsError
from attendance.services.choices import NAMES
from attendance.settings import Params

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.services.choices import Value


@dataclass(frozen=True, slots=True)
class Range:
    """Between which numbers a value has to lie; each end may itself be allowed or not."""

    low: float
    high: float
    low_allowed: bool = True
    high_allowed: bool = True

    def sentence(self, digits: int = 2) -> str:
        """What to tell somebody whose number lies outside."""
        low, high = f"{self.low:,.{digits}f}", f"{self.high:,.{digits}f}"
        if self.low_allowed and self.high_allowed:
            return f"Must be between {low} and {high}."
        first = f"at least {low}" if self.low_allowed else f"more than {low}"
        return f"Must be {first} and {'at most' if self.high_allowed else 'less than'} {high}."


def over(params: Params, values: Mapping[str, Value]) -> Params:
    """``params`` with these values, by dotted name, in the place of its own.

    Raises:
        SettingsError: a value is outside its range, or not of its kind; the sentence says what it must be.
    """
    merged: dict[str, Any] = params.model_dump()
    for name, value in values.items():
        group, _, field = name.partition(".")
        merged.setdefault(group, {})[field] = value
    try:
        return Params.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        limits = range_of(name)
        raise SettingsError(limits.sentence(_digits(limits)) if limits else f"{first['msg']}.", name=name) from None


def decided_by(file: Params, saved: Mapping[str, Value]) -> Params:
    """params.yaml with the saved values over it. A saved value that cannot be used is never left out: it may be the
    stricter one.

    Raises:
        SettingsError: such a value, which another version of the app may have saved.
    """
    try:
        return over(file, saved)
    except SettingsError as error:
        message = f"The saved setting {error.name} can't be used. {error} The Status page takes the saved settings back."
        raise SettingsError(message, name=error.name) from error


def checked(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values in their own types: 60 seconds are 60.0.

    Raises:
        SettingsError: as ``over``.
    """
    complete = flat(over(Params(), values))
    return {name: complete[name] for name in values}


def flat(params: Params) -> dict[str, Value]:
    """The values that may be saved, by dotted name."""
    return {name: _value(params, name) for name in NAMES}


def range_of(name: str) -> Range | None:
    """The range of a number; None for what is no number."""
    group, _, field = name.partition(".")
    kind = Params.model_fields[group].annotation
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return None
    ends: dict[str, float] = {}
    for constraint in kind.model_fields[field].metadata:
        for word in ("ge", "gt", "le", "lt"):
            if getattr(constraint, word, None) is not None:
                ends[word] = float(getattr(constraint, word))
    if not ends.keys() & {"ge", "gt"} or not ends.keys() & {"le", "lt"}:
        return None
    low, high = ends.get("ge", ends.get("gt", 0.0)), ends.get("le", ends.get("lt", 0.0))
    return Range(low, high, "ge" in ends, "le" in ends)


def _value(params: Params, name: str) -> Value:
    group, _, field = name.partition(".")
    value: Value = getattr(getattr(params, group), field)
    return value


def _digits(limits: Range) -> int:
    """Whole numbers for what is counted or lasts long, hundredths for shares and distances."""
    return 0 if limits.high >= 5 else 2
