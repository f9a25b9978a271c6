"""From a picture and a claim to a verdict: who was claimed, what is in the picture, whom it is near to."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attendance.domain.matching import identify, verify
from attendance.domain.model import Decision, Mode, PersonStatus, Reason, Verdict
from attendance.domain.reasons import reason_for
from attendance.errors import ImageUnreadableError, PersonNotFoundError
from attendance.services.words import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.domain.model import Capture, Person
    from attendance.faces.base import FaceEngine
    from attendance.services.roster import Roster
    from attendance.store.base import Store


PERSON_ID = "id:"
"""Before a claim that is a person's id, as a list of names gives it, rather than a name or a staff number."""


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What is known of one attempt before it is stored.

    Attributes:
        mode: verification where somebody was claimed, else identification.
        capture: what the engine saw; None where the picture could not be read.
        refusal: why the picture cannot be compared, whoever was claimed; None where it can be.
        entered_name: the claim as it can be stored and shown; the accepted person's name where nobody was claimed.
        person_name: of the accepted person.
        timings_ms: of the engine's steps, ``lookup`` (the claim and the gallery's refresh) and ``match``.
    """

    mode: Mode
    verdict: Verdict
    capture: Capture | None
    refusal: Reason | None
    entered_name: str | None
    person_name: str | None
    timings_ms: Mapping[str, float]

    def with_verdict(self, verdict: Verdict) -> Decided:
        """The same with another verdict; one that rejects names nobody but whom the person claimed to be."""
        if verdict.decision is Decision.ACCEPTED:
            return replace(self, verdict=verdict)
        claimed = self.entered_name if self.mode is Mode.VERIFICATION else None
        return replace(self, verdict=verdict, entered_name=claimed, person_name=None)


class Decider:
    """Decides from one attempt's own embedding; keeps nothing of it.

    Where a claim and a picture are both at fault, the claim is the reason: a better picture would not help.
    """

    def __init__(self, store: Store, engine: FaceEngine, roster: Roster, ambiguity_ratio: float) -> None:
        self._store = store
        self._engine = engine
        self._roster = roster
        self._ambiguity_ratio = ambiguity_ratio

    def decide(self, picture: bytes, claimed: str | None, *, small: bool = True) -> Decided:
        """Compare a picture with the claimed person, or with everybody where nobody is claimed; ``small`` as in the engine.

        Raises:
            TemplateMismatchError, InferenceError, StoreUnavailableError: it cannot be decided now.
        """
        started = time.perf_counter()
        self._roster.ready()
        person, reason = self._claim(claimed)
        timings = {"lookup": ms_since(started)}
        capture, refusal = self._look(picture, small=small)
        timings.update(capture.timings_ms if capture is not None else {})
        started = time.perf_counter()
        verdict = self._compare(capture, person, reason or refusal)
        verdict, name = self._named(verdict, person)
        timings["match"] = ms_since(started)
        mode = Mode.IDENTIFICATION if claimed is None else Mode.VERIFICATION
        return Decided(mode, verdict, capture, refusal, self._entered(claimed, person) or name, name, timings)

    def _claim(self, claimed: str | None) -> tuple[Person | None, Reason | None]:
        """The claimed person, and why this person cannot be compared."""
        if claimed is None:
            return None, None
        # Lone surrogates, as a command line may bring them, are no text that a database can be asked for.
        key = claimed.encode("utf-8", "replace").decode("utf-8")
        try:
            is_id = key.startswith(PERSON_ID)
            person = self._store.person(key.removeprefix(PERSON_ID)) if is_id else self._store.find_person(key)
        except PersonNotFoundError:
            return None, Reason.NOT_ENROLLED
        return person, Reason.INACTIVE if person.status is PersonStatus.INACTIVE else None

    @staticmethod
    def _entered(claimed: str | None, person: Person | None) -> str | None:
        """The claim as it was typed, or the name that was picked from the list."""
        if claimed is None or not claimed.startswith(PERSON_ID):
            return None if claimed is None else printable(claimed)
        return person.name if person is not None else printable(claimed)

    def _look(self, picture: bytes, *, small: bool) -> tuple[Capture | None, Reason | None]:
        try:
            capture = self._engine.capture(picture, small=small)
        except ImageUnreadableError as error:
            return None, reason_for(error)
        return capture, reason_for(capture.refusal) if capture.refusal is not None else None

    def _compare(self, capture: Capture | None, person: Person | None, reason: Reason | None) -> Verdict:
        threshold = self._engine.model.threshold
        if reason is not None or capture is None or capture.embedding is None:
            return Verdict(Decision.REJECTED, reason or Reason.NO_FACE, None, None, None, threshold)
        gallery = self._roster.gallery()
        if person is not None:
            nearest = gallery.distance(person.person_id, capture.embedding)
            if nearest is None:  # perhaps enrolled a moment ago, by another process
                self._roster.expire()
                nearest = self._roster.gallery().distance(person.person_id, capture.embedding)
            return verify(nearest, threshold)
        verdict = identify(gallery.search(capture.embedding, 2), threshold, self._ambiguity_ratio)
        if verdict.reason is Reason.NOBODY_ENROLLED and self._roster.people_without_templates():
            return replace(verdict, reason=Reason.NO_TEMPLATE)
        return verdict

    def _named(self, verdict: Verdict, person: Person | None) -> tuple[Verdict, str | None]:
        """The accepted person's name; rejected where he or she has been removed since the comparison."""
        if verdict.person_id is None:
            return verdict, None
        if person is not None:
            return verdict, person.name
        try:
            return verdict, self._roster.person(verdict.person_id).name
        except PersonNotFoundError:
            return Verdict(Decision.REJECTED, Reason.NOT_ENROLLED, None, None, None, verdict.threshold), None


def ms_since(start: float) -> float:
    """Milliseconds since a moment of ``time.perf_counter``."""
    return round((time.perf_counter() - start) * 1000, 3)
