"""`export` and `restore`: the database as files that DVC versions, and back. docs/export.md is their manual."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlsplit, urlunsplit

import typer

from attendance.bootstrap.tracked_jobs import job
from attendance.cli.failures import Exit, leaving
from attendance.cli.output import emit, note, say
from attendance.cli.session import AsJson, TrackJob, opened, operator
from attendance.export.exporter import Wish
from attendance.export.exporter import export as run_export
from attendance.export.layout import Part
from attendance.export.restore import restore as run_restore
from attendance.export.restore import told
from attendance.settings import load

if TYPE_CHECKING:
    from attendance.export.summary import Difference, Summary

FOLDER = Path("data/mongodb_export")


def export(
    connection_string: Annotated[
        str | None,
        typer.Option("--connection-string", metavar="URL", help="Of the database; without it, ATTEND_STORE_URL."),
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="NAME", help="Of MongoDB's databases; without it, the URL's.")
    ] = None,
    export_all: Annotated[
        bool, typer.Option("--export-all", help="Everything; so it is without any --export option.")
    ] = False,
    export_images: Annotated[bool, typer.Option("--export-images", help="People, pictures and templates.")] = False,
    export_attendance: Annotated[bool, typer.Option("--export-attendance", help="Attendance and attempts.")] = False,
    output_dir: Annotated[Path, typer.Option("--output-dir", metavar="FOLDER", help="Where to; of its own.")] = FOLDER,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every picture and every file again, and compare them all.")
    ] = False,
    track: TrackJob = None,
    as_json: AsJson = False,
) -> int:
    """Export people, pictures and records into a folder: the same data give the same bytes."""
    parts = {Part.IMAGES} if export_images else set()
    parts |= {Part.ATTENDANCE} if export_attendance else set()
    if export_all or not parts:
        parts = set(Part)
    overrides = (
        {} if connection_string is None and database is None else {"store_url": store_url(connection_string, database)}
    )
    wish = Wish(frozenset(parts), dry_run=dry_run, verify=verify)
    with (
        leaving("The folder is as it was."),
        job("export", load(**overrides), output_dir, track=False if dry_run else track) as told_of,
        opened(**overrides) as (application, report),
    ):
        summary = run_export(application.store, output_dir, wish, report)
        told_of.exported(summary)
    if as_json:
        emit(summary.as_dict())
    else:
        _tell(summary)
    differs = verify and (summary.repaired or (dry_run and summary.changed))
    return Exit.REJECTED if summary.problems.total or differs else Exit.DONE


def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of an export.")],
    merge: Annotated[
        bool, typer.Option("--merge", help="Also into a database that holds other people and records, which stay.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")] = False,
    track: TrackJob = None,
    as_json: AsJson = False,
) -> int:
    """Put an export back into the database of the settings: people, pictures, records, settings and the audit."""
    with (
        leaving("What was put back before stays; run it again for the rest."),
        job("restore", load(), folder, track=False if dry_run else track) as told_of,
        opened() as (application, report),
    ):
        done = run_restore(application.store, folder, report, merge=merge, dry_run=dry_run, actor=operator())
        told_of.restored(done)
    if as_json:
        emit(done.as_dict())
        return Exit.DONE
    if dry_run or done.merged:
        say(f"The database: {told(done.plan, done=done.done)}")
    if not dry_run:
        say(f"Restored from {done.folder}." if done.plan.add.total() else f"Everything of {done.folder} was there already.")
    if done.merged and not done.plan.audit:
        note("The database keeps its own audit; that of the export stays in the export alone.")
    return Exit.DONE


def store_url(given: str | None, database: str | None) -> str:
    """The connection string with the database's name in it, as MongoDB's own tools take the two.

    Raises:
        typer.BadParameter: the store is a file, which has no databases.
    """
    url = given if given is not None else load().store_url.get_secret_value()
    if database is None:
        return url
    if not url.strip().startswith(("mongodb://", "mongodb+srv://")):
        raise typer.BadParameter("--database is of MongoDB; the store is another one.")
    parts = urlsplit(url.strip())
    query, before = parts.query, parts.path.strip("/")
    if "@" in parts.netloc and before and "authsource" not in query.lower():  # a path also says where the account lives
        query = f"{query}&authSource={before}" if query else f"authSource={before}"
    return urlunsplit((parts.scheme, parts.netloc, f"/{quote(database, safe='')}", query, ""))


def _tell(summary: Summary) -> None:
    for problem in summary.problems.first:
        note(f"Left out: {problem['record']}: {problem['why']}")
    more = summary.problems.total - len(summary.problems.first)
    if more > 0:
        note(f"Left out: {more} more.")
    for path in summary.repaired[:10]:
        note(f"Not as it was exported: {path}")
    counts = summary.counts
    held = ", ".join(f"{counts[name]:,} {name}" for name in sorted(counts))
    say(f"{'Would hold' if summary.dry_run else 'Holds'}: {held}.")
    say(f"People: {_words(summary.people)}. Pictures: {_words(summary.pictures)}.")
    if not summary.changed:
        say(f"Nothing changed: {summary.folder} is as it was.")
    else:
        say(f"{'Would change' if summary.dry_run else 'Exported to'} {summary.folder}.")


def _words(found: Difference) -> str:
    return f"{found.added} added, {found.changed} changed, {found.removed} removed"
