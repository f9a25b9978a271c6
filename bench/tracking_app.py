"""A process like the app for the measurements: makes attempts and sends them, until so many were made and all are sent.

    python -m bench.tracking_app FOLDER TRACKING_URI ATTEMPTS

It goes on where a killed one ended, and says at its end, as JSON, how long the sending took and its memory.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.services.outbox import Outbox
from attendance.services.pace import Pace
from attendance.services.sessions import Sessions
from attendance.services.tracking_notes import Notes
from attendance.store.connect import connect
from attendance.tracking.sink import MlflowSink
from tests.store_makers import person, references
from tests.tracked_attempts import PEOPLE, attempt

if TYPE_CHECKING:
    from attendance.store.base import Store

EXPERIMENT = "face-attendance"
PACE = replace(Pace(), longest_s=2.0, finish_s=2.0, turn_s=5.0)  # so that waiting for a killed one is short


def store_of(folder: Path) -> Store:
    """The store, with the people of the attempts."""
    store = connect(f"sqlite:///{folder}/attendance.db", timeout_s=10)
    if not store.count_people():
        for name in PEOPLE:
            store.add_person(person(name, person_id=f"id-{name}"), references(1), "dlib-resnet-v1/align-m20-flip")
    return store


def make(store: Store, sessions: Sessions, first: int, last: int) -> None:
    """Settle the attempts of these numbers; one that is stored already stays as it is."""
    for number in range(first, last + 1):
        store.settle(attempt(number, session=sessions.session(), records=False), 60.0)


def memory_mb(field: str = "VmRSS") -> float:
    """Of this process; ``VmHWM`` is the peak."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{field}:"))) / 1024


def outbox_of(store: Store, uri: str, sessions: Sessions) -> Outbox:
    """The sender, as the server has it."""
    return Outbox(store, lambda: MlflowSink(uri, EXPERIMENT, Notes(store)), sessions=sessions, pace=PACE)


def main() -> None:
    """See the module."""
    folder, uri, wanted = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = store_of(folder)
    sessions = Sessions(store, lambda: True)
    before_mb = memory_mb()
    outbox = outbox_of(store, uri, sessions)
    outbox.start()
    state = store.outbox()
    make(store, sessions, state.sent + state.waiting + 1, wanted)
    started, at_first = time.monotonic(), store.outbox().sent
    while store.outbox().waiting:
        time.sleep(0.05)
    rate = (wanted - at_first) / max(time.monotonic() - started, 1e-9)
    used_mb = memory_mb("VmHWM")
    outbox.stop()
    store.close()
    print(json.dumps({"a_second": rate, "before_mb": before_mb, "peak_mb": used_mb}))


if __name__ == "__main__":
    main()
