"""Many screens at a real server: each is told a pace that leaves room for the others, and its own when they have gone."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from attendance.api.pace import FORGOTTEN_S, SLOWEST_MS
from attendance.services.live_answer import EVERY_HELD_MS, EVERY_MS, EVERY_QUIET_MS
from tests.kiosk_screen import Screen, enrol, frames_of
from tests.real_server import answers, serving, set_password, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tests.real_server import App

SCREENS, MOUNTS = 8, 8  # a screen may send 24 frames at once, whatever their mounts


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, astronaut: NDArray[np.uint8]) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("pace")
    enrol(folder, model_dir, {"Eileen Collins": frames_of(astronaut)[:2]})
    with serving(folder, model_dir) as running:
        set_password(running)
        until(lambda: answers(running, "/readyz"), running, 120)
        yield running


def test_many_screens_are_slowed_down_and_one_alone_is_not(app: App, astronaut: NDArray[np.uint8]) -> None:
    frames = frames_of(astronaut)
    with ExitStack() as stack:
        screens = [stack.enter_context(closing(Screen(app))) for _ in range(SCREENS)]
        for screen in screens:
            assert screen.ask("GET", "/api/kiosk/status").status_code == 200
        alone = screens[0].send(frames[0]).json()
        assert alone["every_ms"] == EVERY_MS
        for screen in screens:  # one after another: none is shed, and each mount is heard of
            for _ in range(MOUNTS):
                screen.send(frames[0], {"X_Attend_View": str(uuid.uuid4())})
        crowded = screens[0].send(frames[1]).json()
        assert EVERY_MS < crowded["every_ms"] <= SLOWEST_MS

        def alone_again() -> bool:
            return screens[0].send(frames[2]).json()["every_ms"] in {EVERY_MS, EVERY_QUIET_MS, EVERY_HELD_MS}

        until(alone_again, app, 20 * FORGOTTEN_S)


def test_what_is_shed_is_told_when_to_come_again(app: App, astronaut: NDArray[np.uint8]) -> None:
    frame = frames_of(astronaut)[0]
    with ExitStack() as stack, ThreadPoolExecutor(64) as pool:
        screens = [stack.enter_context(closing(Screen(app))) for _ in range(64)]
        for screen in screens[:20]:
            assert screen.ask("GET", "/api/kiosk/status").status_code == 200
        heard = [answer.json() | {"status": answer.status_code} for answer in pool.map(lambda one: one.send(frame), screens)]
    shed = [answer for answer in heard if answer["status"] == 503]
    assert shed
    assert all(answer["state"] == "busy" and 0.4 <= answer["retry_s"] <= SLOWEST_MS / 1e3 for answer in shed)
