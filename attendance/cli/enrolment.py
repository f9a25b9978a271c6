"""`enrol` and `import`: people from pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, say
from attendance.cli.people import row
from attendance.cli.session import AsJson, opened, operator, read_picture, say_model, stoppable
from attendance.services.import_report import ImportStatus
from attendance.services.importer import import_folder
from attendance.services.pictures import NamedPicture

if TYPE_CHECKING:
    from attendance.services.enrol import Enrolment
    from attendance.services.import_report import ImportReport

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Holds one folder a person, named after them, with pictures in it.")
]


def enrol(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As it will be shown.")],
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE", help="One picture or more, four are best; each shows this person alone."),
    ],
    staff_number: Annotated[str | None, typer.Option("--staff-number", help="Unique, where given.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Such as a department.")] = None,
    allow_look_alike: Annotated[
        bool,
        typer.Option("--allow-look-alike", help="You say that this is not the person who looks alike; it is recorded."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Enrol a person from pictures: all are stored, or nothing."""
    with opened() as (application, report):
        limit = application.settings.max_image_bytes
        given = [NamedPicture("the picture on stdin" if p == "-" else p, read_picture(p, limit)) for p in pictures]
        application.prepare()
        say_model(application)
        actor = operator()
        enrolment = application.enrol.enrol(
            name,
            given,
            external_id=staff_number,
            group=group,
            overruled_by=actor if allow_look_alike else None,
            actor=actor,
            progress=lambda done, total: report("Looking at the pictures", done, total),
        )
        if as_json:
            emit(_document(enrolment, application.engine.model.model_id))
        else:
            say(f"{enrolment.person.name} is enrolled with {_count(enrolment.pictures, 'picture')}.")
            if enrolment.look_alike is not None:
                note(f"Recorded: {actor} says that this is not {enrolment.look_alike.name}, who looks alike.")
    return Exit.DONE


def import_(
    folder: Folder,
    allow_look_alikes: Annotated[
        bool,
        typer.Option("--allow-look-alikes", help="You say that people who can hardly be told apart are different people."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Enrol everybody in a folder; can be stopped and resumed."""
    if not folder.is_dir():
        raise typer.BadParameter(f"There is no folder {folder}.")
    with opened() as (application, report), stoppable() as should_stop:
        application.prepare()
        say_model(application)
        done = import_folder(
            folder,
            application.enrol,
            allow_look_alikes=allow_look_alikes,
            actor=operator(),
            progress=lambda done, total, _name: report("Importing", done, total),
            should_stop=should_stop,
        )
        if as_json:
            emit(done.as_dict())
        else:
            _say_import(done)
        if should_stop():
            return Exit.INTERRUPTED
    refused = done.stopped is not None or any(line.status is ImportStatus.REFUSED for line in done.rows)
    return Exit.REJECTED if refused else Exit.DONE


def _say_import(done: ImportReport) -> None:
    totals = done.totals()
    for line in done.rows:
        if line.status is ImportStatus.REFUSED:
            where = "/".join(part for part in (line.person, line.picture) if part)
            say(f"refused {where}: {line.sentence}", mark="rejected")
    for alike in done.look_alikes:
        if alike.enrolled:
            say(
                f"look-alike {alike.person}: resembles {alike.resembles} (distance {alike.distance_l2:.3f}).", mark="warning"
            )
    say(
        f"{_count(totals['people_added'], 'person', 'people')} added, {totals['people_extended']} extended, "
        f"{totals['people_unchanged']} unchanged, {totals['people_refused']} refused; "
        f"{_count(totals['pictures_added'], 'picture')} added, {totals['pictures_skipped']} skipped, "
        f"{totals['pictures_refused']} refused."
    )
    if done.stopped is not None:
        note(done.stopped)


def _document(enrolment: Enrolment, model_id: str) -> dict[str, Any]:
    alike = enrolment.look_alike
    return {
        "person": row(enrolment.person),
        "pictures": enrolment.pictures,
        "model_id": model_id,
        "look_alike": None
        if alike is None
        else {"name": alike.name, "person_id": alike.person_id, "distance_l2": alike.distance_l2, "limit": alike.limit},
    }


def _count(number: int, thing: str, several: str = "") -> str:
    return f"{number} {thing if number == 1 else several or f'{thing}s'}"
