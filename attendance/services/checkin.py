"""Check in, verify, identify: one picture becomes one stored attempt and, where it is accepted, one check-in."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from attendance.domain.model import Attempt, Decision, Mode, Outcome, Reason
from attendance.domain.policy import checked_attempt_id, day_of, new_attempt_id
from attendance.errors import PersonNotFoundError
from attendance.services.clock import now_utc
from attendance.services.decision import Decided, Decider, ms_since
from attendance.services.words import Words, words_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from attendance.domain.model import Capture, CheckIn
    from attendance.faces.base import FaceEngine
    from attendance.services.clock import Clock
    from attendance.services.roster import Roster
    from attendance.store.base import Settlement, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckInPolicy:
    """What is decided around a comparison, and where.

    Attributes:
        cooldown_s: seconds within which a person is recorded once.
        ambiguity_ratio: as in ``domain.matching.identify``.
        site: the name of this place, stored with every record.
        zone: the site's time zone; None is the machine's own.
        keep_attempt_pictures: store the picture of every attempt with it.
    """

    cooldown_s: float = 60.0
    ambiguity_ratio: float = 0.05
    site: str = "main"
    zone: tzinfo | None = None
    keep_attempt_pictures: bool = False


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The answer to one attempt; everything in it is stored before it is given.

    Attributes:
        attempt: as it is stored.
        check_in: the record that it left, or the earlier one that it repeats; None where there is none.
        words: for the person.
        faces: each face with ``box`` (x0, y0, x1, y1 in pixels of the upright picture) and ``confidence``.
        timings_ms: those of the attempt, and ``settle`` and ``total`` with the storing in it; milliseconds.
        replayed: True where this attempt id had been answered before; this is that answer again.
    """

    attempt: Attempt
    check_in: CheckIn | None
    words: Words
    faces: tuple[Mapping[str, Any], ...]
    timings_ms: Mapping[str, float]
    replayed: bool = False


def untracked() -> None:
    """The session of attempts that are not tracked."""


