"""The charts of a measurement as SVG: quiet, light and dark, labels at the lines, without scripts.

A line ends where the data end: a rate of none is not drawn along the floor.
"""

from __future__ import annotations

import math
from html import escape
from statistics import NormalDist
from typing import TYPE_CHECKING

from attendance.services.wording import share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attendance.services.error_report import ErrorReport

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 30, 46

STYLE = """
:root{color-scheme:light dark;--bg:#FFFFFF;--surface:#F5F6F8;--text:#14181F;--muted:#565E6C;--border:#DDE1E7;
--accent:#2550C8;--second:#B85C00;--warn:#7A4D00;--warn-bg:#FFF3D9}
@media(prefers-color-scheme:dark){:root{--bg:#0F1216;--surface:#191E25;--text:#EDF0F5;--muted:#A6AFBD;--border:#2E3641;
--accent:#8FB0FF;--second:#FFB074;--warn:#F3C15B;--warn-bg:#2D2310}}
svg{display:block;width:100%;height:auto;font:13px Inter,system-ui,sans-serif;font-variant-numeric:tabular-nums}
svg text{fill:var(--muted)}svg .key{fill:var(--text);font-weight:600}svg .grid{stroke:var(--border);fill:none}
svg .fmr,svg .fnmr{fill:none;stroke-width:2.5;stroke:var(--accent)}svg .fnmr{stroke:var(--second);stroke-dasharray:7 5}
svg .band{stroke:none;fill:var(--accent);opacity:.12}svg .band.second{fill:var(--second)}
svg .rule{stroke:var(--text);stroke-width:1.5;fill:none}
svg .dot{fill:var(--bg);stroke:var(--text);stroke-width:2.5}
"""

_NORMAL = NormalDist()
DET_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8)


def charts(report: ErrorReport) -> dict[str, str]:
    """Name to SVG, for a page that has ``STYLE``: ``errors``, ``distributions``, ``det``."""
    return {"errors": errors(report), "distributions": distributions(report), "det": det(report)}


def standalone(svg: str) -> str:
    """One chart as a file of its own, with its style inside."""
    opening, _, rest = svg.partition(">")
    place = ' xmlns="http://www.w3.org/2000/svg"'
    return f"{opening}{place}><style>{STYLE}svg{{background:var(--bg)}}</style>{rest}"


