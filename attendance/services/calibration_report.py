"""A measurement as one HTML file that needs nothing else: charts, numbers in tables, method and limits in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from attendance.services.calibration_charts import STYLE, charts
from attendance.services.report_tables import (
    SOURCE_COLUMNS,
    combination_table,
    data_rows,
    fmr_rows,
    head_rows,
    search_rows,
    source_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.services.error_report import ErrorReport

PAGE_STYLE = """
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 Inter,system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 16px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}h2{font-size:20px;margin:40px 0 8px}
p{margin:8px 0;max-width:72ch}.cap,caption{color:var(--muted);font-size:14px;text-align:left}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:15px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:8px 12px 8px 0;border-bottom:1px solid var(--border);vertical-align:top}
th{font-weight:600}.note{background:var(--warn-bg);color:var(--warn);border-radius:8px;padding:12px 16px}
code{overflow-wrap:anywhere}
"""

METHOD = """
Distances are L2 distances between embeddings; smaller is more alike, and a distance of exactly the threshold is accepted.
Terms follow ISO/IEC 19795-1 and 2382-37.

FMR is the share of impostor comparisons (pictures of two people) at or below the threshold, FNMR the share of genuine
comparisons (two pictures of one person) above it. A picture is never compared with itself, nor with a copy of itself.

FPIR is the share of searches for somebody who is not enrolled that name somebody: each picture is searched for with its
person left out. FNIR is the share of searches for somebody who is enrolled that do not name that person: each picture is
searched for with that picture alone left out, so the person has one reference fewer than at the door. A person's distance
is the smaller one of the nearest reference and of the mean of the references, and nobody is named where a second person
is about as near, as at the door.

Intervals hold 95 %. People are drawn again 1,000 times, with all their comparisons (bootstrap by person). Where no error
was seen there is nothing to draw; the upper end is then the rule of three, 1 - 0.05^(1/n), with n the pictures (FNMR,
FPIR, FNIR) or the pairs of people (FMR). A rate that would need more comparisons than were made, 3 / rate, is not given.

Growth follows FPIR = 1 - (1 - FPIR today)^(people / people today), which takes people for independent of each other.
Relatives and look-alikes are not.
"""


def html(reports: Sequence[ErrorReport]) -> str:
    """The page. The first report is shown in full; where there are more, they are compared in a table.

    Args:
        reports: one, or one for each combination of a sweep.
    """
    report = reports[0]
    kind = "Error rates of who is enrolled" if report.kind == "calibration" else "Error rates of an evaluation"
    at = report.made_at_utc.strftime("%Y-%m-%d %H:%M UTC")
    drawn = charts(report)
    target = report.target
    body = [
        f'<h1>{kind}</h1><p class="cap">{escape(report.model_id)} · threshold {report.threshold:g} · {at}</p>',
        f'<p class="note">{escape(target.growth)}</p>' if target is not None and target.warning else "",
        _table("At the threshold", ("rate", "measured", "95 %", "seen"), head_rows(report)),
        _sweep(reports),
        _chart("Errors against threshold", "Left is stricter. Share of comparisons, log scale.", drawn["errors"]),
        _table("How strict can it be?", ("FMR at most", "threshold", "FNMR", ""), fmr_rows(report)),
        _chart("Distances", "Share of the comparisons of each kind.", drawn["distributions"]),
        _chart("DET", "FNMR against FMR.", drawn["det"] or "<p>No line: no threshold has errors of both kinds.</p>"),
        _table("Searches (1:N)", ("", ""), search_rows(report)),
        _table("Where the comparisons come from", SOURCE_COLUMNS, source_rows(report)),
        _table("The data", ("", ""), data_rows(report)),
        "<h2>Method</h2>" + "".join(f"<p>{escape(part)}</p>" for part in METHOD.strip().split("\n\n")),
        "<h2>Limits</h2>" + "".join(f"<p>{escape(line)}</p>" for line in report.notes),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{kind} · Attend</title><style>{STYLE}{PAGE_STYLE}</style>'
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(body)}</main></body></html>\n'


def _sweep(reports: Sequence[ErrorReport]) -> str:
    if len(reports) < 2:
        return ""
    columns, rows = combination_table(reports)
    caption = '<p class="cap">The rest of this page is about the first row.</p>'
    return _table("Combinations", columns, rows) + caption


def _chart(title: str, caption: str, drawn: str) -> str:
    return f'<h2>{escape(title)}</h2><p class="cap">{escape(caption)}</p>{drawn}'


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns) if any(columns) else ""
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{lines}</tbody></table>"
    return f'<h2>{escape(title)}</h2><div class="scroll">{table}</div>'
