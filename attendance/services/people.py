"""The people who are enrolled: find, change, deactivate, activate, remove, and their pictures. Every change leaves a trace
in the audit.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from attendance.domain.model import PersonStatus, RecordFilter
from attendance.domain.names import clean_name
from attendance.errors import EnrolmentError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from attendance.domain.model import Person, Reference
    from attendance.services.clock import Clock
    from attendance.services.roster import Roster
    from attendance.store.base import Store

    # Named here because inside the class ``list`` is the method.
    People = list[Person]
    Pictures = list[Reference]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What stays of a person who is removed, each with its time and the name: check-ins and attempts."""

    check_ins: int
    attempts: int


class PeopleService:
    """Everything but enrolment. People are changed by their id; ``find`` gives it for a name or a staff number."""

    def __init__(self, store: Store, roster: Roster, clock: Clock = now_utc) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock
        self._taking_out = threading.Lock()  # so that two operators never take out the last two pictures at once

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

    def person(self, person_id: str) -> Person:
        """Raises PersonNotFoundError."""
        return self._store.person(person_id)

    def picture(self, reference_id: str) -> bytes:
        """One picture's bytes, as they were given. Raises PersonNotFoundError where it is gone."""
        return self._store.picture(reference_id)

    def last_seen(self, person_ids: Collection[str]) -> dict[str, datetime]:
        """The latest check-in, in UTC, of each of these people who ever checked in; void ones don't count."""
        return self._store.last_seen(person_ids)

    def kept_after_removal(self, person_id: str) -> Remaining:
        """What ``remove`` would leave in the records."""
        which = RecordFilter(person_ids=frozenset({person_id}))
        return Remaining(self._store.count_check_ins(which), self._store.count_attempts(which))

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

    def set_details(self, person_id: str, *, external_id: str, group: str, actor: str) -> Person:
        """Change staff number and group; a blank one is taken away.

        Raises:
            NameRefusedError, PersonExistsError, PersonNotFoundError.
        """
        number = clean_name(external_id) if external_id.strip() else ""
        team = clean_name(group) if group.strip() else ""
        self._store.person(person_id)
        with recorded(self._store, self._clock, actor, "set-details", {"person_id": person_id}):
            changed = self._store.update_person(person_id, external_id=number, group=team)
        return self._changed(changed, "details_set")

    def remove_picture(self, person_id: str, reference_id: str, *, actor: str) -> Person:
        """Remove one picture with its templates; the last one stays, since nobody can be recognised without.

        Raises:
            EnrolmentError: it is the last one.
            PersonNotFoundError: no such person.
        """
        with self._taking_out:
            there = {one.reference_id for one in self._store.references(person_id)}
            if reference_id in there:
                if len(there) == 1:
                    raise EnrolmentError("This is the last picture. Add another one first, or remove the person.")
                details = {"person_id": person_id, "reference_id": reference_id}
                with recorded(self._store, self._clock, actor, "remove-picture", details):
                    self._store.remove_reference(reference_id)
        return self._changed(self._store.person(person_id), "picture_removed")

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
