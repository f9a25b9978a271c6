"""One camera in front of the real services, whose engine is a stand-in and whose clock stands still between frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attendance.domain.model import Box
from attendance.services.live import LivePolicy, LiveService
from tests.fakes import FACE, FakeEngine, House, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from attendance.domain.model import Capture
    from attendance.services.live_answer import LiveAnswer

MARIA, TOM, STRANGER = 1, 2, 99
STEP_S = 0.2


class MovingEngine(FakeEngine):
    """FakeEngine whose faces stand where ``right`` says, pixels from where they stand otherwise."""

    right = 0.0

    def capture(self, picture: bytes, *, small: bool = True) -> Capture:
        capture = super().capture(picture, small=small)
        if capture.face is None:
            return capture
        box = Box(FACE.box.x0 + self.right, FACE.box.y0, FACE.box.x1 + self.right, FACE.box.y1)
        face = replace(FACE, box=box)
        return replace(capture, faces=(face,), face=face)


class Kiosk:
    """One camera in front of the real services: each frame comes a fifth of a second after the one before."""

    def __init__(self, house: House, **policy: Any) -> None:
        self.house = house
        self.now = 1000.0
        zone = house.checkin._policy.zone
        self.live = LiveService(
            house.checkin, house.engine.model, LivePolicy(zone=zone, **policy), monotonic=lambda: self.now
        )
        self.turn = 0
        self.claimed: str | None = None
        self._variant = 10

    def look(self, data: bytes, view: str = "view") -> LiveAnswer:
        self.now += STEP_S
        self.house.clock.forward(STEP_S)
        return self.live.look(view, data, device="door", claimed=self.claimed, turn=self.turn)

    def see(self, person: int, frames: int = 1) -> list[LiveAnswer]:
        """Frames of one person, no two alike."""
        answers = []
        for _ in range(frames):
            self._variant += 1
            answers.append(self.look(picture(person, self._variant)))
        return answers

    def states(self, person: int, frames: int) -> list[str]:
        return [answer.screen.state for answer in self.see(person, frames)]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.house.clock.forward(seconds)


def house_in(folder: Path) -> Iterator[House]:
    """The services with Maria and Tom, where faces can move; closed at the end; for a fixture."""
    house = House(folder, engine=MovingEngine())
    house.add("Maria", MARIA)
    house.add("Tom", TOM)
    yield house
    house.real_store.close()


def names_in(answer: LiveAnswer) -> bool:
    text = f"{answer.screen.headline} {answer.screen.help} {answer.screen.fact}"
    return "Maria" in text or "Tom" in text
