"""A store with attempts to send, and a sink in a folder, for the tests of the outbox; also run in processes of their own.

The folder sink is as strict as a sink may be: an attempt that comes twice must be just the same, no two may send at once,
and what came when stands in a journal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from attendance.errors import TrackingError
from attendance.services.outbox import Outbox
from attendance.services.pace import Pace
from attendance.services.sessions import Sessions
from attendance.store.connect import connect
from attendance.tracking.base import AttemptsRefusedError
from tests.store_makers import after, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from attendance.domain.model import Numbered
    from attendance.store.base import Store
    from attendance.tracking.base import AttemptSink, Dataset, Session, Summary

QUICK = Pace(
    look_s=0.02,
    first_s=0.02,
    longest_s=0.1,
    dataset_s=0.0,
    summarise_s=0.0,
    finish_s=0.0,
    stop_s=5.0,
    turn_s=0.4,
)
STEPS = ("number_attempts", "keep", "mark_sent", "forget")  # of the store, where something is written


class FolderSink:
    """Implements ``tracking.base.AttemptSink``.

    Attributes:
        down: every call is refused while this is true.
        never: the numbers of attempts that it will not take.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.down = False
        never = folder / "never"  # for processes that are started on this folder
        self.never: set[int] = set(json.loads(never.read_text())) if never.exists() else set()
        self.between: Callable[[], None] = lambda: None  # called when half of a batch is there

    def send(self, session: Session, batch: Sequence[Numbered], dataset: Dataset) -> None:
        self._say("send", session, [one.number for one in batch])
        if self.never.intersection(one.number for one in batch):
            raise AttemptsRefusedError(
                "not like this, says http://joe:secret@x", numbers=frozenset(one.number for one in batch)
            )
        with (self.folder / "sending").open("x"):
            pass
        try:
            for place, one in enumerate(batch):
                assert one.attempt.session == session.session_id
                path = self.folder / f"{one.number}.json"
                text = json.dumps({**asdict(one.attempt), "dataset": asdict(dataset)}, default=str, sort_keys=True)
                if path.exists():
                    assert path.read_text() == text, "the same number again is not the same"
                path.write_text(text)
                if place == len(batch) // 2:
                    self.between()
        finally:
            (self.folder / "sending").unlink()

    def set_aside(self, session: Session, count: int) -> None:
        self._say("set_aside", session, count)

    def summarise(self, session: Session, parameter_set: str | None, summary: Summary) -> None:
        self._say("summarise", session, parameter_set)
        (self.folder / f"{session.session_id}-{parameter_set}.summary").write_text(json.dumps(asdict(summary)))

    def finish(self, session: Session) -> None:
        self._say("finish", session)

    def answers(self) -> bool:
        return not self.down

    def close(self) -> None:
        self._write("close")

    def _say(self, what: str, session: Session, *more: object) -> None:
        if self.down:
            raise TrackingError("The server at http://joe:secret@tracker:5000 is down.")
        self._write(what, session.session_id, *more)

    def _write(self, *words: object) -> None:
        with (self.folder / "journal").open("a") as file:
            file.write(json.dumps(words) + "\n")

    def journal(self, what: str) -> list[list[Any]]:
        """What came of this kind, in order."""
        path = self.folder / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry[1:] for entry in map(json.loads, lines) if entry[0] == what]

    def numbers(self) -> list[int]:
        """What arrived."""
        return sorted(int(path.stem) for path in self.folder.glob("*.json"))

    def summary(self, session_id: str, parameter_set: str | None = None) -> Mapping[str, Any]:
        """The last one."""
        found: Mapping[str, Any] = json.loads((self.folder / f"{session_id}-{parameter_set}.summary").read_text())
        return found


def outbox_of(
    store: Store,
    sink: AttemptSink | Callable[[], AttemptSink],
    *,
    on: Callable[[], bool] = lambda: False,
    pace: Pace = QUICK,
) -> Outbox:
    """A sender with this sink."""
    make: Callable[[], AttemptSink] = sink if callable(sink) else lambda: sink
    return Outbox(store, make, sessions=Sessions(store, on), destination="folder", pace=pace)


def make(store: Store, count: int, session: str = "s1", start: float = 0.0, **fields: Any) -> None:
    """Settle so many attempts."""
    for step in range(count):
        store.settle(attempt(None, after(start + step), session=session, **fields), 60.0)


def die() -> None:
    """As by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(step: int, thing: Any, names: Sequence[str], counter: list[int]) -> None:
    """Let the process die before or after the n-th call of these methods; ``counter`` counts both moments."""

    def passed() -> None:
        counter[0] += 1
        if counter[0] == step:
            die()

    def call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        passed()
        result = method(*args, **kwargs)
        passed()
        return result

    for name in names:
        setattr(thing, name, partial(call, getattr(thing, name)))
    if isinstance(thing, FolderSink):
        thing.between = passed


def send_and_die(url: str, folder: Path, step: int) -> None:
    """Send everything, finish what ended, and die at this step; leave with 0 where there are fewer steps."""
    store, sink, counter = connect(url, timeout_s=20), FolderSink(folder), [0]
    (folder / "sending").unlink(missing_ok=True)  # of the one that was killed
    die_at(step, store, STEPS, counter)
    die_at(step, sink, ("send", "summarise", "finish"), counter)
    outbox_of(store, sink).flush(60)
    store.close()
    sys.exit(0)


def send_until_quiet(url: str, folder: Path, sessions: int) -> None:
    """Send, together with others, until so many sessions are finished."""
    store, sink = connect(url, timeout_s=20), FolderSink(folder)
    outbox = outbox_of(store, sink)
    while len({entry[0] for entry in sink.journal("finish")}) < sessions:
        outbox.run_once()
    store.close()
    sys.exit(0)
