"""A job that says what it did: its date and partition as parameters, rows and seconds as metrics.

    python examples/track_a_job.py

Then `mlflow ui` in the same folder shows the run under the experiment "nightly-export".
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from pathlib import Path

from mlflow_utils import MLflowTracker


def export(day: dt.date, folder: Path) -> tuple[Path, int]:
    """Stands for the job's own work: writes a file and says how many rows are in it."""
    file = folder / f"records-{day}.csv"
    file.write_text("person,time\nada,08:59\ngrace,09:02\n", encoding="utf-8")
    return file, 2


def main() -> None:
    """Run the job once, tracked."""
    tracker = MLflowTracker("nightly-export")
    day = dt.date(2025, 3, 1)
    with tracker.start_run(run_name=f"export {day}", tags={"site": "main"}), tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        file, rows = export(day, Path(folder))
        tracker.log_execution_metadata(
            trade_date=day,
            row_count=rows,
            duration_seconds=time.monotonic() - began,
            partition_info={"year": day.year, "month": day.month, "day": day.day},
        )
        tracker.log_artifact(file, "export")  # copied now; the temporary folder may go


if __name__ == "__main__":
    main()
