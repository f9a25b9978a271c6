"""Twenty screens and one visitor of a page, each in a thread: they send, wait for the answer, and note how long it took.

A screen sends at its own pace but never a second frame before the answer to the first, as the component does; what it could
not send in time for that reason is counted as held back.
"""

from __future__ import annotations

import http.client
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from tests.visitors import XSRF, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.real_server import App
    from tests.visitors import Page

PERSON_S = 4.0  # so long somebody stands there, then the next person comes
PAGE_EVERY_S = 0.5
MEMORY_EVERY_S = 1.0


@dataclass
class Heard:
    """What came of all frames of all screens.

    Attributes:
        frame_ms: from sending a frame to its answer, for those that were worked on.
        states: what was answered, and ``shed``, ``lost`` (no answer at all) or the HTTP status of another refusal.
        held_back: frames that were not sent, because the answer to the one before was not there yet.
        page_ms: from opening a page's websocket to the end of its script.
        memory_mb: of the server and its children, once a second.
    """

    frame_ms: list[float] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    held_back: int = 0
    page_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, state: str, took_ms: float | None) -> None:
        """One frame."""
        with self.lock:
            self.states[state] += 1
            if took_ms is not None:
                self.frame_ms.append(took_ms)


class HttpScreen:
    """One of our kiosks: frames over HTTP on a connection that stays open."""

    def __init__(self, app: App) -> None:
        address = app.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._headers = {
            "Origin": app.url,
            "X-Xsrftoken": XSRF,
            "Cookie": f"_streamlit_xsrf={XSRF}",
            "X-Attend-View": str(uuid.uuid4()),
            "Content-Type": "image/jpeg",
        }
        self._connection.request("GET", "/api/kiosk/status", headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        device = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        self._headers["Cookie"] += f"; {device}"

    def send(self, jpeg: bytes, _person: int) -> str:
        """The state that was answered, or how the frame was refused."""
        self._connection.request("POST", "/api/kiosk/frame", body=jpeg, headers=self._headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status == 503:
            return "shed"
        return data.partition(b'"state":"')[2].partition(b'"')[0].decode() if answer.status == 200 else str(answer.status)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


class ScriptScreen:
    """A session of the peer: each run of its script works on one frame, which already lies on the server."""

    def __init__(self, app: App) -> None:
        self._opened = Visitor(app).page()
        self._page: Page = self._opened.__enter__()
        self._view = uuid.uuid4().hex

    def send(self, _jpeg: bytes, person: int) -> str:
        """``answered`` when the script has run to its end."""
        self._page.run(query=f"view={self._view}&person={person}")
        return "answered"

    def close(self) -> None:
        """Close the session."""
        self._opened.__exit__(None, None, None)


def play(
    app: App,
    make: Callable[[App], HttpScreen | ScriptScreen],
    people: Sequence[Sequence[bytes]],
    *,
    kiosks: int,
    rate: float,
    seconds: float,
) -> Heard:
    """Let all screens send for so long.

    Args:
        app: the server.
        make: opens a screen.
        people: frames of each person.
        kiosks: how many screens.
        rate: frames a second and screen.
        seconds: how long.
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
    time.sleep(seconds)
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
    began = due = time.monotonic() + wait_s
    index = 0
    while not stop.wait(max(0.0, due - time.monotonic())):
        person = (number + int((due - began) / PERSON_S)) % len(people)
        sent = time.perf_counter()
        try:
            state = screen.send(people[person][index % len(people[person])], person)
        except (OSError, http.client.HTTPException):
            heard.note("lost", None)
            screen = make(app)
        else:
            heard.note(state, None if state == "shed" or state.isdigit() else (time.perf_counter() - sent) * 1e3)
        index += 1
        late = int(max(0.0, time.monotonic() - due) * rate)
        with heard.lock:
            heard.held_back += late
        due += (late + 1) / rate
    screen.close()


def _visit(app: App, heard: Heard, stop: threading.Event) -> None:
    """Open the page again and again, as somebody does who comes to it."""
    while not stop.wait(PAGE_EVERY_S):
        began = time.perf_counter()
        with Visitor(app).page() as page:
            page.run(query="light")
        heard.page_ms.append((time.perf_counter() - began) * 1e3)


def _watch(pid: int, heard: Heard, stop: threading.Event) -> None:
    while not stop.wait(MEMORY_EVERY_S):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        heard.memory_mb.append(sum(one.memory_info().rss for one in family) / 1e6)
