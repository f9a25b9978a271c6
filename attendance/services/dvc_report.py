"""A measurement as DVC reads it: numbers in a JSON file, curves as CSV. No time and no place in them: the same data and
parameters give the same bytes."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from attendance.services.error_report import ErrorReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attendance.services.error_report import TooLittle

METRICS = "evaluation.json"
COLUMNS = {
    "plots/det.csv": ("fmr", "fnmr"),
    "plots/rates.csv": ("threshold", "fmr", "fnmr"),
    "plots/distances.csv": ("distance", "genuine", "impostor"),
}


def files(found: ErrorReport | TooLittle, data_digest: str = "") -> dict[str, bytes]:
    """The files of a report by their paths; with too little to measure the curves are empty.

    Args:
        found: what was measured.
        data_digest: SHA-256 over the pictures, where the report has none.
    """
    if isinstance(found, ErrorReport):
        told = {
            "measured": True,
            "model_id": found.model_id,
            "threshold": found.threshold,
            "data_digest": found.data.digest,
            **{name: round(value, 9) for name, value in sorted(found.metrics().items())},
        }
        bars = zip(found.histogram.edges, found.histogram.genuine, found.histogram.impostor, strict=False)
        rows: dict[str, Iterable[Sequence[float]]] = {
            "plots/det.csv": found.det,
            "plots/rates.csv": zip(found.curves.thresholds, found.curves.fmr, found.curves.fnmr, strict=True),
            "plots/distances.csv": bars,
        }
    else:
        told = {"measured": False, "data_digest": data_digest, "sentence": found.sentence}
        rows = dict.fromkeys(COLUMNS, ())
    made = {METRICS: (json.dumps(told, indent=2) + "\n").encode()}
    return made | {path: _csv(COLUMNS[path], rows[path]) for path in COLUMNS}


def _csv(columns: Sequence[str], rows: Iterable[Sequence[float]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([f"{value:.9g}" for value in row] for row in rows)
    return out.getvalue().encode()
