"""The people who are enrolled: find, rename, deactivate, activate, remove. Every change leaves a trace in the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from attendance.domain.model import PersonStatus
from attendance.domain.names import clean_name
from attendance.services.audit import recorded
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from attendance.domain.model import Person, Reference
    from attendance.services.clock import Clock
    from attendance.services.roster import Roster
    from attendance.store.base import Store

    # Named here because inside the class ``list`` is the method.
    People = list[Person]
    Pictures = list[Reference]

log = structlog.get_logger(__name__)


class PeopleService:
    """Everything but enrolment. People are changed by their id; ``find`` gives it for a name or a staff number."""

    def __init__(self, store: Store, roster: Roster, clock: Clock = now_utc) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock

    def find(self, key: str) -> Person:
        """The person of this name or, where no name fits, of this staff number.

        Raises:
            PersonNotFoundError.
        """
        return self._store.find_person(key)

    def list(
        self, *, search: str = "", status: PersonStatus | None = None, limit: int | None = None, offset: int = 0
    ) -> People:
        """People by name; ``search`` looks in name, staff number and group."""
        return self._store.people(search=search, status=status, limit=limit, offset=offset)

    def pictures(self, person_id: str) -> Pictures:
        """A person's pictures, without their bytes."""
        return self._store.references(person_id)

    def rename(self, person_id: str, name: str, *, actor: str) -> Person:
        """Give a person another name. Attendance records keep the name they were written with.

        Raises:
            NameRefusedError, PersonExistsError, PersonNotFoundError.
        """
        clean = clean_name(name)
        self._store.person(person_id)
        with recorded(self._store, self._clock, actor, "rename", {"person_id": person_id}):
            changed = self._store.update_person(person_id, name=clean)
        return self._changed(changed, "renamed")

    def deactivate(self, person_id: str, *, actor: str) -> Person:
        """Keep a person's data but compare him or her with nobody from now on."""
        return self._set_status(person_id, PersonStatus.INACTIVE, "deactivate", actor)

    def activate(self, person_id: str, *, actor: str) -> Person:
        """Let an inactive person check in again."""
        return self._set_status(person_id, PersonStatus.ACTIVE, "activate", actor)

    def remove(self, person_id: str, *, actor: str) -> Person:
        """Remove a person with all pictures and templates; attendance and attempts stay.

        Returns:
            The person as he or she was, with the number of pictures that went.

        Raises:
            PersonNotFoundError.
        """
        self._store.person(person_id)
        with recorded(self._store, self._clock, actor, "remove", {"person_id": person_id}):
            removed = self._store.remove_person(person_id)
        return self._changed(removed, "removed")

    def _set_status(self, person_id: str, status: PersonStatus, action: str, actor: str) -> Person:
        self._store.person(person_id)
        with recorded(self._store, self._clock, actor, action, {"person_id": person_id}):
            changed = self._store.update_person(person_id, status=status)
        return self._changed(changed, f"{action}d")

    def _changed(self, person: Person, event: str) -> Person:
        self._roster.expire()
        log.info(event, person_id=person.person_id)
        return person
