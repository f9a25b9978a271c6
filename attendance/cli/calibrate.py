"""`calibrate` and `evaluate`: thresholds with measured error rates."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attendance import settings as settings_module
from attendance.bootstrap import exported, measuring
from attendance.cli.failures import Exit
from attendance.cli.models import Family  # noqa: TC001  Typer reads the annotation when the command is built
from attendance.cli.output import emit, note, progress, say, table
from attendance.cli.session import AsJson, opened, say_model
from attendance.errors import SettingsError
from attendance.services import pairs_file, sweep
from attendance.services.calibration_report import html as html_page
from attendance.services.error_report import ErrorReport, TooLittle
from attendance.services.import_folder import scan
from attendance.services.import_report import ImportReport
from attendance.services.report_tables import (
    SOURCE_COLUMNS,
    combination_table,
    data_rows,
    fmr_rows,
    head_rows,
    search_rows,
    source_rows,
)
from attendance.services.scores import MOST, lines_in, write
from attendance.services.wording import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.services.import_folder import PersonFolder
    from attendance.services.scores import Scores

TargetFpir = Annotated[
    float,
    typer.Option(
        "--target-fpir", metavar="RATE", help="Of strangers' searches, how many may name somebody: 0.001 is 0.1 %."
    ),
]
Track = Annotated[bool, typer.Option("--track/--no-track", help="Make an MLflow run of it, at MLFLOW_TRACKING_URI.")]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a report with charts as one HTML file.")
]

ScoresFile = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help="Write every distance as CSV, to recompute the rates from.")
]


def calibrate(
    target_fpir: TargetFpir = 0.001,
    references_only: Annotated[
        bool, typer.Option("--references-only", help="Leave the reviewed attempts out of the comparisons.")
    ] = False,
    html: HtmlFile = None,
    scores: ScoresFile = None,
    track: Track = True,
    as_json: AsJson = False,
) -> int:
    """Measure error rates of who is enrolled, at the threshold in use and at others."""
    _check(target_fpir, html, scores)
    with opened() as (application, report):
        made = measuring.compared(application, attempts=not references_only, progress=report)
        raw = () if isinstance(made, TooLittle) else (made.scores,)
        found = made if isinstance(made, TooLittle) else made.report(target_fpir=target_fpir)
        _write_scores(scores, raw)
        return _deliver([found], html, data="enrolled references", track=track, as_json=as_json, more={}, scores=raw)


def evaluate(
    places: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER", help="Holds one folder a person with pictures in it; values to try may follow."),
    ],
    pairs: Annotated[
        Path | None, typer.Option("--pairs", metavar="FILE", help="Compare the listed pairs alone, as LFW's pairs.txt does.")
    ] = None,
    model: Annotated[Family | None, typer.Option("--model", help="Without it the one that decides now.")] = None,
    tries: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="NAME=VALUES", help="Try each of these: threshold=0.4,0.5 use_tta_flip=true,false."),
    ] = None,
    target_fpir: TargetFpir = 0.001,
    html: HtmlFile = None,
    scores: ScoresFile = None,
    dvc: Annotated[
        Path | None,
        typer.Option("--dvc", metavar="REPORTS", help="FOLDER is an export: write its metrics and curves here for DVC."),
    ] = None,
    track: Track = True,
    as_json: AsJson = False,
) -> int:
    """Measure error rates of any pictures; nothing is enrolled."""
    _check(target_fpir, html, scores)
    if dvc is not None:
        return _for_dvc(places, dvc, target_fpir, html, as_json=as_json)
    words = [word for word in places if re.match(r"[a-z_]+=", word) and not Path(word).exists()]
    folders = [word for word in places if word not in words]
    if len(folders) != 1:
        raise typer.BadParameter("Give one folder, and the values to try after --sweep.")
    if words and not tries:
        raise typer.BadParameter(f"Put --sweep before {words[0]}.")
    folder = Path(folders[0])
    if not folder.is_dir():
        raise typer.BadParameter(f"There is no folder {folder}.")
    overrides: dict[str, Any] = {} if model is None else {"embedder": model.value, "model": ""}
    try:
        tried = sweep.combinations(sweep.parse([*(tries or []), *words]))
        listed = None if pairs is None else pairs_file.parse(_text(pairs))
        passed_over = ImportReport()
        people = scan(folder, passed_over)
        with opened(**overrides) as (application, report):
            say_model(application)
            done = measuring.evaluate(application, people, tried, pairs=listed, target_fpir=target_fpir, progress=report)
    except SettingsError as error:
        if error.name.startswith("ATTEND_"):
            raise
        raise typer.BadParameter(str(error) if error.name in str(error) else f"{error.name}: {error}") from error
    more = {
        "values": tried,
        "failed": [{"person": person, "picture": name, "reason": why} for person, name, why in done.failed[0]],
        "passed_over": [{"person": row.person, "picture": row.picture, "reason": row.reason} for row in passed_over.rows],
    }
    if not done.scores:
        _say_what_was_left(folder, people, done.failed[0])
    _write_scores(scores, done.scores)
    data = folder.name or str(folder)
    return _deliver(done.reports, html, data=data, track=track, as_json=as_json, more=more, scores=done.scores)


def _for_dvc(places: Sequence[str], reports: Path, target_fpir: float, html: Path | None, *, as_json: bool) -> int:
    """The stage of dvc.yaml. Too little to measure is no failure of it: the files say so."""
    settings = settings_module.load(model="")  # params.yaml decides, and what it decided can be told from git
    with progress() as report:
        found = exported.evaluate(settings, Path(places[0]), reports, target_fpir=target_fpir, progress=report)
    _deliver([found], html, data="export", track=False, as_json=as_json, more={})
    return Exit.DONE


def _deliver(
    found: Sequence[ErrorReport | TooLittle],
    html: Path | None,
    *,
    data: str,
    track: bool,
    as_json: bool,
    more: dict[str, Any],
    scores: Sequence[Scores] = (),
) -> int:
    """Show, write and pass on what was measured."""
    reports = [one for one in found if isinstance(one, ErrorReport)]
    if reports:
        page = html_page(reports)
        if html is not None:
            try:
                html.write_text(page, encoding="utf-8")
            except OSError as error:
                raise typer.BadParameter(f"{html} cannot be written: {error.strerror}.") from error
            note(f"The report is in {html}.")
        tracked = measuring.when_measured(reports, page, data=data, track=track, scores=scores)
        if tracked:
            note(tracked)
    if as_json:
        emit({**found[0].as_dict(), **more, **({"combinations": [_short(one) for one in found]} if len(found) > 1 else {})})
    else:
        _say(found)
    return Exit.DONE if len(reports) == len(found) else Exit.REJECTED


def _short(one: ErrorReport | TooLittle) -> dict[str, Any]:
    if isinstance(one, ErrorReport):
        return {"measured": True, "parameters": one.parameters(), "metrics": one.metrics()}
    return one.as_dict()


def _say(found: Sequence[ErrorReport | TooLittle]) -> None:
    for one in found:
        if not isinstance(one, ErrorReport):
            say(one.sentence)
    reports = [one for one in found if isinstance(one, ErrorReport)]
    if not reports:
        return
    if len(found) > 1:
        table(*combination_table(reports))
        return
    report = reports[0]
    say(f"{report.model_id}, threshold {report.threshold:g} (L2 distance).")
    table(("rate", "measured", "95 %", "seen"), head_rows(report))
    say("")
    table(("FMR at most", "threshold", "FNMR", ""), fmr_rows(report))
    say("")
    for name, value in (*search_rows(report), *data_rows(report)):
        say(f"{name}: {value}")
    if len(report.sources) > 1:
        say("")
        table(SOURCE_COLUMNS, source_rows(report))
    for limit in report.notes:
        note(limit)
    if report.target is not None and report.target.warning:
        note(f"Warning: {report.target.growth}")


def _say_what_was_left(folder: Path, people: Sequence[PersonFolder], failed: Sequence[tuple[str, str, str]]) -> None:
    """Why there is too little, where it may be the pictures' place or the pictures."""
    pictures = sum(len(person.files) for person in people)
    if not pictures:
        note(f"There are no pictures in folders of {folder}; it is to hold one folder for each person.")
    elif failed:
        reasons = ", ".join(f"{reason} {number}" for reason, number in Counter(why for _, _, why in failed).most_common())
        note(f"{len(failed)} of {many(pictures, 'picture')} could not be used: {reasons}.")


def _write_scores(path: Path | None, scores: Sequence[Scores]) -> None:
    """With too little to measure there are none, which the report says."""
    if path is None or not scores:
        return
    if (lines := lines_in(scores)) > MOST:
        note(f"No scores are written: there are {lines:,}, and {MOST:,} are the most.")
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write(file, scores, named=True)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}.") from error
    note(f"The {lines:,} raw scores are in {path}.")


def _check(target_fpir: float, *files: Path | None) -> None:
    if not 0 < target_fpir < 1:
        raise typer.BadParameter("--target-fpir is more than 0 and less than 1; 0.001 is 0.1 %.")
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise typer.BadParameter(f"There is no folder {file.parent}.")
        if file is not None and file.is_dir():
            raise typer.BadParameter(f"{file} is a folder; name a file in it.")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(pairs_file.MOST_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > pairs_file.MOST_BYTES:
        raise typer.BadParameter(f"{path} is too large for a list of pairs.")
    return data.decode("utf-8", errors="replace")
