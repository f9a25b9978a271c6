"""Check-in from a running camera: frames in, states out, and one stored attempt for each visit.

A decision needs several frames in a row that show one face and accept one person (``domain.agreement``). What is told is
what is stored: the check-in is settled within the call that brings the last frame needed. Whoever has a result is left in
peace until the face has gone or another one comes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import structlog

from attendance.domain.agreement import SAME_FACE_RATIO, Rule, Sighting, agreed, conclusion, followed, joined
from attendance.domain.model import Decision, Outcome, Reason
from attendance.domain.policy import new_attempt_id
from attendance.services.live_answer import EVERY_HELD_MS, EVERY_MS, EVERY_QUIET_MS, Boxes, LiveAnswer, boxes_of
from attendance.services.live_views import Answered, Frame, View, Views
from attendance.services.live_words import (
    BUSY,
    DECIDING,
    DISPUTED,
    DISPUTED_DONE,
    DONE,
    FOUND,
    NAME,
    NOBODY,
    UNREADABLE,
    Screen,
    hint_for,
    result_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from attendance.domain.agreement import Conclusion, Visit
    from attendance.domain.model import Attempt, ModelInfo
    from attendance.services.checkin import AttemptResult, CheckInService
    from attendance.services.decision import Decided

log = structlog.get_logger(__name__)

# So many good frames for each that must agree: 9, 12 or 15. In docs/decisions/0006 nobody who is registered needed more.
PATIENCE = 3
# While nobody is there, every so many frames (about once a second) are looked at a second time, for a face that is still too
# small; the first look, several times cheaper, finds whoever is near enough to check in.
SMALL_EVERY = 4
MAX_GAP_S = 2.0  # frames shed for longer than this, or a face gone for longer, end a visit
HOLD_S = 4.0  # how long a result stays on the screen
HOLD_MISS_S = 8.0  # the same for "not recognised", which has more to read
MISS_AGAIN_S = 60.0  # whoever stays without being recognised is tried again and again, and stored this often


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """What an operator chooses.

    Attributes:
        agreeing_frames: frames in a row that must accept the same person, 3 to 5.
        mode: ``face`` looks for anybody; ``name`` asks for a name or a staff number first.
        zone: the site's time zone; None is the machine's own.
        keep_attempt_pictures: as in ``CheckInPolicy``.
    """

    agreeing_frames: int = 3
    mode: Literal["face", "name"] = "face"
    zone: tzinfo | None = None
    keep_attempt_pictures: bool = False


class LiveService:
    """Looks at the frames of all cameras. Several threads may call it; each view is looked at by one at a time.

    Args:
        checkin: decides about single frames, and records.
        model: the engine's; its threshold says what one and the same face is.
        policy: what an operator chose.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(
        self,
        checkin: CheckInService,
        model: ModelInfo,
        policy: LivePolicy,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checkin = checkin
        self._policy = policy
        self._monotonic = monotonic
        needed = policy.agreeing_frames
        self._rule = Rule(needed, PATIENCE * needed, SAME_FACE_RATIO * model.threshold, MAX_GAP_S)
        self._views = Views()

    @property
    def policy(self) -> LivePolicy:
        """What an operator chose."""
        return self._policy

    def look(self, view: str, picture: bytes, *, device: str, claimed: str | None = None, turn: int = 0) -> LiveAnswer:
        """Look at one frame.

        Args:
            view: of the component's mount; frames of one view belong together.
            picture: the file's bytes.
            device: which screen; stored with the attempt.
            claimed: name, staff number or ``id:`` and a person's id; None looks for anybody.
            turn: another number than before starts afresh.

        Raises:
            StoreError, ModelError: it cannot be decided or recorded now; nobody may be told that anything was recorded. What
                has agreed so far is kept, and a settlement whose answer was lost is asked for again by the next frame.
        """
        with self._views.at_work(device, view, self._monotonic()) as found:
            if found is None:
                return self._answer(BUSY)
            found.begin(turn, claimed)
            if self._policy.mode == "name" and claimed is None:
                return self._answer(NAME, every_ms=EVERY_HELD_MS)
            started = time.perf_counter()
            small = found.empty < SMALL_EVERY or found.empty % SMALL_EVERY == 0
            decided = self._checkin.decide(picture, claimed, small=small)
            found.empty = 0 if decided.capture is not None and decided.capture.faces else found.empty + 1
            return self._look(found, decided, picture, device, started)

    def answer_for(self, attempt: Attempt) -> LiveAnswer:
        """The answer that a stored attempt brought or would have brought."""
        return self._result(result_for(attempt, self._policy.zone), attempt.attempt_id, attempt.outcome is Outcome.RECORDED)

    def is_at_work(self, device: str, attempt_id: str) -> bool:
        """Whether this attempt may be stored in this very moment."""
        return any(view.attempt_id == attempt_id and view.lock.locked() for view in self._views.of_device(device))

    def dispute(self, device: str, attempt_id: str) -> LiveAnswer:
        """Know that whoever stands there is not the one who was recognised; the record is marked by ``Disputes``."""
        for view in self._views.of_device(device):
            answered = view.answered
            if answered is not None and answered.attempt_id == attempt_id:
                answered.screen, answered.disputed, answered.disputable = DISPUTED, True, False
                answered.until_s = self._monotonic() + HOLD_MISS_S
        return self._result(DISPUTED, attempt_id, disputable=False)

    # One frame --------------------------------------------------------------------------------------------------------

    def _look(self, view: View, decided: Decided, picture: bytes, device: str, started: float) -> LiveAnswer:
        now, capture = self._monotonic(), decided.capture
        answered = view.answered
        if capture is None:
            return self._answer(UNREADABLE)
        boxes = boxes_of(capture)
        if answered is not None and now - max(answered.last.at_s, answered.until_s) > MAX_GAP_S:
            answered = view.answered = None  # gone
        if capture.face is None:  # nobody, or several people: whoever is seen next is looked at from the start
            view.leave()
            if answered is not None and capture.faces:
                answered.last = Sighting(now, answered.last.box)
            hint = hint_for(decided.refusal or Reason.NO_FACE)
            return self._answer(hint, boxes, every_ms=EVERY_QUIET_MS)
        embedding = capture.embedding
        if decided.refusal is not None or embedding is None:
            return self._poor(view, Sighting(now, capture.face.box), hint_for(decided.refusal or Reason.NO_FACE), boxes)
        if decided.verdict.reason is Reason.NOBODY_ENROLLED:
            view.leave()
            return self._answer(NOBODY, boxes, every_ms=EVERY_HELD_MS)
        kept = picture if self._policy.keep_attempt_pictures else b""
        frame = Frame(now, capture.face.box, embedding, decided.verdict, decided, kept)
        return self._good(view, frame, device, boxes, started)

    def _poor(self, view: View, seen: Sighting, hint: Screen, boxes: Boxes) -> LiveAnswer:
        """A face that cannot be compared: a hint, unless it has its result already."""
        answered = view.answered
        if answered is not None and answered.is_again(seen, self._rule):
            answered.note(seen)
            if seen.at_s - answered.good_s <= MAX_GAP_S or seen.at_s < answered.until_s:
                return self._again(answered, boxes)
        visit = view.follow(followed(view.visit, seen, self._rule))
        return self._answer(hint, boxes, 0 if visit is None else agreed(visit, self._rule), view.attempt_id)

    def _good(self, view: View, frame: Frame, device: str, boxes: Boxes, started: float) -> LiveAnswer:
        answered = view.answered
        if answered is not None and not answered.is_again(frame, self._rule):
            answered = None
        if answered is not None:
            answered.note(frame)
            if answered.person_id is not None or frame.at_s < answered.until_s:
                view.leave()
                return self._again(answered, boxes)
        visit = joined(view.visit, frame, self._rule)
        view.follow(visit)
        count = agreed(visit, self._rule)
        decision = conclusion(visit, self._rule)
        if count and view.attempt_id is None:
            view.attempt_id = new_attempt_id()
        if decision is None:
            return self._answer(DECIDING if count else FOUND, boxes, count, view.attempt_id)
        is_miss = decision.verdict.decision is Decision.REJECTED
        if is_miss and answered is not None and frame.at_s - answered.stored_s < MISS_AGAIN_S:
            answered.until_s = frame.at_s + HOLD_MISS_S
        else:
            view.attempt_id = view.attempt_id or new_attempt_id()
            result = self._record(decision, view.attempt_id, visit.began_s, device, started)
            answered = view.answered = self._answered(result, visit)
        view.leave()
        return self._again(answered, boxes)

    def _record(
        self, decision: Conclusion[Frame], attempt_id: str, began_s: float, device: str, started: float
    ) -> AttemptResult:
        """Settle the visit with the numbers of its weakest frame."""
        return self._checkin.record(
            decision.frame.decided.with_verdict(decision.verdict),
            decision.frame.picture,
            attempt_id=attempt_id,
            source="kiosk",
            device=device,
            parameters={"agreeing_frames": self._rule.needed},
            timings_ms={"agree": round((self._monotonic() - began_s) * 1000, 3)},
            started=started,
        )

    def _answered(self, result: AttemptResult, visit: Visit[Frame]) -> Answered:
        attempt, at_s = result.attempt, visit.last.at_s
        return Answered(
            screen=result_for(attempt, self._policy.zone),
            attempt_id=attempt.attempt_id,
            person_id=attempt.person_id,
            stored_s=at_s,
            until_s=self._monotonic() + (HOLD_MISS_S if attempt.decision is Decision.REJECTED else HOLD_S),
            disputable=attempt.outcome is Outcome.RECORDED,
            known=[good.embedding for good in visit.good],
            last=visit.last,
            good_s=at_s,
        )

    # Answers ----------------------------------------------------------------------------------------------------------

    def _again(self, answered: Answered, boxes: Boxes) -> LiveAnswer:
        """The result for as long as it is shown, then that the next person may come."""
        left_s = answered.until_s - self._monotonic()
        if left_s <= 0:
            return self._answer(DISPUTED_DONE if answered.disputed else DONE, boxes, every_ms=EVERY_QUIET_MS)
        return self._result(answered.screen, answered.attempt_id, answered.disputable, boxes, left_s)

    def _result(
        self, screen: Screen, attempt_id: str, disputable: bool, boxes: Boxes = (), left_s: float = HOLD_MISS_S
    ) -> LiveAnswer:
        is_accepted = screen.state in {"checked-in", "already"}
        hold_s = min(left_s, HOLD_S if is_accepted else HOLD_MISS_S)
        return self._answer(
            screen,
            boxes,
            self._rule.needed if is_accepted else 0,
            attempt_id,
            disputable=disputable,
            hold_ms=round(hold_s * 1000),
            every_ms=EVERY_HELD_MS,
        )

    def _answer(
        self,
        screen: Screen,
        boxes: Boxes = (),
        count: int = 0,
        attempt_id: str | None = None,
        *,
        disputable: bool = False,
        hold_ms: int = 0,
        every_ms: int = EVERY_MS,
    ) -> LiveAnswer:
        return LiveAnswer(screen, boxes, count, self._rule.needed, attempt_id, disputable, hold_ms, every_ms)
