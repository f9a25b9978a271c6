"""Records that somebody at the door said are not his or hers: marked there, settled in the office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.domain.model import Decision, Review
from attendance.errors import ConflictError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc

if TYPE_CHECKING:
    from attendance.domain.model import Attempt
    from attendance.services.clock import Clock
    from attendance.store.base import Store

KIOSK = "kiosk"
_ACTIONS = {Review.UPHELD: "attempt.uphold", Review.VOID: "attempt.void"}
_REOPEN = "attempt.reopen"


class Disputes:
    """Opens and settles disputes. Nothing is erased: the attempt and its check-in stay, with what was thought of them.

    Args:
        store: where attempts are.
        clock: the time in UTC.
    """

    def __init__(self, store: Store, clock: Clock = now_utc) -> None:
        self._store = store
        self._clock = clock

    def open(self, attempt_id: str) -> Attempt:
        """Mark an accepted attempt as disputed by the person at the door. Saying it again, or after the office has settled
        it, changes nothing.

        Returns:
            The attempt as it is stored now.

        Raises:
            ConflictError: there is no such attempt, or it accepted nobody.
            StoreUnavailableError: it is not marked.
        """
        attempt = self._store.attempt(attempt_id)
        if attempt is None or attempt.decision is not Decision.ACCEPTED:
            raise ConflictError("Only an attempt that recognised somebody can be disputed.")
        if attempt.review is not Review.NONE:
            return attempt
        try:
            return self._review(attempt, Review.DISPUTED, "attempt.dispute", KIOSK)
        except ConflictError:
            return self._store.attempt(attempt_id) or attempt  # somebody else was a moment earlier

    def settle(self, attempt_id: str, review: Review, actor: str) -> Attempt:
        """Settle what was disputed, or settle it anew.

        Args:
            attempt_id: of the attempt.
            review: ``UPHELD``: it was this person; ``VOID``: somebody else, so the check-in does not count.
            actor: the operator.

        Raises:
            ConflictError: there is no such attempt, it accepted nobody, or another operator has just settled it otherwise.
            ValueError: another review.
        """
        attempt = self._store.attempt(attempt_id)
        if attempt is None or attempt.decision is not Decision.ACCEPTED:
            raise ConflictError("Only an attempt that recognised somebody can be settled.")
        if review not in _ACTIONS:
            raise ValueError(f"a dispute is settled as upheld or void, not as {review}")
        return attempt if attempt.review is review else self._review(attempt, review, _ACTIONS[review], actor)

    def reopen(self, attempt_id: str, settled: Review, actor: str) -> Attempt:
        """Take a settlement back: the record is disputed again.

        Args:
            attempt_id: of the attempt.
            settled: how it was settled, by what the operator saw.
            actor: the operator.

        Raises:
            ConflictError: there is no such attempt, or it is not settled like that any more.
        """
        attempt = self._store.attempt(attempt_id)
        if attempt is None or settled not in _ACTIONS or attempt.review is not settled:
            raise ConflictError("This record is not settled like that any more.")
        return self._review(attempt, Review.DISPUTED, _REOPEN, actor)

    def _review(self, attempt: Attempt, review: Review, action: str, actor: str) -> Attempt:
        details = {"attempt_id": attempt.attempt_id, "person_id": attempt.person_id, "before": str(attempt.review)}
        with recorded(self._store, self._clock, actor, action, details):
            return self._store.set_review(
                attempt.attempt_id, review, actor=actor, at_utc=self._clock(), expected=attempt.review
            )
