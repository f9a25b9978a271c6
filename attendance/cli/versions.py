"""`versions`: make a version of what is in the database, list those there are, push and pull them."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  Typer reads the annotation when the command is built
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attendance import settings as settings_module
from attendance.bootstrap import exported
from attendance.bootstrap import versions as bootstrap
from attendance.bootstrap.tracked_jobs import job
from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, progress, say, table
from attendance.cli.session import AsJson, TrackJob  # noqa: TC001  Typer reads the annotation when the command is built
from attendance.cli.text import utc_text
from attendance.versions.history import Version
from attendance.versions.history import versions as listed

if TYPE_CHECKING:
    from attendance.export.validation import Validation

WORDS = {
    "damaged": "Not as it was exported",
    "missing": "Missing",
    "unlisted": "Not of the export",
    "undecodable": "No picture that can be read",
    "no_face": "Without a face",
    "several_faces": "With several faces",
    "orphan_pictures": "Picture of nobody",
    "orphan_templates": "Template of no picture",
    "orphan_attendance": "Record of somebody who was removed",
    "orphan_attempts": "Attempt of somebody who was removed",
}


def versions(
    action: Annotated[
        Literal["list", "save", "push", "pull"], typer.Argument(metavar="list|save|push|pull", help="What to do.")
    ],
    no_push: Annotated[bool, typer.Option("--no-push", help="save: leave the pushing for later.")] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="save: commit also where nobody is left in the database.")
    ] = False,
    nightly: Annotated[bool, typer.Option("--nightly", help="save: for the nightly script, which keeps a log.")] = False,
    as_json: AsJson = False,
) -> int:
    """Versions of the export: list, save, push, pull."""
    settings = settings_module.load()
    if action == "list":
        return _list(settings.versions_branch, as_json=as_json)
    if action == "save":
        source = "nightly" if nightly else "cli"
        step = (lambda _: None) if as_json else (lambda name: note(f"{name} …"))
        saved = bootstrap.save(settings, source, push=not no_push, allow_empty=allow_empty, step=step)
        document: dict[str, object] = {"commit": saved.commit, "pushed": saved.pushed, "sentence": saved.sentence()}
    elif action == "push":
        pushed = bootstrap.push(settings)
        document = {"pushed": pushed, "sentence": f"Everything is on the remote; {pushed} versions were waiting."}
    else:
        bootstrap.pull(settings)
        document = {"sentence": "The files of the version that is checked out are here."}
    if as_json:
        emit(document)
    else:
        say(str(document["sentence"]))
    return Exit.DONE


def validate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of an export.")],
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the numbers as JSON, for DVC's metrics.")
    ] = None,
    track: TrackJob = None,
    as_json: AsJson = False,
) -> int:
    """Look whether an export is whole and its pictures can be used."""
    settings = settings_module.load(model="")
    with job("validation", settings, folder, track=track) as told_of, progress() as told:
        found = exported.validate(settings, folder, report, progress=told, seen=told_of.holds)
        told_of.validated(found)
    if as_json:
        emit({**found.as_dict(), "first": found.first})
    else:
        for one in found.first:
            note(f"{WORDS[one['problem']]}: {one['where']}")
        if sum(found.counts.values()) > len(found.first):
            note("And more.")
        say(f"{found.files:,} files, {found.pictures:,} pictures: {_summary(found)}")
    return Exit.DONE if found.whole else Exit.REJECTED


def _summary(found: Validation) -> str:
    told = [f"{count:,} {WORDS[kind].lower()}" for kind, count in found.counts.items() if count]
    return f"{', '.join(told)}." if told else "all well."


def _list(branch: str, *, as_json: bool) -> int:
    found = listed(bootstrap.tools_of(), branch)
    if as_json:
        emit({"versions": [_plain(one) for one in found]})
    elif found:
        columns = ("time (UTC)", "commit", "people", "pictures", "MB", "FMR", "FNMR", "pushed", "")
        table(columns, [_row(one) for one in found])
    else:
        say("There is no version yet. `python -m attendance versions save` makes the first one.")
    return Exit.DONE


def _plain(one: Version) -> dict[str, object]:
    held: dict[str, object] = {name: getattr(one, name) for name in one.__slots__}
    change = one.change
    return {**held, "change": None if change is None else {name: getattr(change, name) for name in change.__slots__}}


def _row(one: Version) -> tuple[object, ...]:
    rates = [f"{one.rates[name]:.3g}" if name in one.rates else None for name in ("fmr", "fnmr")]
    size, pushed = f"{one.size_bytes / 1e6:.1f}", "lost" if one.lost else "yes" if one.pushed else "no"
    return (utc_text(one.at_utc), one.commit[:10], one.people, one.pictures, size, *rates, pushed, one.subject)
