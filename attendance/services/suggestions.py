"""Thresholds that a calibration suggests, each with its reason; and what another threshold would change, in rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.services.wording import distance, share

if TYPE_CHECKING:
    from attendance.domain.resampling import Rate
    from attendance.services.error_report import ErrorReport


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A threshold for a purpose.

    Attributes:
        purpose: what it is for, a few words.
        threshold: L2 distance in thousandths, rounded down; None where the data can't say it.
        sentence: what is known, or why it can't be said.
        why: for the record, where it is taken over; empty where it can't be.
    """

    purpose: str
    threshold: float | None
    sentence: str
    why: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One rate at two thresholds, as text; ``between`` is the 95 % interval at the second."""

    name: str
    now: str
    then: str
    between: str


def suggestions(report: ErrorReport) -> list[Suggestion]:
    """The target first, since it is what an operator answers for; then the equal error rate and FNMR at each FMR."""
    found: list[Suggestion] = []
    target, searched = report.target, report.identification
    if target is not None and searched is not None:
        purpose = f"Strangers named: at most {share(target.fpir)}"
        why = f"FPIR at most {share(target.fpir)} at {searched.people} people"
        met = None if target.threshold is None else _floor(target.threshold)
        found.append(Suggestion(purpose, met, target.sentence, why if met else ""))
    equal = report.equal
    said = f"Misses and false matches are equal at {distance(equal.threshold)}: {share(equal.rate)} each."
    found.append(Suggestion("Equal error rate", _floor(equal.threshold), said, f"equal error rate, {share(equal.rate)}"))
    for one in report.at_fmr:
        met = None if one.threshold is None or one.threshold <= 0 else _floor(one.threshold)
        found.append(
            Suggestion(
                f"FMR at most {share(one.fmr)}",
                met,
                one.sentence,
                f"FMR at most {share(one.fmr)} of single comparisons" if met else "",
            )
        )
    return found


def changes(now: ErrorReport, then: ErrorReport) -> list[Changed]:
    """Every rate at the threshold in use and at another one."""
    rows = [
        _row("False matches", now.fmr, then.fmr),
        _row("False non-matches", now.fnmr, then.fnmr),
    ]
    one, other = now.identification, then.identification
    if one is not None and other is not None:
        rows.append(_row("Strangers named", one.fpir, other.fpir))
        if one.fnir is not None and other.fnir is not None:
            rows.append(_row("People not named", one.fnir, other.fnir))
    return rows


def between(rate: Rate) -> str:
    """``0 % to 6.44 %``."""
    return f"{share(rate.low)} to {share(rate.high)}"


def _row(name: str, now: Rate, then: Rate) -> Changed:
    return Changed(name, share(now.rate), share(then.rate), between(then))


def _floor(threshold: float) -> float:
    """To a thousandth below, so that it keeps what was promised; at most 2, which is the largest that can be set."""
    return min(math.floor(threshold * 1000 + 1e-6) / 1000, 2.0)
