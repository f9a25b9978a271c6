"""Twenty screens and one visitor of a page, each in a thread: they send, wait for the answer, and note how long it took.

A screen plays the kiosk's part (attendance/ui/kiosk/sender.js): the next frame goes as long after the one before as the
answer said, though never sooner than its camera's pace, and never before the answer. After a refusal it waits what the
refusal says, and up to a quarter more. What its camera's pace would have allowed in that time counts as held back.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
from websockets.exceptions import WebSocketException

from bench.load_wire import Browser, HttpScreen, Reply, ScriptScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.real_server import App

PERSON_S = 4.0  # so long somebody stands there, then the next person comes
PAGE_EVERY_S = 0.5
MEMORY_EVERY_S = 1.0
RESULTS = {"checked-in", "already"}  # of the person who stands there
EARLY = 0.02  # frames: clocks are not exact, and a wish for 400 ms at 5 frames a second is two frames


@dataclass
class Heard:
    """What came of all frames of all screens.

    Attributes:
        frame_ms: from sending a frame to its answer, for those that were worked on.
        decided_ms: from somebody's first frame to the answer that recorded.
        states: what was answered, and ``shed``, ``lost`` (no answer, pages included) or another refusal's HTTP status.
        held_back: frames that the camera had and that were not sent: the server asked for fewer, or had not answered yet.
        page_ms: from asking for the page to the end of its script: its document, its websocket, its script.
        memory_mb: of the server and its children, once a second.
        server_s, clients_s: processor seconds of the server with its children, and of all the clients.
        seconds: how long it was measured.
    """

    frame_ms: list[float] = field(default_factory=list)
    decided_ms: list[float] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    held_back: int = 0
    page_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    server_s: float = 0.0
    clients_s: float = 0.0
    seconds: float = 0.0
    counts: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def decided(self, seconds: float) -> None:
        """Somebody has a result."""
        if self.counts:
            with self.lock:
                self.decided_ms.append(seconds * 1e3)

    def note(self, state: str, took_ms: float, held_back: int = 0) -> None:
        """One frame."""
        if not self.counts:
            return
        with self.lock:
            self.states[state] += 1
            self.held_back += held_back
            if state not in {"shed", "lost"} and not state[0].isdigit():
                self.frame_ms.append(took_ms)


def play(
    app: App,
    make: Callable[[App], HttpScreen | ScriptScreen],
    people: Sequence[Sequence[bytes]],
    *,
    kiosks: int,
    rate: float,
    warm_up: float,
    seconds: float,
) -> Heard:
    """Let all screens send for so long.

    Args:
        app: the server.
        make: opens a screen.
        people: frames of each person.
        kiosks: how many screens.
        rate: frames a second that a screen's camera gives.
        warm_up: seconds before anything counts: the compiled detector is loaded and the scripts are read.
        seconds: how long it counts.
    """
    heard, stop = Heard(), threading.Event()
    # The screens begin spread over a frame's time, as they would: not all in the same instant.
    tasks = [
        threading.Thread(target=_stand, args=(app, make, people, number, rate, number / kiosks / rate, heard, stop))
        for number in range(kiosks)
    ]
    tasks += [
        threading.Thread(target=_visit, args=(app, heard, stop)),
        threading.Thread(target=_watch, args=(app.process.pid, heard, stop)),
    ]
    for task in tasks:
        task.start()
    time.sleep(warm_up)
    began, server_s, clients_s = time.perf_counter(), spent(app.process.pid), time.process_time()
    heard.counts = True
    time.sleep(seconds)
    heard.counts = False
    heard.seconds = time.perf_counter() - began
    heard.server_s, heard.clients_s = spent(app.process.pid) - server_s, time.process_time() - clients_s
    stop.set()
    for task in tasks:
        task.join()
    return heard


def _stand(
    app: App,
    make: Callable[[App], HttpScreen | ScriptScreen],
    people: Sequence[Sequence[bytes]],
    number: int,
    rate: float,
    wait_s: float,
    heard: Heard,
    stop: threading.Event,
) -> None:
    screen = make(app)
    chance = random.Random(number)  # noqa: S311 - a wait, no secret
    began = due = time.monotonic() + wait_s
    index, standing, came = 0, -1, 0.0
    while not stop.wait(max(0.0, due - time.monotonic())):
        sent = time.monotonic()
        person = number + int((sent - began) / PERSON_S)
        if person != standing:
            standing, came = person, sent
        shown = people[person % len(people)]
        try:
            reply = screen.send(shown[index % len(shown)], person % len(people))
        except OSError:
            reply = Reply("lost")
            screen = make(app)
        now = time.monotonic()
        index += 1
        # The camera's next frame, of which it has one each 1 / rate, that is not before the answer nor before it is wanted.
        wanted = max(now - sent, reply.every_s, reply.retry_s * (1 + chance.random() / 4))
        frames = max(1, math.ceil(wanted * rate - EARLY))
        heard.note(reply.state, (now - sent) * 1e3, frames - 1)
        if reply.state in RESULTS and came:
            heard.decided(now - came)
            came = 0.0
        due = sent + frames / rate
    screen.close()


def _visit(app: App, heard: Heard, stop: threading.Event) -> None:
    """Open the page again and again, as somebody does who comes back to it."""
    browser = Browser(app)
    while not stop.wait(PAGE_EVERY_S):
        began = time.perf_counter()
        try:
            browser.open()
        except (OSError, WebSocketException):
            heard.note("lost", 0.0)
            continue
        if heard.counts:
            heard.page_ms.append((time.perf_counter() - began) * 1e3)


def spent(pid: int) -> float:
    """Processor seconds of a process and its children so far."""
    times = [one.cpu_times() for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]]
    return sum(one.user + one.system for one in times)


def _watch(pid: int, heard: Heard, stop: threading.Event) -> None:
    while not stop.wait(MEMORY_EVERY_S):
        if heard.counts:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            heard.memory_mb.append(sum(one.memory_info().rss for one in family) / 1e6)
