"""The attempts of a run as tables: artifacts of 500 numbers each, under names that follow from the numbers alone.

A table is written anew with each batch that adds to it. Since MLflow replaces a file in one step, neither a killed server
nor a killed app leaves half of one; and since a row belongs to one file, sending it again changes nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections import OrderedDict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from attendance.tracking.sending import is_at_fault
from attendance.tracking.words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.tracking.entries import Run

log = structlog.get_logger(__name__)

FOLDER = "attempts"
NUMBERS = 500  # a table of about 200 KB; 100,000 attempts are 200 files
_KEPT_OPEN = 4  # runs whose newest table stays in memory, so that it need not be read back
Rows = dict[int, dict[str, Any]]


def name_of(number: int) -> str:
    """The file that holds the attempt of this number."""
    first = (number - 1) // NUMBERS * NUMBERS + 1
    return f"{first:09}-{first + NUMBERS - 1:09}.json"


class AttemptTables:
    """The tables of one destination's runs. Errors are MLflow's own, unchanged."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._open: OrderedDict[str, tuple[str, Rows]] = OrderedDict()  # by run: the newest table's name and rows
        self._refused: set[str] = set()

    def forget(self) -> None:
        """Read a table back before it is next written: somebody else may have added to it."""
        self._open.clear()

    def add(self, run: Run, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Put rows, in the order of their numbers, into their tables; the paths that were written.

        Where this machine can never write the run's artifacts, that is said once, and nothing is written: the metrics have
        arrived, and what comes later must not wait for a library that is missing.
        """
        written = []
        try:
            for name, part in groupby(rows, lambda row: name_of(row["number"])):
                held = self._rows(run, name)
                held |= {row["number"]: row for row in part}
                self._write(run, name, held)
                written.append(f"{FOLDER}/{name}")
        except Exception as error:
            if not is_at_fault(error):
                raise
            if str(run.run_id) not in self._refused:
                self._refused.add(str(run.run_id))
                log.warning("tracking_table_refused", run_name=run.name, error=say(error))
        return written

    def _rows(self, run: Run, name: str) -> Rows:
        known = self._open.get(str(run.run_id))
        if known is None or known[0] != name:
            known = (name, self._read(run, name))
            self._open[str(run.run_id)] = known
        self._open.move_to_end(str(run.run_id))
        while len(self._open) > _KEPT_OPEN:
            self._open.popitem(last=False)
        return known[1]

    def _read(self, run: Run, name: str) -> Rows:
        repository = self._repository(run)
        path = f"{FOLDER}/{name}"
        if not any(file.path == path for file in repository.list_artifacts(FOLDER)):
            return {}
        with tempfile.TemporaryDirectory(prefix="attend-tracking-") as folder:
            copy = Path(folder) / name
            # In this thread, where requests are bounded; download_artifacts would use threads of its own.
            repository._download_file(path, str(copy))  # noqa: SLF001  # what every kind of artifact store implements
            text = copy.read_text(encoding="utf-8")
        try:
            table = json.loads(text)
            return {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["data"]}
        except (ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("tracking_table_damaged", run_name=run.name, table=path, error=say(error), now="it begins anew")
            return {}

    def _write(self, run: Run, name: str, rows: Rows) -> None:
        ordered = [rows[number] for number in sorted(rows)]
        columns = list(dict.fromkeys(column for row in ordered for column in row))
        table = {"columns": columns, "data": [[row.get(column) for column in columns] for row in ordered]}
        with tempfile.TemporaryDirectory(prefix="attend-tracking-") as folder:
            file = Path(folder) / name
            file.write_text(json.dumps(table, ensure_ascii=False, allow_nan=False), encoding="utf-8")
            self._repository(run).log_artifact(str(file), FOLDER)

    def _repository(self, run: Run) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(str(run.artifact_uri), tracking_uri=self._uri)
