"""`people`, `rename`, `deactivate`, `activate`, `remove`: who is enrolled. None of them needs a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, say, table
from attendance.cli.session import AsJson, opened, operator
from attendance.cli.text import safe
from attendance.domain.model import PersonStatus
from attendance.errors import PersonNotFoundError

if TYPE_CHECKING:
    from attendance.domain.model import Person
    from attendance.store.base import Store

Key = Annotated[str, typer.Argument(metavar="NAME", help="The person's name, staff number or id.")]


def people(
    search: Annotated[
        str, typer.Option("--search", metavar="TEXT", help="Only those with this text in name, staff number or group.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """List the people who are enrolled, by name."""
    with opened() as (application, _):
        found = application.people.list(search=search)
        if as_json:
            emit({"people": [row(person) for person in found]})
        elif found:
            columns = ("Name", "Staff number", "Group", "Pictures", "Status")
            table(columns, [(p.name, p.external_id, p.group, p.reference_count, p.status) for p in found])
        else:
            note("Nobody is enrolled." if not search else "Nobody fits.")
    return Exit.DONE


def rename(
    name: Key,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="The name from now on.")],
    as_json: AsJson = False,
) -> int:
    """Give a person another name; old records keep the old one."""
    with opened() as (application, _):
        person = find(application.store, name)
        changed = application.people.rename(person.person_id, new_name, actor=operator())
        _tell(changed, f"{person.name} is now called {changed.name}.", as_json=as_json)
    return Exit.DONE


def deactivate(name: Key, as_json: AsJson = False) -> int:
    """Leave a person out of every comparison; removes nothing."""
    with opened() as (application, _):
        changed = application.people.deactivate(find(application.store, name).person_id, actor=operator())
        _tell(changed, f"{changed.name} is inactive and cannot check in.", as_json=as_json)
    return Exit.DONE


def activate(name: Key, as_json: AsJson = False) -> int:
    """Compare a person again who was deactivated."""
    with opened() as (application, _):
        changed = application.people.activate(find(application.store, name).person_id, actor=operator())
        _tell(changed, f"{changed.name} is active.", as_json=as_json)
    return Exit.DONE


def remove(
    name: Key,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Remove a person with all pictures; attendance records stay."""
    with opened() as (application, _):
        person = find(application.store, name)
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise typer.BadParameter("Removing cannot be undone: add --yes where nobody can be asked.")
            question = f"Remove {safe(person.name)} with {person.reference_count} pictures? This cannot be undone."
            if not typer.confirm(question, err=True):
                note("Nothing was removed.")
                return Exit.REJECTED
        removed = application.people.remove(person.person_id, actor=operator())
        _tell(removed, f"{removed.name} is removed, with {person.reference_count} pictures.", as_json=as_json)
    return Exit.DONE


def find(store: Store, key: str) -> Person:
    """The person of this name or staff number or, where none fits, this id: a name of an older database may be one that
    cannot be typed.

    Raises:
        PersonNotFoundError: nobody fits.
    """
    try:
        return store.find_person(key)
    except PersonNotFoundError:
        try:
            return store.person(key)
        except PersonNotFoundError:
            raise PersonNotFoundError(f"Nobody called {safe(key)} is enrolled.", key=key) from None


def row(person: Person) -> dict[str, Any]:
    """A person as JSON."""
    return {
        "person_id": person.person_id,
        "name": person.name,
        "staff_number": person.external_id,
        "group": person.group,
        "status": person.status,
        "active": person.status is PersonStatus.ACTIVE,
        "pictures": person.reference_count,
        "created_at": person.created_at,
        "consent": person.consent,
    }


def _tell(person: Person, sentence: str, *, as_json: bool) -> None:
    if as_json:
        emit({"person": row(person)})
    else:
        say(sentence)
