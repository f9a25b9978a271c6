"""`models register|promote|rollback|list`: versions of the recogniser in MLflow's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import typer

from attendance.bootstrap import registered
from attendance.cli import session
from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, say, table
from attendance.cli.session import opened
from attendance.errors import SettingsError
from attendance.services import sweep
from attendance.services.import_folder import scan
from attendance.services.import_report import ImportReport
from attendance.services.promotion import Who, evaluations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from attendance.domain.registered import Version
    from attendance.services.promotion import Outcome

Action = Literal["register", "promote", "rollback", "list"]


def act(
    action: Action, *, which: str, values: Sequence[str], on: Path | None, force: bool, reason: str, as_json: bool
) -> int:
    """Do one of them; the options are those of `models`."""
    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason: it is recorded.")
    if action == "list":
        return _list(as_json=as_json)
    if action == "register":
        return _register(values, as_json=as_json)
    who = Who(session.operator(), reason)
    if action == "rollback":
        with opened(model="") as (application, _):
            return _say_outcome(registered.rollback(application, who), as_json=as_json)
    people = None
    if on is not None:
        if not on.is_dir():
            raise typer.BadParameter(f"There is no folder {on}.")
        people = scan(on, ImportReport())
    with opened(model="") as (application, report):
        done = registered.promote(
            application, which, people, who, data="" if on is None else on.name, force=force, progress=report
        )
    return _say_outcome(done, as_json=as_json)


def _register(values: Sequence[str], *, as_json: bool) -> int:
    try:
        tried = sweep.combinations(sweep.parse(values))
        if len(tried) != 1:
            raise typer.BadParameter("--set takes one value a name.")
        with opened() as (application, report):
            version, uncalibrated = registered.register(application, tried[0], session.operator(), report)
    except SettingsError as error:
        if error.name.startswith("ATTEND_"):
            raise
        raise typer.BadParameter(str(error)) from error
    if as_json:
        emit({**_document(version), "calibrated": not uncalibrated, "sentence": uncalibrated})
        return Exit.DONE
    say(f"Registered as version {version.number}, the challenger: {version.tags['model_id']}, {version.tags['threshold']}.")
    if uncalibrated:
        note(uncalibrated)
    return Exit.DONE


def _list(*, as_json: bool) -> int:
    versions = registered.registry().versions()
    if as_json:
        emit({"versions": [_document(one) for one in versions]})
    elif not versions:
        say("Nothing is registered yet. `python -m attendance models register` registers what decides now.")
    else:
        columns = ("version", "alias", "model", "threshold", "registered", "by", "measured on")
        table(columns, [_row(one) for one in versions])
    return Exit.DONE


def _row(one: Version) -> tuple[str, ...]:
    measured = ", ".join(digest[:12] for digest in evaluations(one))
    at = one.made_at_utc.strftime("%Y-%m-%d %H:%M UTC")
    tags = one.tags
    names = ", ".join(one.aliases)
    model, threshold, by = (tags.get(name, "") for name in ("model_id", "threshold", "registered.by"))
    return (str(one.number), names, model, threshold, at, by, measured)


def _document(one: Version) -> dict[str, Any]:
    return {
        "version": one.number,
        "aliases": one.aliases,
        "registered_at": one.made_at_utc,
        "digest": one.digest,
        "tags": dict(one.tags),
        "evaluations": evaluations(one),
    }


def _say_outcome(done: Outcome, *, as_json: bool) -> int:
    if as_json:
        compared = [] if done.verdict is None else done.verdict.compared
        emit(
            {
                "done": done.done,
                "champion": done.champion,
                "sentences": done.sentences,
                "data_digest": "" if done.verdict is None else done.verdict.data_digest,
                "compared": [{"rate": name, "champion": old, "challenger": new} for name, old, new in compared],
            }
        )
    else:
        for sentence in done.sentences:
            say(sentence)
    return Exit.DONE if done.done else Exit.REJECTED
