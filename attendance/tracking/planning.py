"""Statistics for SQLite's planner in an embedded MLflow database, so that a chart reads the points of its own runs alone.

MLflow's table of metrics has an index by run, metric and step, and its primary key begins with the metric. Without
statistics SQLite takes the key, which holds all columns: each chart of one run then reads that metric of every run there is.
``ANALYZE`` is SQLite's own maintenance: it adds a table of SQLite's that MLflow and its migrations do not see, and no index.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from attendance.tracking.files import file_of

_LOOKED_AT = 1_000  # entries of each index: milliseconds however large the file is (https://sqlite.org/lang_analyze.html)
_LOCKED_S = 1.0  # as long as a summary may be held up by another process that writes


def refresh(uri: str) -> bool:
    """Count again what the indexes of MLflow's metrics hold.

    Returns:
        False where the URI is no local SQLite file with MLflow's tables, or the file is locked or read-only: charts may
        then be slower, and nothing else is.
    """
    file = file_of(uri)
    if file is None or not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", timeout=_LOCKED_S, uri=True)) as database:
            database.execute(f"PRAGMA analysis_limit = {_LOOKED_AT}")
            database.execute("ANALYZE metrics")
            database.commit()
    except sqlite3.Error:
        return False
    return True
