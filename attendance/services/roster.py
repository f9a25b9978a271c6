"""The gallery in memory, kept in step with the store; other processes' changes arrive within a second."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from attendance.domain.model import PersonStatus
from attendance.errors import ModelError, PersonNotFoundError, StoreError, TemplateMismatchError
from attendance.services.errors import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.domain.model import ModelInfo, PersonTemplates
    from attendance.faces.base import Gallery
    from attendance.store.base import Store

# How old the gallery may be, seconds: a question that is cheap when nothing changed, and well within the second that a
# change in another process may take to arrive.
MAX_AGE_S = 0.25

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """What is known of a person without asking the store; ``templates`` counts those of the roster's model."""

    person_id: str
    name: str
    status: PersonStatus
    templates: int


class Roster:
    """Keeps one gallery up to date. Several threads may call every method.

    Args:
        store: asked at most every ``max_age_s`` seconds, by one thread at a time; the others wait for that answer, or for
            that failure, instead of asking once more each.
        make_gallery: makes an empty gallery from a model id and a dimension.
        model: the engine's model.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(
        self,
        store: Store,
        make_gallery: Callable[[str, int], Gallery],
        model: ModelInfo,
        *,
        max_age_s: float = MAX_AGE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._model = model
        self._max_age_s = max_age_s
        self._monotonic = monotonic
        self._gallery = make_gallery(model.model_id, model.dimension)
        self._people: dict[str, RosterPerson] = {}
        self._active_model: str | None = None
        self._cursor: str | None = None
        self._lock = threading.Lock()
        self._expired = True
        self._asked_at = 0.0
        self._answers = 0
        self._failure: StoreError | None = None

    def gallery(self) -> Gallery:
        """The gallery, brought up to date.

        Raises:
            StoreUnavailableError: the store is away; an old gallery is not used, since people may have been removed.
        """
        self._refresh()
        return self._gallery

    def ready(self) -> None:
        """Make sure that the engine's model is the one that decides.

        Raises:
            TemplateMismatchError: the people's templates were made by another model.
            StoreUnavailableError: the store is away.
        """
        self._refresh()
        stored = self._active_model
        if stored is not None and stored != self._model.model_id:
            raise TemplateMismatchError(
                f"The enrolled pictures were made ready for {stored}, but {self._model.model_id} is in use: "
                "run `python -m attendance reembed`, or go back to the other model.",
                active=self._model.model_id,
                stored=stored,
            )

    def person(self, person_id: str) -> RosterPerson:
        """Name and status of a person, as of the last refresh.

        Raises:
            PersonNotFoundError: nobody has this id.
        """
        known = self._people.get(person_id)
        if known is None:
            raise PersonNotFoundError("Nobody is registered under this id.", key=person_id)
        return known

    def people_without_templates(self) -> list[RosterPerson]:
        """Active people who cannot be compared, because none of their pictures has a template of this model.

        Raises:
            StoreUnavailableError: the store is away.
        """
        self._refresh()
        with self._lock:
            return [p for p in self._people.values() if p.templates == 0 and p.status is PersonStatus.ACTIVE]

    def expire(self) -> None:
        """Let the next question go to the store: this process has just changed something, or must know for sure."""
        with self._lock:
            self._expired = True

    def _refresh(self) -> None:
        answers_before = self._answers
        with self._lock:
            answered_meanwhile = self._answers > answers_before and not self._expired
            fresh = not self._expired and self._monotonic() - self._asked_at < self._max_age_s
            if answered_meanwhile or (fresh and self._failure is None):
                if self._failure is not None:
                    raise copy_of(self._failure) from self._failure
                return
            self._asked_at = self._monotonic()
            try:
                self._take_over()
            except StoreError as error:
                self._failure = error
                self._expired = False
                raise
            else:
                self._failure = None
                self._expired = False
            finally:
                self._answers += 1

    def _take_over(self) -> None:
        changes = self._store.gallery_changes(self._model.model_id, self._cursor)
        for person_id in changes.removed:
            self._gallery.remove(person_id)
            self._people.pop(person_id, None)
        for person in changes.changed:
            usable = self._put(person)
            self._people[person.person_id] = RosterPerson(
                person.person_id, person.name, person.status, len(person.reference_ids) if usable else 0
            )
        # Last, so that a failure half-way makes the next question bring the same changes again.
        self._active_model = changes.active_model
        self._cursor = changes.cursor
        if changes.changed or changes.removed:
            log.debug("gallery_updated", changed=len(changes.changed), removed=len(changes.removed))

    def _put(self, person: PersonTemplates) -> bool:
        """Whether the gallery took the person. Templates that cannot be are left out, for one damaged person must not keep
        everybody else from checking in."""
        try:
            self._gallery.put(person)
        except ModelError as error:
            self._gallery.remove(person.person_id)
            log.warning("templates_unusable", person_id=person.person_id, error=type(error).__name__)
            return False
        return True
