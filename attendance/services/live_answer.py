"""The answer to one frame of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attendance.domain.model import Capture
    from attendance.services.live_words import Screen

# Milliseconds from one frame to the next. Nobody there, and somebody who has a result: nothing is urgent.
EVERY_MS = 150
EVERY_QUIET_MS = 250
EVERY_HELD_MS = 400
MOST_BOXES = 6

Boxes = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """The answer to one frame; docs/kiosk-protocol.md gives its form on the wire.

    Attributes:
        boxes: faces as x, y, width, height, each 0 to 1 of the upright frame.
        agreed: frames of this visit that agree so far.
        needed: how many must.
        attempt_id: from the first frame that agrees on.
        disputable: whether "Not me" can be said of it.
        hold_ms: how long the screen shows it; 0: until the next answer.
        every_ms: from this frame to the next one, if no other screen wants any; api/pace.py has the others in mind.
    """

    screen: Screen
    boxes: Boxes = ()
    agreed: int = 0
    needed: int = 3
    attempt_id: str | None = None
    disputable: bool = False
    hold_ms: int = 0
    every_ms: int = EVERY_MS

    @property
    def is_urgent(self) -> bool:
        """Whether a face is being compared and has no result yet."""
        return self.screen.state in {"found", "deciding"}


def boxes_of(capture: Capture) -> Boxes:
    """The face that is looked at, or all faces where there is none such; cut at the picture's edges."""
    faces = (capture.face,) if capture.face is not None else capture.faces
    made = []
    for face in faces[:MOST_BOXES]:
        x0, x1 = (min(max(float(x) / capture.width_px, 0.0), 1.0) for x in (face.box.x0, face.box.x1))
        y0, y1 = (min(max(float(y) / capture.height_px, 0.0), 1.0) for y in (face.box.y0, face.box.y1))
        made.append((round(x0, 4), round(y0, 4), round(x1 - x0, 4), round(y1 - y0, 4)))
    return tuple(made)
