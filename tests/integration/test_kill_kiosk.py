"""kill -9 of the server while kiosks check people in, again and again: whatever a screen was told is in the store, and no
visit left two records.

The screens do what the component does: after a lost answer they ask by the attempt's id, and go on with frames only where
the server knows nothing of it. The cooldown is off, so that the protocol alone keeps a visit from being recorded twice.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from PIL import Image

from attendance.domain.model import Outcome
from tests.conftest import FACES
from tests.kiosk_screen import Screen, enrol, frames_of
from tests.real_server import App, answers, free_port, serving, set_password, until
from tests.visitors import store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

LIVES = 10
SCREENS = 6
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Visit:
    """What a screen heard of one visit: the ids it was given, and the one under which somebody was checked in."""

    name: str
    ids: set[str] = field(default_factory=set)
    told: str | None = None


@dataclass
class Kiosk:
    """A screen in front of which one person after the other is the same one."""

    app: App
    name: str
    frames: Sequence[bytes]
    stop: threading.Event
    visits: list[Visit] = field(default_factory=list)
    lost: int = 0

    def run(self) -> None:
        """Visit after visit, each to its end."""
        screen = Screen(self.app)
        try:
            while not self.stop.is_set():
                self.visits.append(Visit(self.name))
                screen.turn += 1
                self._visit(screen, self.visits[-1])
        finally:
            screen.close()

    def _visit(self, screen: Screen, visit: Visit) -> None:
        latest: str | None = None
        for number in range(100_000):
            answer = self._ask(lambda n=number: screen.send(self.frames[n % len(self.frames)]))  # type: ignore[misc]
            if answer is None and latest is not None:  # lost: perhaps it was recorded
                self.lost += 1
                answer = self._insist(screen, latest)
            if answer is None or answer["state"] in {"busy", "starting", "away", "model-away", "unknown"}:
                latest = None if answer is not None and answer["state"] == "unknown" else latest
                time.sleep(0.05)
                continue
            latest = answer["attempt"]
            if latest is not None:
                visit.ids.add(latest)
            if answer["state"] == "checked-in":
                assert answer["headline"] == self.name
                visit.told = latest
                return
            assert answer["state"] in {"deciding", "found"}, answer

    def _insist(self, screen: Screen, attempt_id: str) -> dict[str, Any]:
        """What the server says of an attempt; asked until it is back and has an answer."""
        while True:
            answer = self._ask(lambda: screen.ask("GET", f"/api/kiosk/attempt/{attempt_id}"))
            if answer is not None and answer["state"] not in {"busy", "starting", "away", "model-away"}:
                return answer
            time.sleep(0.1)

    @staticmethod
    def _ask(ask: Callable[[], httpx.Response]) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = ask().json()
        except httpx.TransportError:
            return None
        return answer


def people(astronaut: NDArray[np.uint8]) -> dict[str, list[bytes]]:
    """Frames of several people: the portrait and, where they are there, the shared ones."""
    found = {"Eileen Collins": frames_of(astronaut)}
    for folder in sorted((FACES / "people").glob("p*"))[: SCREENS - 1]:
        with Image.open(folder / "1.jpg") as picture:
            found[f"Person {folder.name}"] = frames_of(np.asarray(picture.convert("RGB")))
    return found


def test_what_was_told_is_in_the_store(
    tmp_path: Path,
    model_dir: Path,
    astronaut: NDArray[np.uint8],
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    shown = people(astronaut)
    enrol(tmp_path, model_dir, {name: frames[-2:] for name, frames in shown.items()})
    (tmp_path / "params.yaml").write_text("policy:\n  cooldown_s: 0\n", encoding="utf-8")
    port, chance, stop = free_port(), np.random.default_rng(11), threading.Event()
    app = App(f"http://127.0.0.1:{port}", tmp_path, None)  # type: ignore[arg-type]  # the address alone, over all its lives
    kiosks = [Kiosk(app, name, frames[:-2], stop) for name, frames in shown.items()]
    pool, running = ThreadPoolExecutor(len(kiosks)), []
    for life in range(LIVES + 1):
        with serving(tmp_path, model_dir, port=port, ATTEND_PARAMS_FILE=str(tmp_path / "params.yaml")) as server:
            if life == 0:
                set_password(server)
                running = [pool.submit(kiosk.run) for kiosk in kiosks]
            until(lambda server=server: answers(server, "/readyz"), server, 120)  # type: ignore[misc]
            if life < LIVES:
                time.sleep(float(chance.uniform(0.5, 4.0)))
                server.process.kill()
            else:
                stop.set()
                for one in running:
                    one.result(timeout=120)
    pool.shutdown()
    check(app, [visit for kiosk in kiosks for visit in kiosk.visits])
    assert sum(kiosk.lost for kiosk in kiosks) > 0, "no answer was ever lost, so nothing was tried"
    record_testsuite_property("visits over kills", sum(len(kiosk.visits) for kiosk in kiosks))
    record_testsuite_property("answers lost", sum(kiosk.lost for kiosk in kiosks))


def check(app: App, visits: list[Visit]) -> None:
    """Each visit left one record, under the id that was told; and there is no other record."""
    with store_of(app) as store:
        check_ins = list(store.check_ins())
        recorded = {attempt.attempt_id for attempt in store.attempts() if attempt.outcome is Outcome.RECORDED}
    assert len(visits) > LIVES
    assert all(visit.told is not None for visit in visits)
    assert Counter(one.attempt_id for one in check_ins) == Counter(visit.told for visit in visits)
    assert {one.attempt_id for one in check_ins} == recorded
    names = {one.attempt_id: one.matched_identity for one in check_ins}
    assert all(names[visit.told] == visit.name for visit in visits)
    assert all(len(visit.ids & recorded) == 1 for visit in visits), "a visit that was recorded twice"
