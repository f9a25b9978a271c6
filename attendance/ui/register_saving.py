"""Saving a new person, in a thread of its own: started once however often the button is pressed, and watched by the page."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import structlog

from attendance.api.running import Busy
from attendance.domain.names import clean_name
from attendance.errors import AttendanceError, DuplicatePictureError, PersonExistsError
from attendance.services.enrol import Enrolment
from attendance.ui.queued import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from attendance.bootstrap import Application
    from attendance.services.enrol import Judgement

    Progress = Callable[[int, int], None]

log = structlog.get_logger(__name__)


class Saving:
    """One attempt at saving.

    Args:
        deed: stores, and tells how many pictures of how many are done.
        pictures: how many there are.

    Attributes:
        done, total: pictures.
        enrolment: what was stored; None where nothing was.
        error: why nothing was stored; None also where the server had too much to do.
    """

    def __init__(self, deed: Callable[[Progress], Enrolment], pictures: int) -> None:
        self.done, self.total = 0, pictures
        self.enrolment: Enrolment | None = None
        self.error: AttendanceError | None = None
        self._thread = threading.Thread(target=self._run, args=(deed,), name="register", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Until it has ended, or for so long; whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self, deed: Callable[[Progress], Enrolment]) -> None:
        try:
            self.enrolment = in_turn(deed, self._progress)
        except AttendanceError as error:
            self.error = error
        except Busy:
            log.info("register_busy")

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


class Details(NamedTuple):
    """Who the new person is, as typed; empty texts count as not given. ``consent`` is what is recorded about it."""

    name: str
    staff_number: str
    group: str
    consent: str | None


def new_person(
    parts: Application, judged: Sequence[Judgement], details: Details, *, others: Collection[str], actor: str
) -> Saving:
    """Register somebody.

    Args:
        parts: of this server; its model made the judgements.
        judged: the pictures.
        details: who it is.
        others: ids of people whom the operator says are not the new one, though they look alike. A look-alike who came
            since is no part of that, and has to be decided about.
        actor: the operator.
    """

    def deed(progress: Progress) -> Enrolment:
        try:
            resembling = parts.enrol.check(judged) if others else None
            sure = resembling is not None and resembling.found.person_id in others
            return parts.enrol.enrol(
                details.name,
                [one.picture for one in judged],
                external_id=details.staff_number,
                group=details.group,
                consent=details.consent,
                overruled_by=actor if sure else None,
                actor=actor,
                progress=progress,
            )
        except (PersonExistsError, DuplicatePictureError):
            stored = _stored_before(parts, judged, details.name)
            if stored is None:
                raise
            return stored

    return Saving(deed, len(judged))


def more_pictures(
    parts: Application, judged: Sequence[Judgement], person_id: str, *, overruled_by: str | None, actor: str
) -> Saving:
    """Add the pictures to somebody who is registered."""

    def deed(progress: Progress) -> Enrolment:
        pictures = [one.picture for one in judged]
        return parts.enrol.add_pictures(person_id, pictures, overruled_by=overruled_by, actor=actor, progress=progress)

    return Saving(deed, len(judged))


def _stored_before(parts: Application, judged: Sequence[Judgement], name: str) -> Enrolment | None:
    """What an earlier try stored, where the database broke off before it could say so: this person with these pictures."""
    person = parts.enrol.named(clean_name(name))
    if person is None:
        return None
    owners = [parts.store.picture_owner(one.sha256) for one in judged]
    if not all(owner is not None and owner.person_id == person.person_id for owner in owners):
        return None
    return Enrolment(person, len(judged))
