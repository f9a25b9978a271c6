"""`python -m bench.tracking ui`: 100,000 tracked attempts behind `mlflow ui`, and how long its requests take.

The first attempts go through the sink, so that everything is there as the app leaves it; the rest are copied into MLflow's
database row by row in the same shape, since sending them would take minutes.

What is asked was recorded from MLflow 3.17's pages in Chromium. With a session opened in the list's chart view, each chart
is one request for its metric, with the session and all its children in it; up to six charts ask at the same time. The
comparison of runs asks for no points; the link of a metric in it opens a page that asks each run for all of its points.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from attendance.tracking.attempt_tables import name_of
from attendance.tracking.attempt_values import at_ms, means, metrics, row
from attendance.tracking.base import Session, parameter_set
from attendance.tracking.sink import MlflowSink
from bench.measure import Row, milliseconds, sized
from tests.mlflow_server import MlflowServer
from tests.tracked_attempts import DATASET, START, Notebook, attempt, numbered, summary_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from attendance.tracking.base import Numbered

ATTEMPTS = max(4_000, sized(100_000))
FIRST = 200  # of each parameter set, through the sink
THRESHOLDS = (0.45, 0.50, 0.55, 0.60)
GOAL_MS = 500.0  # for what a page waits for; a person feels more than that
BATCH = 100
EXPERIMENT = "face-attendance"
OF_EACH = ("verification_distance", "verification_match", "verification_threshold")  # metrics that every attempt has
AT_ONCE = 6  # requests at a time to one address, as Chromium sends them over HTTP/1.1


def fill(folder: Path, attempts: int) -> None:
    """A session of so many attempts, with a parameter set for each threshold, one after another."""
    session = Session("bench", "main 2025-03-03", START, "main")
    sink = MlflowSink(f"sqlite:///{folder}/mlflow.db", EXPERIMENT, Notebook())
    each = attempts // len(THRESHOLDS)
    with chdir(folder):
        for place, threshold in enumerate(THRESHOLDS):
            first = place * each + 1
            sink.send(session, numbered(range(first, first + FIRST), threshold=threshold), DATASET)
            _copy(folder, numbered(range(first + FIRST, first + each), threshold=threshold))
            sink.summarise(session, parameter_set(attempt(1, threshold=threshold)), summary_of(each, threshold))
        sink.summarise(session, None, summary_of(attempts, THRESHOLDS[-1]))


def _copy(folder: Path, rest: list[Numbered]) -> None:
    """More attempts beside those of the newest child run, as the sink would have left them."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        run, artifacts = database.execute(
            "SELECT run_uuid, artifact_uri FROM runs ORDER BY start_time DESC, rowid DESC LIMIT 1"
        ).fetchone()
        put = "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)"
        for start in range(0, len(rest), BATCH):
            batch = rest[start : start + BATCH]
            found = [(run, k, v, at_ms(one.attempt), one.number) for one in batch for k, v in metrics(one.attempt)]
            last = batch[-1]
            of_batch = {**dict(means(one.attempt for one in batch)), "dataset_num_images": 12.0}
            found += [(run, k, v, at_ms(last.attempt), last.number) for k, v in of_batch.items()]
            database.executemany(put, found)
            database.executemany(
                "UPDATE latest_metrics SET value = ?, timestamp = ?, step = ? WHERE run_uuid = ? AND key = ?",
                [(value, at, step, run, key) for _, key, value, at, step in found],
            )
    tables: dict[str, list[dict[str, Any]]] = {}
    for one in rest:
        tables.setdefault(name_of(one.number), []).append(row(one, None))
    for name, rows in tables.items():
        text = json.dumps({"columns": list(rows[0]), "data": [list(entry.values()) for entry in rows]})
        target = Path(artifacts.removeprefix("file://")) / "attempts" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def requests(server: MlflowServer) -> dict[str, Callable[[], httpx.Response]]:
    """What the pages of `mlflow ui` ask for, by what a person does."""
    http = httpx.Client(base_url=f"{server.url}/ajax-api/2.0/mlflow/", timeout=60)

    def post(where: str, body: dict[str, Any]) -> httpx.Response:
        return http.post(where, json=body).raise_for_status()

    def get(where: str, **query: Any) -> httpx.Response:
        return http.get(where, params=query).raise_for_status()

    (experiment,) = post("experiments/search", {"filter": f"name = '{EXPERIMENT}'", "max_results": 5}).json()["experiments"]
    listed = {
        "experiment_ids": [experiment["experiment_id"]],
        "max_results": 100,
        "order_by": ["attributes.start_time DESC"],
    }
    runs = post("runs/search", listed).json()["runs"]
    children = [one["info"]["run_id"] for one in runs if "threshold" in str(one["data"].get("params"))]
    session = [one["info"]["run_id"] for one in runs if one["info"]["run_id"] not in children]
    child = children[0]
    files = get("artifacts/list", run_id=child, path="attempts").json()["files"]
    bulk, one_metric = "metrics/get-history-bulk-interval", {"metric_key": "verification_distance", "max_results": 320}
    sorted_by = {**listed, "order_by": ["metrics.`accept_rate` DESC"]}
    picked = ", ".join(f"'{one}'" for one in children[:4])

    def compared() -> httpx.Response:
        """As MLflow's page of runs to compare asks, with the parallel-coordinates view: no points of any chart."""
        for one in children[:4]:
            get("artifacts/list", run_uuid=one)
        return post("runs/search", {**listed, "filter": f"attributes.run_id IN ({picked})"})

    def chart(metric: str) -> httpx.Response:
        return get(bulk, run_ids=[*session, *children], metric_key=metric, max_results=320)

    def points(run: str) -> httpx.Response:
        return get("metrics/get-history", run_uuid=run, metric_key=OF_EACH[0], max_results=25_000)

    def at_once(ask: Callable[[str], httpx.Response], of: Iterable[str]) -> httpx.Response:
        """Return when the last of them is answered, as a page is complete then."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(ask, of))[-1]

    filtered = {**listed, "filter": "metrics.accept_rate > 0.5 AND params.threshold = '0.5'"}
    return {
        "list of runs": lambda: post("runs/search", listed),
        "list sorted by accept rate": lambda: post("runs/search", sorted_by),
        "list filtered by a metric and a parameter": lambda: post("runs/search", filtered),
        "page of a run": lambda: get("runs/get", run_id=child),
        "a chart of one run": lambda: get(bulk, run_ids=child, **one_metric),
        "four runs compared, all that the page asks for": compared,
        "a chart of a session and its four runs": lambda: chart(OF_EACH[0]),
        "three such charts at once": lambda: at_once(chart, OF_EACH),
        "every point of a metric of four runs": lambda: at_once(points, children[:4]),
        "list of its tables": lambda: get("artifacts/list", run_id=child, path="attempts"),
        "one table": lambda: httpx.get(
            f"{server.url}/get-artifact", params={"path": files[0]["path"], "run_uuid": child}
        ).raise_for_status(),
    }


def rows(attempts: int = ATTEMPTS) -> list[Row]:
    """A row for each request, against half a second."""
    folder = Path(tempfile.mkdtemp(prefix="attend-bench-"))
    server = MlflowServer(folder)
    try:
        fill(folder, attempts)
        server.start()
        found: list[Row] = []
        size_mb = (folder / "mlflow.db").stat().st_size / 1e6
        for what, ask in requests(server).items():
            ask()
            taken = statistics.median(milliseconds(ask) for _ in range(7))
            note = f"{len(ask().content) / 1000:.0f} kB" + (f"; the database has {size_mb:.0f} MB" if not found else "")
            name = f"mlflow ui with {attempts:,} attempts: {what}"
            found.append(Row(name, taken, f"goal {GOAL_MS:.0f} ms", None, GOAL_MS / taken, 1.0, note))
        return found
    finally:
        server.kill()
        shutil.rmtree(folder)
