"""What is said of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.services.wording import share
from attendance.ui.text import counted

if TYPE_CHECKING:
    from attendance.versions.history import Version


def count_words(one: Version) -> str:
    """How much it holds."""
    people = one.people if one.people is not None else one.counts.get("people")
    pictures = one.pictures if one.pictures is not None else one.counts.get("pictures")
    parts = []
    if people is not None and pictures is not None:
        parts = [counted(people, "person", "people"), counted(pictures, "picture", "pictures")]
    if "attendance" in one.counts:
        parts.append(counted(one.counts["attendance"], "check-in", "check-ins"))
    size = f"{one.size_bytes / 1e6:,.1f} MB" if one.size_bytes >= 1e5 else f"{one.size_bytes / 1e3:,.1f} KB"
    return f"{', '.join(parts)} ({size})." if parts else f"{size}."


def change_words(one: Version) -> str:
    """What is different from the version before."""
    if one.lost:
        return "Its files are neither here nor on the remote: they were erased, or never pushed. It can't be brought back."
    if one.first:
        return "The first version."
    change = one.change
    if change is None:
        return "What changed can't be said: this machine has not got both versions."
    kinds = (
        ("added", change.people_added, change.pictures_added),
        ("changed", change.people_changed, change.pictures_changed),
        ("removed", change.people_removed, change.pictures_removed),
    )
    parts = []
    for word, people, pictures in kinds:
        counts = [counted(people, "person", "people")] if people else []
        counts += [counted(pictures, "picture", "pictures")] if pictures else []
        parts += [f"{' and '.join(counts)} {word}"] if counts else []
    told = ", ".join(parts)
    return f"{told[:1].upper()}{told[1:]}." if told else "The same people and pictures; records or settings changed."


def rate_words(one: Version) -> str:
    """The error rates that were measured with it."""
    if "fmr" not in one.rates or "fnmr" not in one.rates:
        return "Error rates were not measured."
    rates = one.rates
    told = f"FMR {share(rates['fmr'])}, FNMR {share(rates['fnmr'])}"
    if "threshold" in rates:
        told += f" at threshold {rates['threshold']:g}"
    if "eer" in rates:
        told += f"; EER {share(rates['eer'])}"
    return f"{told}."
