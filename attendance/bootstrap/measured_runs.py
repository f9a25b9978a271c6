"""Measurements as MLflow runs: one for a calibration or an evaluation; for a sweep a parent with a child a combination."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attendance.logs import masked
from attendance.services.calibration_charts import charts, standalone
from attendance.services.measured_note import advised, answer, note, recommended, swept
from attendance.services.scores import lines_in, write
from attendance.tracking.tracker import MLflowTracker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attendance.services.error_report import ErrorReport
    from attendance.services.scores import Scores

EXPERIMENT: Final = "face-attendance-thresholds"
ARRIVAL_S: Final = 30.0  # how long somebody waits for all of it to arrive where MLflow answers, who is then told its page
STEPS: Final = 1000  # of the curves: a step is a threshold in thousandths
SCORES: Final = 200_000  # lines of raw scores that are sent: some 10 MB
LOWEST: Final = ("eer", "far", "frr", "fpir", "fnir")
COMPARED: Final = ("fmr", "fpir", "fnir", "fnmr")  # side by side; the last gives the lines their colours


def track(
    reports: Sequence[ErrorReport],
    page: str,
    *,
    data: str,
    scores: Sequence[Scores] = (),
    tracking_uri: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Track what was measured; nothing is raised. A server that is away or hangs costs a few seconds, one that answers
    slowly half a minute.

    Args:
        reports: at least one; several are combinations of a sweep over the same pictures.
        page: the HTML report of them.
        data: what the data are called.
        scores: of which the reports are; sent without ids where there are no more than ``SCORES``.
        tracking_uri: None: as ``MLflowTracker`` chooses it.
        tags: further ones of the run, which then is of a recogniser that may never be used: its answer stays its own.

    Returns:
        a sentence on where it is, or that not all of it is there.
    """
    tracker = MLflowTracker(EXPERIMENT, tracking_uri, settle_s=ARRIVAL_S)
    first = reports[0]
    at = first.made_at_utc.strftime("%Y-%m-%d %H:%M")
    kind = "sweep" if len(reports) > 1 else first.kind
    about = {"kind": kind, "data_digest": first.data.digest, "model_id": first.model_id}
    about["mlflow.note.content"] = note(reports)  # MLflow shows this tag as the run's description
    with tracker.start_run(f"{kind} {at}", tags={**about, **(tags or {})}) as run:
        _log_data(tracker, first, data)
        if len(reports) == 1:
            _log_one(tracker, first)
        else:
            _log_sweep(tracker, reports, data)
            given = [name for name in COMPARED if all(name in one.metrics() for one in reports)]
            if link := run.compare_children(swept(reports) or ["threshold"], given):
                tracker.set_tag("mlflow.note.content", note(reports, link))
        _log_files(tracker, first, page, scores)
        known = run.info.run_id is not None  # asked here, so that the import of MLflow is none of the time to settle
        if not tags:
            run.describe_experiment(answer(reports))  # what an engineer sees first, before any run is opened
    if not run or not known:
        return f"Not tracked: MLflow at {masked(tracker.tracking_uri)} was not reached."
    name = f"{run.info.run_name} in the experiment {EXPERIMENT} at {masked(tracker.tracking_uri)}"
    if not tracker.flush(0):
        return f"Tracked in part, since MLflow answers no more or slowly: {name}. The rest follows while this process runs."
    return f"Tracked as {name}." + (f" Its page: {run.link}" if run.link else "")


def _log_one(tracker: MLflowTracker, report: ErrorReport) -> None:
    tracker.log_params(_parameters(report))
    tracker.log_metrics({**report.metrics(), "recommended_threshold": advised(report)})
    curves = report.curves
    for threshold, fmr, fnmr in zip(curves.thresholds, curves.fmr, curves.fnmr, strict=True):
        tracker.log_metrics({"fmr_at_threshold": fmr, "fnmr_at_threshold": fnmr}, step=round(threshold * STEPS))


def _log_sweep(tracker: MLflowTracker, reports: Sequence[ErrorReport], data: str) -> None:
    """Children with the same names of parameters and metrics, as the parallel-coordinates view compares them; on the parent
    what was the best of each."""
    first = _parameters(reports[0])
    varied = [name for name, value in first.items() if any(_parameters(one)[name] != value for one in reports)]
    named = swept(reports)
    tracker.log_params({"combinations": len(reports), "swept": ", ".join(named)})
    tracker.log_params({name: value for name, value in first.items() if name not in varied})
    for name in LOWEST:
        seen = [found[name] for found in (one.metrics() for one in reports) if name in found]
        if seen:
            tracker.log_metric(f"lowest_{name}", min(seen))
    best, _ = recommended(reports)
    if best is not None:
        tracker.log_metric("recommended_threshold", best.threshold)
    for report in reports:
        values = ", ".join(f"{name} {_parameters(report)[name]}" for name in named)
        with tracker.start_run(values, tags={"kind": "combination", "data_digest": report.data.digest}, nested=True):
            _log_data(tracker, report, data)
            tracker.log_params(_parameters(report))
            tracker.log_metrics(report.metrics())


def _parameters(report: ErrorReport) -> dict[str, object]:
    return {**report.parameters(), "data_digest": report.data.digest}


def _log_data(tracker: MLflowTracker, report: ErrorReport, name: str) -> None:
    about = report.data
    profile = {"people": about.people, "pictures": about.pictures, "tried": about.tried, "reviewed_attempts": about.attempts}
    source = {"data": name, "sha256": about.digest}
    tracker.log_dataset(name, about.digest, source=source, profile=profile, context=report.kind)


def _log_files(tracker: MLflowTracker, report: ErrorReport, page: str, scores: Sequence[Scores]) -> None:
    """The report, the raw scores and, each as a file that MLflow shows, the charts."""
    with tempfile.TemporaryDirectory(prefix="attend-measured-") as scratch:
        folder = Path(scratch)
        (folder / "report.html").write_text(page, encoding="utf-8")
        tracker.log_artifact(folder / "report.html")
        if scores and lines_in(scores) <= SCORES:
            with (folder / "scores.csv").open("w", encoding="utf-8", newline="") as file:
                write(file, scores, named=False)
            tracker.log_artifact(folder / "scores.csv")
        for name, drawn in charts(report).items():
            if drawn:
                (folder / f"{name}.svg").write_text(standalone(drawn), encoding="utf-8")
                tracker.log_artifact(folder / f"{name}.svg", "charts")
