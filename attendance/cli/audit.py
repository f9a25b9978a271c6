"""`audit`: what operators did, and whether the trail is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, plain, say
from attendance.cli.session import AsJson, opened
from attendance.cli.text import local_text
from attendance.domain.audit import first_broken
from attendance.errors import CorruptRecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attendance.domain.model import AuditEntry


def audit(
    verify: Annotated[bool, typer.Option("--verify", help="Only check that no entry was changed or taken out.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what operators did, or check that the trail is whole."""
    with opened() as (application, _):
        if verify:
            return _verify(application.store.audit(), as_json=as_json)
        if as_json:
            emit({"entries": [_row(entry) for entry in application.store.audit()]})
            return Exit.DONE
        zone = application.zone
        empty = True
        for entry in application.store.audit():
            empty = False
            details = " ".join(f"{key}={plain(value)}" for key, value in sorted(entry.details.items()))
            say(f"{entry.sequence:>5}  {local_text(entry.at_utc, zone)}  {entry.actor}  {entry.action}  {details}")
        if empty:
            note("No entries.")
    return Exit.DONE


def _verify(entries: Iterable[AuditEntry], *, as_json: bool) -> int:
    counted = 0

    def counting() -> Iterator[AuditEntry]:
        nonlocal counted
        for entry in entries:
            counted += 1
            yield entry

    broken = first_broken(counting())
    if broken is not None:
        raise CorruptRecordError(
            f"The audit is not whole from entry {broken} on: it was changed, or one before it is missing.",
            record=f"audit {broken}",
        )
    if as_json:
        emit({"whole": True, "entries": counted})
    else:
        say(f"The audit is whole: {counted} entries.")
    return Exit.DONE


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "at_utc": entry.at_utc,
        "actor": entry.actor,
        "action": entry.action,
        "details": entry.details,
        "digest": entry.digest,
    }
