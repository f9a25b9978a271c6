"""The description of a measurement's run: which threshold to use and why, then the rates of each, as Markdown.

What a reader of a list of runs asks first stands in the first line; MLflow's page folds what comes after a few.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attendance.domain.resampling import PER_UNIT
from attendance.services.suggestions import between, suggestions
from attendance.services.wording import distance, many, number, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.resampling import Rate
    from attendance.services.error_report import ErrorReport

_MOST = 40  # combinations; the text is a tag, which has room for 8,000 characters
_FOOT = """
FMR: of comparisons of two people, taken for one. FNMR: of comparisons of one person, taken for two. In brackets the 95 %
interval, drawn by person. `report.html` among the artifacts has the curves and what else was measured.
"""


def note(reports: Sequence[ErrorReport], comparison: str | None = None) -> str:
    """Markdown for one report, or for the combinations of a sweep over the same pictures.

    Args:
        reports: at least one.
        comparison: the link to a page that shows the combinations side by side.
    """
    first = reports[0]
    data = first.data
    measured = f"Measured on {many(data.people, 'person', 'people')}, {many(data.pictures, 'picture')}.\n"
    return (_of_sweep(reports, comparison) if len(reports) > 1 else _of_one(first)) + "\n" + measured + _FOOT


def answer(reports: Sequence[ErrorReport]) -> str:
    """The first line of the note alone, with what it was measured on: for those who have not opened a run yet."""
    data = reports[0].data
    advice, _, _ = note(reports).partition("\n")
    return f"{advice} Measured on {many(data.people, 'person', 'people')}, {many(data.pictures, 'picture')}:"


def _of_one(report: ErrorReport) -> str:
    """The threshold in use beside those that are suggested, each with its rates."""
    found = [one for one in suggestions(report) if one.threshold is not None]
    wanted = found[0] if found and found[0].purpose.startswith("Strangers named") else None
    if wanted is not None and wanted.threshold is not None:
        advice = (
            f"**Use {distance(wanted.threshold)}**, the loosest with an {wanted.why}; {report.threshold:g} was measured."
        )
    else:
        advice = _best_guess(report)
    rows = [("measured", f"{report.threshold:g}", _with_interval(report.fmr), _with_interval(report.fnmr))]
    suggested = [(one.purpose, one.threshold) for one in found if one.threshold is not None]
    rows += [(purpose, distance(at), *_on_curves(report, at)) for purpose, at in suggested]
    return f"{advice}\n\n{_table(('', 'threshold', 'FMR', 'FNMR'), rows)}"


def advised(report: ErrorReport) -> float:
    """The threshold in the first line of one report's note, to the thousandth that it shows."""
    wanted = report.target.threshold if report.target is not None else None
    if wanted is None and _nothing_to_gain(report):
        return report.threshold
    return float(distance(wanted or _clean(report) or report.equal.threshold))


def _best_guess(report: ErrorReport) -> str:
    """Where the target cannot be said: the one in use, where no search went wrong with it; else the equal error rate's
    threshold, unless it took somebody for somebody else; then, as for a sweep, the loosest that did not."""
    said = report.target.sentence if report.target is not None else "Nobody was searched for, so no FPIR is known."
    at, rate = distance(report.equal.threshold), share(report.equal.rate)
    if _nothing_to_gain(report):
        return (
            f"**Keep {report.threshold:g}**: it found everybody and named nobody wrong, so a looser one gains nothing here, "
            f"and strangers of whom there is no picture may be nearer. {said}"
        )
    clean = _clean(report)
    if clean is None:
        return f"**{at} is the best guess so far**: misses and false matches are equal there, {rate} each. {said}"
    return (
        f"**{distance(clean)} is the best guess so far**: the loosest at which nobody was taken for somebody else, with an "
        f"FNMR of {_on_curves(report, clean)[1]}. Misses and false matches are equal, {rate} each, at {at}, which is too "
        f"loose for searches. {said}"
    )


def _nothing_to_gain(report: ErrorReport) -> bool:
    """Whether no search went wrong at the threshold in use, and it is no looser than what would be guessed without it."""
    searched = report.identification
    if searched is None or searched.fnir is None or searched.fnir.errors or searched.fpir.errors or report.fmr.errors:
        return False
    return report.threshold <= (_clean(report) or report.equal.threshold)