def errors(report: ErrorReport) -> str:
    """FMR and FNMR against the threshold, rates on a log scale, with their intervals and the threshold in use."""
    curves = report.curves
    rates = [rate for rate in (*curves.fmr, *curves.fnmr) if rate > 0]
    floor = 10.0 ** math.floor(math.log10(min(rates)) + 1e-9)
    low, high = span(curves.thresholds, curves.fmr, curves.fnmr)

    def x(threshold: float) -> float:
        return LEFT + (threshold - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(rate: float) -> float:
        return TOP + math.log10(max(rate, floor)) / math.log10(floor) * (HEIGHT - TOP - BOTTOM)

    parts = [_row(y(rate), share(rate)) for rate in (10.0**-power for power in range(round(-math.log10(floor)) + 1))]
    parts += [_column(x(tick), f"{tick:.1f}") for tick in _tenths(low, high)]
    parts.append(_below("Threshold, distance (L2)"))
    rows = [row for row, threshold in enumerate(curves.thresholds) if low <= threshold <= high]
    for css, label, rate, least, most in (
        ("fmr", "FMR", curves.fmr, curves.fmr_low, curves.fmr_high),
        ("fnmr", "FNMR", curves.fnmr, curves.fnmr_low, curves.fnmr_high),
    ):
        drawn = [row for row in rows if rate[row] > 0]
        if not drawn:
            continue
        places = [x(curves.thresholds[row]) for row in drawn]
        edge = [*zip(places, [y(most[row]) for row in drawn], strict=True)]
        edge += [*zip(places[::-1], [y(least[row]) for row in drawn[::-1]], strict=True)]
        parts.append(f'<path class="band{" second" if css == "fnmr" else ""}" d="{_path(edge)}Z"/>')
        parts.append(f'<path class="{css}" d="{_path(zip(places, [y(rate[row]) for row in drawn], strict=True))}"/>')
        at = drawn[len(drawn) // 2]
        side, anchor = (-10, "end") if css == "fmr" else (10, "start")
        parts.append(_key(x(curves.thresholds[at]) + side, y(rate[at]) - 8, label, anchor))
    if low <= report.threshold <= high:
        at_x = x(report.threshold)
        parts.append(f'<path class="rule" d="M{at_x:.1f} {TOP - 14}V{HEIGHT - BOTTOM}"/>')
        late = at_x > WIDTH - 120
        parts.append(_key(at_x + (-6 if late else 6), TOP - 6, f"In use {report.threshold:g}", "end" if late else "start"))
    said = f"FMR rises and FNMR falls as the threshold grows; at {report.threshold:g} FMR is {share(report.fmr.rate)} "
    return _svg(f"{said}and FNMR {share(report.fnmr.rate)}.", parts)


def distributions(report: ErrorReport) -> str:
    """How the distances of genuine and impostor comparisons spread."""
    bars = report.histogram
    low, high = bars.edges[0], bars.edges[-1]
    most = math.ceil(max((*bars.genuine, *bars.impostor)) * 25) / 25  # whole per cents at the four lines

    def x(distance: float) -> float:
        return LEFT + (distance - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(part: float) -> float:
        return HEIGHT - BOTTOM - part / most * (HEIGHT - TOP - BOTTOM)

    parts = [_row(y(most * tick / 4), share(most * tick / 4)) for tick in range(5)]
    parts += [_column(x(tick), f"{tick:.1f}") for tick in _tenths(low, high)]
    parts.append(_below("Distance (L2)"))
    for css, label, values in (("fnmr", "Genuine", bars.genuine), ("fmr", "Impostor", bars.impostor)):
        steps: list[tuple[float, float]] = []
        for start, end, value in zip(bars.edges, bars.edges[1:], values, strict=False):
            if value > 0 or steps:
                steps += [(x(start), y(value)), (x(end), y(value))]
        while len(steps) > 2 and steps[-1][1] == y(0):
            steps = steps[:-2]
        if steps:
            parts.append(f'<path class="{css}" d="{_path([(steps[0][0], y(0)), *steps, (steps[-1][0], y(0))])}"/>')
            peak = max(range(len(values)), key=values.__getitem__)
            parts.append(_key(x((bars.edges[peak] + bars.edges[peak + 1]) / 2), y(values[peak]) - 8, label, "middle"))
    at_x = x(min(max(report.threshold, low), high))
    parts.append(f'<path class="rule" d="M{at_x:.1f} {TOP - 14}V{HEIGHT - BOTTOM}"/>')
    said = "Distances of genuine comparisons lie left, of impostor comparisons right; the rule is the threshold, "
    return _svg(f"{said}{report.threshold:g}.", parts)


def det(report: ErrorReport) -> str:
    """FNMR against FMR, both on normal deviates (Martin et al. 1997, ISO/IEC 19795-1); empty where no threshold has both."""
    points = [(a, b) for a, b in report.det if 0 < a < 1 and 0 < b < 1]
    if len(points) < 2:
        return ""
    lowest, highest = min(min(point) for point in points), max(max(point) for point in points)
    ticks = [tick for tick in DET_TICKS if lowest / 3 <= tick <= highest * 1.5]
    low = _NORMAL.inv_cdf(min(lowest, ticks[0] if ticks else lowest))
    high = _NORMAL.inv_cdf(min(max(highest, ticks[-1] if ticks else highest), 0.999))

    def x(rate: float) -> float:
        return LEFT + (_NORMAL.inv_cdf(rate) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(rate: float) -> float:
        return HEIGHT - BOTTOM - (_NORMAL.inv_cdf(rate) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_row(y(tick), share(tick)) for tick in ticks] + [_column(x(tick), share(tick), line=True) for tick in ticks]
    parts += [_below("FMR"), f'<text class="key" x="{LEFT}" y="{TOP - 12}">FNMR</text>']
    parts.append(f'<path class="fmr" d="{_path((x(a), y(b)) for a, b in points)}"/>')
    now = (report.fmr.rate, report.fnmr.rate)
    if 0 < now[0] < 1 and 0 < now[1] < 1:
        parts.append(f'<circle class="dot" cx="{x(now[0]):.1f}" cy="{y(now[1]):.1f}" r="5"/>')
        parts.append(_key(x(now[0]) + 10, y(now[1]) - 8, f"In use {report.threshold:g}", "start"))
    said = f"The lower the line, the better: the equal error rate is {share(report.equal.rate)}."
    return _svg(f"FNMR against FMR on normal deviates. {said}", parts)


def span(thresholds: Sequence[float], fmr: Sequence[float], fnmr: Sequence[float]) -> tuple[float, float]:
    """The thresholds where something happens, to tenths: from the last FNMR of all to the first FMR of all."""
    first = max((t for t, rate in zip(thresholds, fnmr, strict=True) if rate >= 1), default=0.0)
    last = min((t for t, rate in zip(thresholds, fmr, strict=True) if rate >= 1), default=thresholds[-1])
    low = math.floor(min(first, last) * 10) / 10
    return low, max(math.ceil(max(first, last) * 10) / 10, low + 0.1)


def _tenths(low: float, high: float) -> list[float]:
    step = 1 if high - low <= 1.3 else 2
    return [tick / 10 for tick in range(math.ceil(low * 10 - 1e-9), math.floor(high * 10 + 1e-9) + 1, step)]


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "".join(f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(points))


def _row(y: float, label: str) -> str:
    line = f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    return f'{line}<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'


def _column(x: float, label: str, *, line: bool = False) -> str:
    drawn = f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>' if line else ""
    return f'{drawn}<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{label}</text>'


def _below(title: str) -> str:
    return f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{title}</text>'


def _key(x: float, y: float, label: str, anchor: str) -> str:
    return f'<text class="key" x="{x:.1f}" y="{max(y, 12):.1f}" text-anchor="{anchor}">{escape(label)}</text>'


def _svg(said: str, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'
