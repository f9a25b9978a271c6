"""What is remembered of each camera that looks at somebody: little, for a short time, of a bounded number of cameras."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attendance.domain.agreement import SAME_FACE_RATIO, GoodFrame, is_near, stays

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.agreement import Rule, Sighting, Visit
    from attendance.services.decision import Decided
    from attendance.services.live_words import Screen

MOST_VIEWS = 500  # views of the component: a few kilobytes each, without pictures
FORGOTTEN_S = 20.0  # a view from which nothing came for this long begins anew; longer than any result is shown
REMEMBERED = 8  # embeddings by which somebody who has a result is known again
IN_PLACE_S = 1.0  # a face that cannot be compared is the one that was in its place, if that was not longer ago


@dataclass(frozen=True, slots=True, eq=False)
class Frame(GoodFrame):
    """A good frame with all that may have to be stored of it.

    Attributes:
        picture: empty where the site keeps no pictures of attempts.
    """

    decided: Decided
    picture: bytes


@dataclass(slots=True, eq=False)
class Answered:
    """Somebody who has a result and may still stand there.

    Attributes:
        screen: the result.
        attempt_id: under which it is stored.
        person_id: who was recognised; None for nobody.
        stored_s: when it was stored.
        until_s: until then the result is shown; somebody who was not recognised is looked at again then.
        disputable: whether the record can be disputed.
        disputed: the person said "Not me".
        known: embeddings of this face, the latest last.
        last: where the face was seen last.
    """

    screen: Screen
    attempt_id: str
    person_id: str | None
    stored_s: float
    until_s: float
    disputable: bool
    known: list[NDArray[np.float32]]
    last: Sighting
    good_s: float
    disputed: bool = False

    def is_again(self, seen: Sighting, rule: Rule) -> bool:
        """Whether this is that face again: by its looks or, where it cannot be compared, by its place."""
        if not isinstance(seen, GoodFrame):
            return stays(self.last, seen, IN_PLACE_S)
        named = seen.verdict.person_id
        if named is not None and named == self.person_id:
            return True
        # Somebody else who is recognised is another face, but for what no two people were seen to share.
        limit = rule.same_face_l2 if named is not None else rule.same_face_l2 / SAME_FACE_RATIO
        return is_near(seen.embedding, self.known, limit)

    def note(self, seen: Sighting) -> None:
        """Know the face by its latest pictures."""
        self.last = seen
        if isinstance(seen, GoodFrame):
            self.known = [*self.known, seen.embedding][-REMEMBERED:]
            self.good_s = seen.at_s


@dataclass(slots=True, eq=False)
class View:
    """One mount of the component on one device.

    Attributes:
        claimed: whom the person claimed to be, in this turn.
        turn: the client's number; another one starts afresh.
        visit: the face that is being looked at; None for nobody.
        attempt_id: under which this visit will be stored; None before the first frame that agrees.
        answered: who has a result already.
        asked_s: when the latest frame came.
        empty: frames in a row without any face.
        lock: held while a frame is at work.
    """

    claimed: str | None = None
    turn: int = 0
    visit: Visit[Frame] | None = None
    attempt_id: str | None = None
    answered: Answered | None = None
    asked_s: float = 0.0
    empty: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, turn: int, claimed: str | None) -> None:
        """Start afresh where the client says so. Whoever disputed a result is not recognised by face again until he or she
        has left: the same face would only bring the same wrong answer."""
        if (turn, claimed) == (self.turn, self.claimed):
            return
        self.turn, self.claimed = turn, claimed
        self.leave()
        if self.answered is not None and not (self.answered.disputed and claimed is None):
            self.answered = None

    def follow(self, visit: Visit[Frame] | None) -> Visit[Frame] | None:
        """Go on with this visit; another one gets an attempt of its own."""
        if self.visit is None or visit is None or visit.began_s != self.visit.began_s:
            self.attempt_id = None
        self.visit = visit
        return visit

    def leave(self) -> None:
        """Nobody is being looked at any more."""
        self.visit, self.attempt_id = None, None


class Views:
    """All views of this process, the one that was used last at the end. Several threads may ask."""

    def __init__(self) -> None:
        self._views: OrderedDict[tuple[str, str], View] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self, device: str, view: str, now_s: float) -> Iterator[View | None]:
        """The view, for one frame; None while another frame of it is at work."""
        with self._lock:
            found = self._views.pop((device, view), None) or View()
            self._views[device, view] = found
            is_free = found.lock.acquire(blocking=False)
            if is_free:
                found.asked_s = now_s
            self._tidy(now_s)
        try:
            yield found if is_free else None
        finally:
            if is_free:
                found.lock.release()

    def of_device(self, device: str) -> list[View]:
        """The views of one device."""
        with self._lock:
            return [view for (owner, _), view in self._views.items() if owner == device]

    def _tidy(self, now_s: float) -> None:
        while self._views:
            key, oldest = next(iter(self._views.items()))
            is_old = now_s - oldest.asked_s > FORGOTTEN_S
            if not (is_old or len(self._views) > MOST_VIEWS) or oldest.lock.locked():
                return
            del self._views[key]

    def __len__(self) -> int:
        return len(self._views)