def _clean(report: ErrorReport) -> float | None:
    """The loosest threshold that took nobody for somebody else, where that is tighter than the equal error rate's."""
    curves = report.curves
    clean = max((t for t, fmr in zip(curves.thresholds, curves.fmr, strict=True) if not fmr), default=0.0)
    clean = min(clean, report.target.free) if report.target is not None else clean
    return clean if 0 < clean < report.equal.threshold else None


def _of_sweep(reports: Sequence[ErrorReport], comparison: str | None) -> str:
    """Each combination, strictest first, the one to use in bold."""
    best, why = recommended(reports)
    varied = [name for name in swept(reports) if name != "threshold"]
    rows = []
    ordered = sorted(reports, key=lambda one: (one.threshold, *(str(one.parameters()[name]) for name in varied)))
    for one in ordered[:_MOST]:
        searched = one.identification
        fpir = share(searched.fpir.rate) if searched else ""
        values = (str(one.parameters()[name]) for name in varied)
        cells = [f"{one.threshold:g}", *values, _with_interval(one.fmr), _with_interval(one.fnmr), fpir, share(one.frr)]
        rows.append([f"**{cell}**" if cell else "" for cell in cells] if one is best else cells)
    more = f"\n{len(ordered) - _MOST} more are in the list of runs.\n" if len(ordered) > _MOST else ""
    if best is None:
        advice = f"**None of these can be recommended.** {why}"
    else:
        also = "".join(f", {name} {best.parameters()[name]}" for name in varied)
        advice = f"**Use threshold {best.threshold:g}{also}.** {why}"
    seen = f" [See them side by side]({comparison})." if comparison else ""
    return f"{advice}{seen}\n\n{_table(('threshold', *varied, 'FMR', 'FNMR', 'FPIR', 'FRR'), rows)}{more}"


def swept(reports: Sequence[ErrorReport]) -> list[str]:
    """The parameters in which the combinations differ, without the model's id, which follows from the others."""
    first = reports[0].parameters()
    return [name for name in first if name != "model_id" and len({str(one.parameters()[name]) for one in reports}) > 1]


def recommended(reports: Sequence[ErrorReport]) -> tuple[ErrorReport | None, str]:
    """Of a sweep the combination to use, or None, with why.

    The promise to strangers comes first: what keeps the FPIR that is wanted, or, where the pictures are too few to say
    that, what took no two people for one. Of these the one that turns away the fewest; of equal ones the strictest.
    """
    kept = [one for one in reports if one.target and one.target.threshold and one.threshold <= one.target.threshold + 1e-9]
    can_say = any(one.target is not None and one.target.threshold is not None for one in reports)
    if not can_say:
        kept = [one for one in reports if not one.fmr.errors and not (one.identification and one.identification.fpir.errors)]
    if not kept:
        return None, "With each of them strangers would be named more often than is wanted; try stricter thresholds."
    best = min(kept, key=lambda one: (one.frr, one.threshold))
    turned = f"turns away the fewest of those who are enrolled (FRR {share(best.frr)})"
    if can_say and best.target is not None and best.identification is not None:
        people = many(best.identification.people, "person", "people")
        kept_to = f"Of those that keep the FPIR to {share(best.target.fpir)} among {people}"
        return best, f"{kept_to} it {turned}."
    seen = f"{number(best.fmr.of)} comparisons of different people gave no match"
    return best, f"{seen}, and of such it {turned}; the FMR may still be up to {share(best.fmr.high)}."


def _on_curves(report: ErrorReport, threshold: float) -> tuple[str, str]:
    """FMR and FNMR at the step of the curves below a threshold, which are 0.005 apart."""
    curves = report.curves
    place = min(max(math.floor(threshold * PER_UNIT + 1e-9), 0), len(curves.thresholds) - 1)
    fmr = f"{share(curves.fmr[place])} ({share(curves.fmr_low[place])} to {share(curves.fmr_high[place])})"
    fnmr = f"{share(curves.fnmr[place])} ({share(curves.fnmr_low[place])} to {share(curves.fnmr_high[place])})"
    return fmr, fnmr


def _with_interval(rate: Rate) -> str:
    return f"{share(rate.rate)} ({between(rate)})"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
