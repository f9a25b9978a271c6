"""The plots of a calibration in the office's own charts: the same as in the HTML report, for any width and theme."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from attendance.services.calibration_charts import DET_TICKS, span
from attendance.services.wording import share
from attendance.ui.charts import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.services.error_report import ErrorReport
    from attendance.ui.charts import Palette

HEIGHT_PX = 260
LABEL_PX = 18  # room above for the words at the rules
LABEL_PART = 0.16  # of the axis: how far a line's name reaches on a phone; it must not lie across a rule
_NORMAL = NormalDist()
_PERCENT = "format(datum.value * 100, '~g') + ' %'"


def errors(report: ErrorReport, tried: float | None, colours: Palette) -> Any:
    """FMR and FNMR against the threshold on a log scale, with their 95 % intervals; a line ends where the data end."""
    curves = report.curves
    low, high = span(curves.thresholds, curves.fmr, curves.fnmr)
    rows: list[dict[str, Any]] = []
    for kind, rate, least, most in (
        ("FMR", curves.fmr, curves.fmr_low, curves.fmr_high),
        ("FNMR", curves.fnmr, curves.fnmr_low, curves.fnmr_high),
    ):
        rows += [
            {"t": t, "rate": rate[at], "low": least[at], "high": most[at], "kind": kind}
            for at, t in enumerate(curves.thresholds)
            if low <= t <= high and rate[at] > 0
        ]
    floor = min(row["rate"] for row in rows)
    for row in rows:
        row["low"] = max(row["low"], floor)
    x = _threshold_axis(low, high)
    scale = alt.Scale(type="log", domain=[floor, 1])
    axis = alt.Axis(labelExpr=_PERCENT, title=None, values=[10.0**-power for power in range(7) if 10.0**-power >= floor])
    y = alt.Y("rate:Q", scale=scale, axis=axis)
    shown = alt.Color("kind:N", scale=alt.Scale(domain=["FMR", "FNMR"], range=[colours.accent, colours.second]), legend=None)
    tooltip = [alt.Tooltip("kind:N", title="Rate"), alt.Tooltip("t:Q", title="Threshold", format=".3f")]
    tooltip.append(alt.Tooltip("rate:Q", title="Share", format=".3%"))
    base = alt.Chart(_inline(rows))
    band = base.mark_area(opacity=0.12).encode(x=x, y=alt.Y("low:Q", scale=scale, axis=axis), y2="high:Q", color=shown)
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["FMR", "FNMR"], range=[[1, 0], [7, 5]]), legend=None)
    lines = base.mark_line(strokeWidth=2.5).encode(x=x, y=y, color=shown, strokeDash=dash, tooltip=tooltip)
    names: Any = band + lines
    sides: tuple[tuple[str, Literal["right", "left"]], ...] = (("FMR", "left"), ("FNMR", "right"))  # away from the rules
    for kind, align in sides:
        own = [row for row in rows if row["kind"] == kind]
        reach = LABEL_PART * (high - low) * (-1 if align == "right" else 1)
        rules = [rule for rule in (report.threshold, tried) if rule is not None]
        own = [row for row in own if not any(min(0, reach) <= rule - row["t"] <= max(0, reach) for rule in rules)] or own
        if own:
            middle = min(own, key=lambda row: abs(math.log10(row["rate"] / floor) - math.log10(1 / floor) / 2))
            at = alt.Chart(_inline([middle])).mark_text(
                align=align, dx=-10 if align == "right" else 10, dy=14, fontWeight=600, color=colours.text, fontSize=13
            )
            names += at.encode(x=x, y=y, text="kind:N")
    return _finished(names + _rules(report.threshold, tried, (low, high), colours), colours)


def distributions(report: ErrorReport, tried: float | None, colours: Palette) -> Any:
    """How the distances of genuine and impostor comparisons spread."""
    bars = report.histogram
    low, high = bars.edges[0], bars.edges[-1]
    rows: list[dict[str, Any]] = []
    for kind, values in (("Genuine", bars.genuine), ("Impostor", bars.impostor)):
        rows += [{"t": edge, "part": part, "kind": kind} for edge, part in zip(bars.edges, (*values, 0.0), strict=True)]
    shown = alt.Color(
        "kind:N", scale=alt.Scale(domain=["Genuine", "Impostor"], range=[colours.second, colours.accent]), legend=None
    )
    x = _threshold_axis(low, high)
    y = alt.Y("part:Q", axis=alt.Axis(labelExpr=_PERCENT, title=None, tickCount=4), stack=None)
    tooltip = [alt.Tooltip("kind:N", title="Comparisons"), alt.Tooltip("t:Q", title="From", format=".2f")]
    tooltip.append(alt.Tooltip("part:Q", title="Share", format=".2%"))
    base = alt.Chart(_inline(rows))
    area: Any = base.mark_area(interpolate="step-after", opacity=0.14).encode(x=x, y=y, color=shown)
    area += base.mark_line(interpolate="step-after", strokeWidth=2).encode(x=x, y=y, color=shown, tooltip=tooltip)
    sides: tuple[tuple[str, Literal["right", "left"]], ...] = (("Genuine", "right"), ("Impostor", "left"))
    for kind, align in sides:
        peak = max((row for row in rows if row["kind"] == kind), key=lambda row: row["part"])
        at = alt.Chart(_inline([peak])).mark_text(
            align=align, dx=-8 if align == "right" else 26, dy=4, fontWeight=600, color=colours.text, fontSize=13
        )
        area += at.encode(x=x, y=y, text="kind:N")
    return _finished(area + _rules(report.threshold, tried, (low, high), colours), colours)


def det(report: ErrorReport, tried: ErrorReport | None, colours: Palette) -> Any | None:
    """FNMR against FMR on normal deviates; None where no two thresholds have errors of both kinds."""
    points = [(a, b) for a, b in report.det if 0 < a < 1 and 0 < b < 1]
    if len(points) < 2:
        return None
    lowest, highest = min(min(point) for point in points), max(max(point) for point in points)
    ticks = [tick for tick in DET_TICKS if lowest / 3 <= tick <= highest * 1.5] or [lowest, highest]
    ends = [_NORMAL.inv_cdf(min(lowest, ticks[0])), _NORMAL.inv_cdf(min(max(highest, ticks[-1]), 0.999))]
    rows = [{"x": _NORMAL.inv_cdf(a), "y": _NORMAL.inv_cdf(b), "fmr": a, "fnmr": b} for a, b in points]
    tooltip = [alt.Tooltip("fmr:Q", title="FMR", format=".3%"), alt.Tooltip("fnmr:Q", title="FNMR", format=".3%")]
    x, y = (
        alt.X("x:Q", scale=alt.Scale(domain=ends, nice=False), axis=_deviates(ticks, "FMR")),
        alt.Y("y:Q", scale=alt.Scale(domain=ends, nice=False), axis=_deviates(ticks, "FNMR")),
    )
    drawn: Any = alt.Chart(_inline(rows)).mark_line(strokeWidth=2.5, color=colours.accent).encode(x=x, y=y, tooltip=tooltip)
    for one, word in ((report, "In use"), (tried, "Tried")):
        if one is not None and 0 < one.fmr.rate < 1 and 0 < one.fnmr.rate < 1:
            place = {"x": _NORMAL.inv_cdf(one.fmr.rate), "y": _NORMAL.inv_cdf(one.fnmr.rate), "word": word}
            at = alt.Chart(_inline([place]))
            drawn += at.mark_point(size=90, filled=one is tried, color=colours.text, opacity=1).encode(x=x, y=y)
            drawn += at.mark_text(align="left", dx=10, dy=-8, fontWeight=600, color=colours.text).encode(
                x=x, y=y, text="word:N"
            )
    return _finished(drawn, colours)


def _threshold_axis(low: float, high: float) -> Any:
    axis = alt.Axis(title="Threshold, distance (L2)", format=".1f", grid=False, tickCount=6, labelOverlap=True)
    return alt.X("t:Q", scale=alt.Scale(domain=[low, high], nice=False), axis=axis)


def _rules(in_use: float, tried: float | None, ends: tuple[float, float], colours: Palette) -> Any:
    """The threshold in use, and the one that is tried, with their words above them."""
    low, high = ends
    x = _threshold_axis(low, high)
    drawn: Any = alt.layer()
    near = tried is not None and abs(tried - in_use) < 0.25 * (high - low)  # their words stand on either side
    for at, other, word, dash in ((in_use, tried, "In use", [1, 0]), (tried, in_use, "Tried", [4, 3])):
        if at is None or not low <= at <= high:
            continue
        left = at < other if near and other is not None else at > low + 0.8 * (high - low)
        here = alt.Chart(_inline([{"t": at, "word": f"{word} {at:g}"}]))
        drawn += here.mark_rule(color=colours.text, strokeWidth=1.5, strokeDash=dash).encode(x=x)
        drawn += here.mark_text(
            align="right" if left else "left", dx=-6 if left else 6, baseline="bottom", color=colours.text, fontWeight=600
        ).encode(x=x, y=alt.value(-2), text="word:N")
    return drawn


def _deviates(ticks: Sequence[float], title: str) -> Any:
    places = [_NORMAL.inv_cdf(tick) for tick in ticks]
    said = "".join(
        f"abs(datum.value - ({place})) < 1e-6 ? '{share(tick)}' : " for place, tick in zip(places, ticks, strict=True)
    )
    return alt.Axis(title=title, values=places, labelExpr=f"{said}''", grid=True)


def _finished(chart: Any, colours: Palette) -> Any:
    return chart.properties(height=HEIGHT_PX).configure(**look(colours, top=LABEL_PX))


def _inline(values: list[dict[str, Any]]) -> Any:
    """Rows that stand in the chart itself."""
    return alt.Data(values=values)  # type: ignore[no-untyped-call]  # Altair types its charts, not its data