class CheckInService:
    """Decides and records. Several threads may call it; no attempt knows anything of another one.

    ``session`` says in which tracked session an attempt is made. That, and storing it with the attempt, is all that the
    tracking adds to a check-in.
    """

    def __init__(
        self,
        store: Store,
        engine: FaceEngine,
        roster: Roster,
        policy: CheckInPolicy,
        clock: Clock = now_utc,
        session: Callable[[], str | None] = untracked,
    ) -> None:
        self._store = store
        self._engine = engine
        self._roster = roster
        self._decider = Decider(store, engine, roster, policy.ambiguity_ratio)
        self._policy = policy
        self._clock = clock
        self._session = session

    def with_engine(self, engine: FaceEngine) -> CheckInService:
        """The same service that looks at pictures in another way, with the same model."""
        return CheckInService(self._store, engine, self._roster, self._policy, self._clock, self._session)

    def attempt(
        self,
        picture: bytes,
        *,
        claimed: str | None = None,
        attempt_id: str | None = None,
        records: bool = True,
        source: str = "cli",
        device: str | None = None,
    ) -> AttemptResult:
        """Compare one picture with the claimed person (1:1) or with everybody (1:N), and store what came of it.

        Every attempt is stored, accepted or not. After an error nobody may be told that anything was recorded; whether the
        answer alone was lost, the same ``attempt_id`` again tells.

        Args:
            picture: the file's bytes; unreadable ones are a rejected attempt.
            claimed: name or staff number of the claimed person; None looks for anybody.
            attempt_id: idempotency key, 8 to 128 of A-Z a-z 0-9 - _; the same again gives the stored answer again, whatever
                comes with it. None makes a new one.
            records: False leaves no attendance record, also when accepted.
            source: ``cli``, ``kiosk`` or ``page``.
            device: which camera or screen.

        Raises:
            SettingsError: an attempt id that cannot be one.
            TemplateMismatchError, InferenceError, StoreUnavailableError: it cannot be decided or recorded now.
        """
        started = time.perf_counter()
        if attempt_id is not None:
            before = self._store.attempt(checked_attempt_id(attempt_id))
            if before is not None:
                # Settling what is stored gives the first answer again, with its check-in.
                return self._result(self._store.settle(before, self._policy.cooldown_s), started, started)
        decided = self.decide(picture, claimed)
        return self.record(
            decided,
            picture,
            attempt_id=attempt_id or new_attempt_id(),
            records=records,
            source=source,
            device=device,
            started=started,
        )

    def decide(self, picture: bytes, claimed: str | None, *, small: bool = True) -> Decided:
        """What this picture alone would decide; stores nothing. ``small`` is as in ``FaceEngine.capture``.

        Raises:
            TemplateMismatchError, InferenceError, StoreUnavailableError: it cannot be decided now.
        """
        return self._decider.decide(picture, claimed, small=small)

    def record(
        self,
        decided: Decided,
        picture: bytes,
        *,
        attempt_id: str,
        records: bool = True,
        source: str = "cli",
        device: str | None = None,
        parameters: Mapping[str, float | int | bool] | None = None,
        timings_ms: Mapping[str, float] | None = None,
        started: float | None = None,
    ) -> AttemptResult:
        """Store what was decided, and leave the check-in where it was accepted; durable before this returns.

        Args:
            decided: by ``decide``.
            picture: kept with the attempt where the site keeps pictures.
            attempt_id: as in ``attempt``; one that is stored gives its stored answer again.
            records: as in ``attempt``.
            source: as in ``attempt``.
            device: as in ``attempt``.
            parameters: further ones that this decision was made with.
            timings_ms: further ones, by name.
            started: when the work began, of ``time.perf_counter``; None is now.

        Raises:
            StoreUnavailableError: it cannot be recorded now; the same ``attempt_id`` may be tried again.
        """
        started = time.perf_counter() if started is None else started
        at_utc = self._clock()
        verdict, capture = decided.verdict, decided.capture
        attempt = Attempt(
            attempt_id=attempt_id,
            at_utc=at_utc,
            mode=decided.mode,
            decision=verdict.decision,
            reason=verdict.reason,
            outcome=Outcome.NONE,  # the store says what it becomes
            records=records,
            entered_name=decided.entered_name,
            person_id=verdict.person_id,
            person_name=decided.person_name,
            nearest_person_id=verdict.nearest_person_id,
            distance_l2=verdict.distance_l2,
            runner_up_l2=verdict.runner_up_l2,
            threshold=verdict.threshold,
            model_id=self._engine.model.model_id,
            parameters={**self._parameters(), **(parameters or {})},
            quality=capture.quality.as_dict() if capture and capture.quality else None,
            faces=_faces(capture),
            timings_ms={**decided.timings_ms, **(timings_ms or {}), "total": ms_since(started)},
            source=source,
            device=device,
            site=self._policy.site,
            day=day_of(at_utc, self._policy.zone),
            session=self._session(),
        )
        settling = time.perf_counter()
        return self._result(self._settle(attempt, picture), started, settling)

    def _settle(self, attempt: Attempt, picture: bytes) -> Settlement:
        kept = picture if self._policy.keep_attempt_pictures else None
        try:
            return self._store.settle(attempt, self._policy.cooldown_s, kept)
        except PersonNotFoundError:
            # Removed or deactivated between the decision and now. The attempt stays, without naming anybody.
            self._roster.expire()
            gone = replace(
                attempt,
                decision=Decision.REJECTED,
                reason=Reason.NOT_ENROLLED,
                entered_name=attempt.entered_name if attempt.mode is Mode.VERIFICATION else None,
                person_id=None,
                person_name=None,
                nearest_person_id=None,
            )
            return self._store.settle(gone, self._policy.cooldown_s, kept)

    def _result(self, settlement: Settlement, started: float, settling: float) -> AttemptResult:
        attempt = settlement.attempt
        log.info(
            "attempt",
            attempt_id=attempt.attempt_id,
            mode=str(attempt.mode),
            decision=str(attempt.decision),
            reason=str(attempt.reason),
            outcome=str(settlement.outcome),
            person_id=attempt.person_id,
            replayed=settlement.replayed,
        )
        return AttemptResult(
            attempt=attempt,
            check_in=settlement.check_in,
            words=words_for(attempt, self._policy.zone),
            faces=tuple(attempt.faces),
            timings_ms={**attempt.timings_ms, "settle": ms_since(settling), "total": ms_since(started)},
            replayed=settlement.replayed,
        )

    def _parameters(self) -> dict[str, float | int | bool]:
        """Everything that an experiment may change, as it was for this attempt."""
        return {
            **self._engine.options.as_dict(),
            "threshold": self._engine.model.threshold,
            "ambiguity_ratio": self._policy.ambiguity_ratio,
            "cooldown_s": self._policy.cooldown_s,
        }


def _faces(capture: Capture | None) -> tuple[dict[str, Any], ...]:
    """Boxes to a tenth of a pixel and confidences to four digits: more of them say nothing and fill the store."""
    if capture is None:
        return ()
    return tuple(
        {"box": [round(float(edge), 1) for edge in face.box], "confidence": round(float(face.confidence), 4)}
        for face in capture.faces
    )
