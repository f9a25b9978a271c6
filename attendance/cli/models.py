"""`models` and `reembed`: which networks are here, which one decides, and the change from one to another."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003  Typer reads the annotation when the command is built
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attendance.bootstrap import build, registered
from attendance.cli import registry
from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, say
from attendance.cli.session import AsJson, opened, say_model, stoppable
from attendance.errors import StoreUnavailableError

if TYPE_CHECKING:
    from attendance.bootstrap import Application
    from attendance.faces.inventory import ModelEntry
    from attendance.services.reembed import Reembedding


class Family(StrEnum):
    """The networks that make embeddings."""

    FACENET = "facenet"
    DLIB = "dlib"


def models(
    action: Annotated[
        Literal["register", "promote", "rollback", "list"] | None,
        typer.Argument(metavar="[register|promote|rollback|list]", help="In MLflow's registry; without it: what is here."),
    ] = None,
    which: Annotated[
        str, typer.Option("--version", metavar="NUMBER", help="What to promote: a number, or an alias such as @challenger.")
    ] = "@challenger",
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Register with this value, such as threshold=0.5; repeatable."),
    ] = None,
    on: Annotated[
        Path | None, typer.Option("--on", metavar="FOLDER", help="Before promoting, measure both on the pictures in it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote one that is worse or was not compared.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded for ever.")] = "",
    fetch: Annotated[bool, typer.Option("--fetch", help="Download FaceNet's weights now, and make its files.")] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make ready whatever a start needs; downloads only where that can be of use.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="FOLDER", help="Write what decides now into this folder, for DVC."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show the models: what is here, which decides, where from; or register the recogniser, promote it, take it back."""
    if action is not None:
        return registry.act(action, which=which, values=values or [], on=on, force=force, reason=reason, as_json=as_json)
    if keep is not None:
        return _keep(keep, as_json=as_json)
    with opened() as (application, report):
        # The files are made without a question to the store, and with a database that is away, too.
        files = build(application.settings, progress=report, saved=False)
        if fetch:
            files.catalogue.embedder(Family.FACENET, files.options, progress=files.downloading)
        if prepare:
            try:
                application.prepare()
                application.warm()
                say_model(application)
            except StoreUnavailableError as error:
                note(f"{error} The model files are made ready; the stored pictures have to wait.")
                files.prepare_files()
                files.warm()
                return Exit.DONE if not as_json else _emit_files(files)
        if as_json:
            emit(_document(application))
        else:
            _say(application)
    return Exit.DONE


def _keep(folder: Path, *, as_json: bool) -> int:
    with opened() as (application, _):
        made = registered.keep(application, folder)
    if as_json:
        emit({"folder": str(folder), "digest": made.digest, "model_id": made.model_id, "threshold": made.threshold})
    else:
        say(f"{folder} holds {made.model_id} with threshold {made.threshold:g}. Its digest is {made.digest}.")
        note(f"Version it: dvc add {folder}. Use it: ATTEND_MODEL={folder}")
    return Exit.DONE


def reembed(
    to: Annotated[
        Family | None, typer.Option("--to", help="The model to change to; without it the one that the settings choose.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make templates with another model, then let that one decide."""
    overrides: dict[str, Any] = {} if to is None else {"embedder": to.value, "model": ""}
    with opened(**overrides) as (application, report), stoppable() as should_stop:
        done = application.reembed.run(lambda seen, total, _: report("Embedding", seen, total), should_stop)
        if as_json:
            emit(_work(done))
        else:
            _say_work(done)
        if should_stop():
            return Exit.INTERRUPTED
        if done.total and not done.done and done.failed:
            return Exit.MODEL
    return Exit.DONE


def _emit_files(files: Application) -> int:
    """What can be said without the store."""
    listed = [{name: getattr(entry, name) for name in entry.__slots__} for entry in files.catalogue.entries(files.options)]
    emit({"active": None, "in_use": None, "models": [{**one, "active": False} for one in listed], "coverage": []})
    return Exit.DONE


def _document(application: Application) -> dict[str, Any]:
    active = application.store.active_model()
    in_use = None
    if application.decided:  # showing a list downloads nothing
        model = application.model
        in_use = {name: getattr(model, name) for name in model.__slots__} | {"why": application.catalogue.why}
    return {
        "active": active,
        "in_use": in_use,
        "models": [
            {name: getattr(entry, name) for name in entry.__slots__} | {"active": _is_active(entry, active)}
            for entry in application.catalogue.entries(application.options)
        ],
        "coverage": [{name: getattr(one, name) for name in one.__slots__} for one in application.store.template_coverage()],
    }


def _is_active(entry: ModelEntry, active: str | None) -> bool:
    return active is not None and entry.model_id == active


def _say(application: Application) -> None:
    active = application.store.active_model()
    for entry in application.catalogue.entries(application.options):
        say(f"{entry.name}: {entry.state}{', active' if _is_active(entry, active) else ''}. {entry.source}")
        if entry.model_id:
            say(f"    {entry.model_id}")
    for one in application.store.template_coverage():
        say(f"Templates of {one.model_id}: {one.templates} of {one.references} pictures, {one.failed} tried in vain.")
    if active is None:
        note("No model is active before the first enrolment.")
    if not application.decided:
        note("FaceNet will be downloaded at the first use where that is possible; else dlib's ResNet is used.")
        return
    in_use = application.model
    say(f"In use: {application.catalogue.why} Threshold {in_use.threshold:g} (L2), computed by {in_use.runtime}.")
    if active not in {None, in_use.model_id}:
        note(f"The enrolled pictures were made ready for {active}. `python -m attendance reembed` makes the change.")


def _work(done: Reembedding) -> dict[str, Any]:
    failed = [{"reference_id": f.reference_id, "person_id": f.person_id, "reason": f.reason} for f in done.failed]
    return {
        "model_id": done.model_id,
        "total": done.total,
        "done": done.done,
        "failed": failed,
        "activated": done.activated,
        "complete": done.complete,
    }


def _say_work(done: Reembedding) -> None:
    if not done.total:
        say(f"Nothing to do: every picture has a template of {done.model_id}, or cannot have one.")
    else:
        say(f"{done.done} of {done.total} pictures have a template of {done.model_id} now.")
    for one in done.failed:
        note(f"Picture {one.reference_id} of person {one.person_id} cannot be used: {one.reason}.")
    if done.activated:
        say(f"{done.model_id} decides from now on.")
    if not done.complete:
        note("Stopped. Start it again to go on.")
