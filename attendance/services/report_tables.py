"""The tables of a measurement as rows of text, the same for the command line and for the HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.services.wording import distance, number, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.domain.resampling import Rate
    from attendance.services.error_report import ErrorReport

Row = tuple[str, ...]

SOURCE_COLUMNS = ("source", "genuine", "missed", "impostor", "matched")


def head_rows(report: ErrorReport) -> list[Row]:
    """The rates at the threshold: name, rate, interval, what was seen."""
    rows = [
        _rate("FMR, false matches", report.fmr, "comparisons"),
        _rate("FNMR, false non-matches", report.fnmr, "comparisons"),
    ]
    found = report.identification
    if found is not None:
        rows.append(_rate("FPIR, strangers named", found.fpir, "searches"))
        if found.fnir is not None:
            rows.append(_rate("FNIR, people not named", found.fnir, "searches"))
    data = report.data
    if data.failures:
        failed = sum(data.failures.values())
        seen = f"{number(failed)} of {number(data.tried)} pictures"
        rows.append(("FTA, failure to acquire", share(data.failure_to_acquire), "", seen))
        rows.append(("FAR, with failures to acquire", share(report.far), "", "FMR x (1 - FTA)"))
        rows.append(("FRR, with failures to acquire", share(report.frr), "", "FTA + FNMR x (1 - FTA)"))
    equal = report.equal
    between = f"{share(equal.low)} to {share(equal.high)}"
    rows.append(("EER, where both are equal", share(equal.rate), between, f"at {distance(equal.threshold)}"))
    return rows


def fmr_rows(report: ErrorReport) -> list[Row]:
    """FNMR at each FMR: limit, threshold, FNMR, and why it can't be said."""
    rows: list[Row] = []
    for one in report.at_fmr:
        if one.fnmr is None or one.threshold is None:
            rows.append((share(one.fmr), "", "", one.sentence))
        else:
            rate = one.fnmr
            between = f"{share(rate.rate)} ({share(rate.low)} to {share(rate.high)})"
            rows.append((share(one.fmr), distance(one.threshold), between, f"{number(rate.errors)} of {number(rate.of)}"))
    return rows


def search_rows(report: ErrorReport) -> list[Row]:
    """About the searches, name and value."""
    found, target = report.identification, report.target
    if found is None:
        return [("Searches", "None: only the listed pairs were compared.")]
    rows: list[Row] = [
        ("People", f"{number(found.people)}; a stranger is searched among {number(found.searched_among)}"),
        ("Never right", f"{number(found.never_right)} searches name the right person at no threshold"),
    ]
    if target is not None:
        rows += [(f"FPIR at most {share(target.fpir)}", target.sentence), ("Growth", target.growth)]
    return rows


def source_rows(report: ErrorReport) -> list[Row]:
    """Of each source: name, genuine comparisons, missed, impostor comparisons, matched."""
    return [
        (
            one.name,
            number(one.genuine),
            number(one.false_non_matches),
            number(one.impostor),
            number(one.false_matches),
        )
        for one in report.sources
    ]


def data_rows(report: ErrorReport) -> list[Row]:
    """What was measured on, name and value."""
    data = report.data
    options = ", ".join(f"{name} {value}" for name, value in report.options.items())
    rows: list[Row] = [
        ("People", f"{number(data.people)}, {number(data.people_with_several)} of them with two pictures or more"),
        ("Pictures", f"{number(data.pictures)} can be used"),
        *((f"Failed: {reason}", number(count)) for reason, count in data.failures.items()),
        *((f"Left out: {reason.replace('_', ' ')}", number(count)) for reason, count in data.left_out.items()),
        ("Options", f"{options}, ambiguity_ratio {report.ambiguity_ratio:g}"),
        ("Digest of the data", data.digest),
    ]
    if data.attempts:
        rows.insert(2, ("Reviewed attempts", number(data.attempts)))
    return rows


def combination_table(reports: Sequence[ErrorReport]) -> tuple[Row, list[Row]]:
    """One row for each combination; of the options only those that differ are columns."""
    varied = [name for name in reports[0].options if len({str(one.options[name]) for one in reports}) > 1]
    if len({one.ambiguity_ratio for one in reports}) > 1:
        varied.append("ambiguity_ratio")
    columns = ("threshold", *varied, "FMR", "FNMR", "FPIR", "FNIR", "EER", "FTA")
    rows = []
    for one in reports:
        found = one.identification
        rows.append(
            (
                f"{one.threshold:g}",
                *(str(one.parameters()[name]) for name in varied),
                share(one.fmr.rate),
                share(one.fnmr.rate),
                share(found.fpir.rate) if found else "",
                share(found.fnir.rate) if found and found.fnir else "",
                share(one.equal.rate),
                share(one.data.failure_to_acquire),
            )
        )
    return columns, rows


def _rate(name: str, rate: Rate, things: str) -> Row:
    between = f"{share(rate.low)} to {share(rate.high)}"
    return (name, share(rate.rate), between, f"{number(rate.errors)} of {number(rate.of)} {things}")
