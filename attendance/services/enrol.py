"""Enrol a person from pictures: one and the same person, usable pictures, nobody else's look-alike; all or nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from attendance.domain.model import Person
from attendance.domain.names import clean_name, name_key
from attendance.domain.policy import nearest_other_l2
from attendance.errors import DuplicatePictureError, EnrolmentError, PersonExistsError, PersonNotFoundError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc
from attendance.services.pictures import Judgement, NamedPicture, judge
from attendance.services.resemblance import EnrolPolicy, LookAlike, Resemblance, as_error, nearest_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attendance.domain.model import NewReference
    from attendance.faces.base import FaceEngine
    from attendance.services.clock import Clock
    from attendance.services.roster import Roster
    from attendance.store.base import Store

__all__ = ["EnrolPolicy", "EnrolService", "Enrolment", "Judgement", "LookAlike", "NamedPicture", "Resembling"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What was stored: the person, how many pictures this time, and the look-alike that an operator overruled."""

    person: Person
    pictures: int
    look_alike: LookAlike | None = None


@dataclass(frozen=True, slots=True)
class Resembling:
    """A look-alike, and the two pictures to compare: the index of the new one, and the stored one's id."""

    found: LookAlike
    picture: int
    reference_id: str


class EnrolService:
    """Turns pictures into references. Several threads may call every method.

    Every enrolment and every picture added is written to the audit with who did it, the person's id, and a look-alike
    that was overruled with its distance and by whom. Inactive people are in no gallery, so nobody is compared with them.
    """

    def __init__(
        self, store: Store, engine: FaceEngine, roster: Roster, policy: EnrolPolicy, clock: Clock = now_utc
    ) -> None:
        self._store = store
        self._engine = engine
        self._roster = roster
        self._clock = clock
        self.resemblance = Resemblance(roster, engine.model.threshold, policy)

    def judge(self, picture: NamedPicture) -> Judgement:
        """Say of one picture whether it could be enrolled, and change nothing; for previews.

        Raises:
            StoreUnavailableError, InferenceError: it cannot be judged now.
        """
        return judge(self._store, self._engine, picture)

    def check(self, judged: Sequence[Judgement]) -> Resembling | None:
        """Look at usable pictures together, as ``enrol`` will: whom they resemble; change nothing. For previews.

        Raises:
            DifferentPeopleError: as it says.
            TemplateMismatchError, StoreUnavailableError: it cannot be said now.
        """
        self.begin()
        references = [one.reference() for one in judged]
        self.resemblance.require_one_person(references, self.resemblance.distances(references))
        others = self.resemblance.nearest_others(references)
        found = self.resemblance.look_alike(others)
        return None if found is None else Resembling(found, *nearest_pair(others))

    def enrol(
        self,
        name: str,
        pictures: Sequence[NamedPicture],
        *,
        external_id: str | None = None,
        group: str | None = None,
        overruled_by: str | None = None,
        consent: str | None = None,
        actor: str = "operator",
        progress: Callable[[int, int], None] | None = None,
    ) -> Enrolment:
        """Enrol a new person with one picture or more.

        Args:
            name: as it will be shown; ``domain.names.clean_name`` says what is refused.
            pictures: each with exactly one usable face, all of one person, none stored before.
            external_id: staff number.
            group: such as a department.
            overruled_by: the operator who decided that a look-alike is another person; None or blank refuses look-alikes.
            consent: what is to be recorded about consent.
            actor: who enrols, for the audit.
            progress: told how many pictures of how many are done.

        Raises:
            NameRefusedError, PersonExistsError, DuplicatePictureError, DifferentPeopleError, LookAlikeError: as they say.
            ImageUnreadableError, CaptureError: a picture cannot be used; the message begins with its label.
            EnrolmentError: no picture was given.
            TemplateMismatchError, InferenceError, StoreUnavailableError: it cannot be done now.
        """
        person = self.new_person(name, external_id=external_id, group=group, consent=consent)
        if self.named(person.name) is not None:
            raise PersonExistsError(f"Somebody is registered as {person.name} already.", field="name", value=person.name)
        references = self._references(pictures, progress)
        self.resemblance.require_one_person(references, self.resemblance.distances(references))
        found = self.resemblance.look_alike(self.resemblance.nearest_others(references))
        if found is not None and not (overruled_by or "").strip():
            raise as_error(found)
        return self.store_new(person, references, actor=actor, look_alike=found, overruled_by=overruled_by)

    def add_pictures(
        self,
        person_id: str,
        pictures: Sequence[NamedPicture],
        *,
        overruled_by: str | None = None,
        actor: str = "operator",
        progress: Callable[[int, int], None] | None = None,
    ) -> Enrolment:
        """Add pictures to somebody who is enrolled: the same rules, and they must fit the pictures that are there.

        A look-alike is only somebody to whom a new picture is nearer than to its own person.

        Raises:
            PersonNotFoundError, and the errors of ``enrol``.
        """
        person = self._store.person(person_id)
        references = self._references(pictures, progress)
        distances = self.resemblance.distances(references, person_id)
        self.resemblance.require_one_person(references, distances)
        others = self.resemblance.nearest_others(references, person_id)
        own = nearest_other_l2(distances)
        found = self.resemblance.look_alike(
            [c for c, own_l2 in zip(others, own[: len(others)], strict=True) if c is not None and c.distance_l2 < own_l2]
        )
        if found is not None and not (overruled_by or "").strip():
            raise as_error(found)
        return self.store_more(person, references, actor=actor, look_alike=found, overruled_by=overruled_by)

    # The import takes these steps one by one ------------------------------------------------------------------------

    def begin(self) -> None:
        """Look at the store anew, and make sure that new templates would be of the model that decides.

        Raises:
            TemplateMismatchError, StoreUnavailableError.
        """
        self._roster.expire()
        self._roster.ready()

    def named(self, name: str) -> Person | None:
        """The person of exactly this name, by ``name_key``; a staff number that reads like it does not count."""
        try:
            person = self._store.find_person(name)
        except PersonNotFoundError:
            return None
        return person if name_key(person.name) == name_key(name) else None

    def new_person(
        self, name: str, *, external_id: str | None = None, group: str | None = None, consent: str | None = None
    ) -> Person:
        """A person with a fresh id, not stored yet; blank texts count as not given.

        Raises:
            NameRefusedError: the name, the staff number or the group cannot be shown safely.
        """
        return Person(
            person_id=uuid.uuid4().hex,
            name=clean_name(name),
            external_id=clean_name(external_id) if external_id and external_id.strip() else None,
            group=clean_name(group) if group and group.strip() else None,
            created_at=self._clock(),
            consent=consent,
        )

    def store_new(
        self,
        person: Person,
        references: Sequence[NewReference],
        *,
        actor: str,
        look_alike: LookAlike | None = None,
        overruled_by: str | None = None,
    ) -> Enrolment:
        """Write the audit, then the person with all pictures and templates at once."""
        details = self._details(person, references, look_alike, overruled_by)
        with recorded(self._store, self._clock, actor, "enrol", details):
            stored = self._store.add_person(person, references, self._engine.model.model_id)
        self._roster.expire()
        log.info("enrolled", person_id=stored.person_id, pictures=len(references), look_alike=look_alike is not None)
        return Enrolment(stored, len(references), look_alike)

    def store_more(
        self,
        person: Person,
        references: Sequence[NewReference],
        *,
        actor: str,
        look_alike: LookAlike | None = None,
        overruled_by: str | None = None,
    ) -> Enrolment:
        """Write the audit, then the pictures with their templates at once."""
        details = self._details(person, references, look_alike, overruled_by)
        with recorded(self._store, self._clock, actor, "add-pictures", details):
            self._store.add_references(person.person_id, references, self._engine.model.model_id)
        self._roster.expire()
        log.info("pictures_added", person_id=person.person_id, pictures=len(references))
        return Enrolment(self._store.person(person.person_id), len(references), look_alike)

    def _references(
        self, pictures: Sequence[NamedPicture], progress: Callable[[int, int], None] | None
    ) -> list[NewReference]:
        if not pictures:
            raise EnrolmentError("At least one picture is needed.")
        self.begin()
        references: list[NewReference] = []
        labels: dict[str, str] = {}
        for done, picture in enumerate(pictures, start=1):
            reference = self.judge(picture).reference()
            if reference.sha256 in labels:
                raise DuplicatePictureError(
                    f"{picture.label}: this is the same picture as {labels[reference.sha256]}.",
                    sha256=reference.sha256,
                    label=picture.label,
                )
            labels[reference.sha256] = picture.label
            references.append(reference)
            if progress is not None:
                progress(done, len(pictures))
        return references

    def _details(
        self,
        person: Person,
        references: Sequence[NewReference],
        look_alike: LookAlike | None,
        overruled_by: str | None,
    ) -> dict[str, Any]:
        details: dict[str, Any] = {
            "person_id": person.person_id,
            "pictures": len(references),
            "model_id": self._engine.model.model_id,
        }
        if look_alike is not None:
            details["look_alike"] = {
                "person_id": look_alike.person_id,
                "distance_l2": look_alike.distance_l2,
                "limit": look_alike.limit,
                "overruled_by": overruled_by,
            }
        return details
