"""An index and statistics in an embedded MLflow database, so that a chart reads the points of its own runs alone, in order.

MLflow's table of metrics has an index by run, metric and step, and its primary key begins with the metric. By the first,
SQLite looks each point up in the table and then sorts them all, since a chart orders by more than the step; by the second
it reads that metric of every run there is. The index made here holds all columns in a chart's order: charts of four runs of
25,000 points take three quarters of the time, the file becomes a quarter larger (docs/decisions/0010). MLflow never names
it, and its migrations keep it: they copy a table with all its indexes. ``ANALYZE`` serves where it is not made.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from attendance.tracking.files import file_of

INDEX = "attend_metrics_in_order"
MAKE_INDEX = f"CREATE INDEX IF NOT EXISTS {INDEX} ON metrics (run_uuid, key, step, timestamp, value, is_nan)"
# A larger file is left to a person (docs/mlflow.md): nobody else can write meanwhile, and MLflow waits 20 s. So many points
# took 1.5 s on two processors, and may take ten times that elsewhere.
_POINTS_INDEXED = 1_000_000
_LOOKED_AT = 1_000  # entries of each index: milliseconds however large the file is (https://sqlite.org/lang_analyze.html)
_LOCKED_S = 1.0  # as long as a summary may be held up by another process that writes


def refresh(uri: str) -> bool:
    """Make the index, once, and count again what the indexes of MLflow's metrics hold.

    Returns:
        False where the URI is no local SQLite file with MLflow's tables, or the file is locked or read-only, or its disk
        full: charts may then be slower, and nothing else is.
    """
    file = file_of(uri)
    if file is None or not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", timeout=_LOCKED_S, uri=True)) as database:
            (points,) = database.execute("SELECT coalesce(max(rowid), 0) FROM metrics").fetchone()
            if points <= _POINTS_INDEXED:
                database.execute(MAKE_INDEX)
            database.execute(f"PRAGMA analysis_limit = {_LOOKED_AT}")
            database.execute("ANALYZE metrics")
            database.commit()
    except sqlite3.Error:
        return False
    return True
