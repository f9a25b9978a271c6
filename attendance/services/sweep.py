"""Values to try: ``threshold=0.4,0.5 use_tta_flip=true,false`` as all combinations of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from attendance.domain.model import RecognitionOptions
from attendance.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Value = float | int | bool

NAMES = ("threshold", "ambiguity_ratio", *RecognitionOptions.__slots__)
MOST = 1000  # combinations; more are a slip of the keyboard


def parse(words: Sequence[str]) -> dict[str, list[Value]]:
    """Name to values, of words such as ``threshold=0.4,0.5``; each name once.

    Raises:
        SettingsError: a name that cannot be tried, or a value that is neither a number nor ``true`` or ``false``.
    """
    tried: dict[str, list[Value]] = {}
    for word in words:
        name, _, values = word.partition("=")
        if name not in NAMES:
            raise SettingsError(
                f"{word!r} can't be tried; what can is {', '.join(NAMES)}, each as name=value,value.", name=name
            )
        if name in tried:
            raise SettingsError(f"{name} is given twice; write its values apart by commas.", name=name)
        tried[name] = list(dict.fromkeys(_value(name, text.strip()) for text in values.split(",")))
    return tried


def combinations(tried: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Every combination, the last name changing first; one without values where nothing is tried.

    Raises:
        SettingsError: there are too many.
    """
    total = 1
    for values in tried.values():
        total *= len(values)
    if total > MOST:
        raise SettingsError(f"These are {total:,} combinations; {MOST:,} are the most.", name="sweep")
    return [dict(zip(tried, chosen, strict=True)) for chosen in itertools.product(*tried.values())]


def dotted(values: Mapping[str, Value], family: str) -> dict[str, Value]:
    """The values by the names that params.yaml has for them."""
    groups = {"threshold": f"thresholds.{family}", "ambiguity_ratio": "policy.ambiguity_ratio"}
    return {groups.get(name, f"recognition.{name}"): value for name, value in values.items()}


def _value(name: str, text: str) -> Value:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {text!r} is neither a number nor true or false.", name=name) from error
