"""Settings that change the numbers of an embedding: new templates of all stored pictures first, then the settings.

Until all templates are there nothing is saved, and the people are recognised with the old ones. Stopped or killed at any
point, the old state is whole, and doing it again goes on with the pictures that are left.
"""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from attendance.errors import (
    AttendanceError,
    ConflictError,
    CorruptRecordError,
    ImageUnreadableError,
    PersonNotFoundError,
    SettingsError,
)
from attendance.services.reembed import Reembedding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from attendance.faces.base import FaceEngine
    from attendance.services.choices import Choices, Value
    from attendance.services.reembed import ReembedService
    from attendance.store.base import Store

MEASURED = 4  # pictures that an estimate is measured on

log = structlog.get_logger(__name__)


class State(StrEnum):
    """How far a changeover is."""

    WORKING = "working"
    SAVED = "saved"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator wants saved; see ``Choices.save``. ``model_id`` is the one that these values make."""

    values: Mapping[str, Value]
    model_id: str
    expected_version: int
    actor: str
    why: str


def pictures_left(store: Store, model_id: str) -> int:
    """How many stored pictures have not been tried with this model yet."""
    tried = sum(one.templates + one.failed for one in store.template_coverage() if one.model_id == model_id)
    return max(0, store.count_references() - tried)


def seconds_a_picture(store: Store, engine: FaceEngine, model_id: str) -> float | None:
    """How long one of the pictures that are left takes, measured on the first of them; None where there is none.

    The engine may be the one in use: options hardly change what a picture costs. Nothing is stored.
    """
    took: list[float] = []
    for reference in store.references_without_template(model_id, limit=MEASURED):
        began = time.perf_counter()
        # A picture that cannot be used takes its time as well; one that is gone since then does not.
        with suppress(ImageUnreadableError, CorruptRecordError, PersonNotFoundError):
            engine.capture(store.picture(reference.reference_id))
        took.append(time.perf_counter() - began)
    return statistics.median(took) if took else None


def change_over(
    store: Store,
    reembed: ReembedService,
    choices: Choices,
    wish: Wish,
    progress: Callable[[int, int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Reembedding:
    """Make the templates, save the settings, let the new model decide; in this order, each only after the one before.

    Args:
        store: of both services.
        reembed: whose engine has the wished options.
        choices: where the settings are saved.
        wish: what is to be saved.
        progress: as in ``ReembedService.run``.
        should_stop: the same.

    Raises:
        ConflictError: another operator saved meanwhile; nothing of this was saved, and the old model goes on.
        SettingsError: a value that cannot be saved, or not one stored picture can be used with these options.
        StoreUnavailableError, InferenceError: what was made so far stays for the next time.
    """
    if choices.current().version != wish.expected_version:
        raise ConflictError("Another operator saved other settings meanwhile.")
    saved = False

    def save(switches_to: str | None = wish.model_id) -> None:
        nonlocal saved
        choices.save(
            wish.values,
            expected_version=wish.expected_version,
            actor=wish.actor,
            why=wish.why,
            switches_to=switches_to,
        )
        saved = True

    if store.active_model() is None and not store.count_references():
        save(None)  # nobody is registered: which model decides is left to the first enrolment
        return Reembedding(wish.model_id, complete=True)
    work = reembed.run(progress, should_stop, actor=wish.actor, before_switch=save)
    if saved:
        choices.finish_switch()  # the model decides already; only the note of it goes
    elif work.complete and store.active_model() == wish.model_id:
        save(None)
    elif work.complete:
        raise SettingsError("Not one of the stored pictures can be used with these options. Nothing was saved.")
    return work


class Changeover:
    """One changeover in a thread of its own, so that it goes on while nobody looks at the page.

    Args:
        parts: opens the store and the two services, for this job alone; closed at its end.
        wish: what is to be saved.
        total: how many pictures are left, as far as is known.

    Attributes:
        state: how far it is.
        done, total: pictures looked at, and in all.
        failed: pictures among them that cannot be used with these options.
        error: why it failed, or None.
    """

    def __init__(
        self,
        parts: Callable[[], AbstractContextManager[tuple[Store, ReembedService, Choices]]],
        wish: Wish,
        total: int,
    ) -> None:
        self.wish = wish
        self.state = State.WORKING
        self.done, self.total, self.failed = 0, total, 0
        self.error: AttendanceError | None = None
        self._parts = parts
        self._stop = threading.Event()
        self._began = time.monotonic()
        # A daemon: a server that stops does not wait; what is made so far is stored.
        self._thread = threading.Thread(target=self._run, name="attend-changeover", daemon=True)

    def start(self) -> Changeover:
        """Begin; returns itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Let it end after the pictures at work; what is made stays for the next time."""
        self._stop.set()

    def wait(self, timeout_s: float | None = None) -> State:
        """Wait until it has ended, or that long."""
        self._thread.join(timeout_s)
        return self.state

    @property
    def left_s(self) -> float | None:
        """How long it will take from now on, seconds, measured on the pictures so far; None before the first ones."""
        if not self.done:
            return None
        return (time.monotonic() - self._began) / self.done * max(0, self.total - self.done)

    def _run(self) -> None:
        try:
            with self._parts() as (store, reembed, choices):
                self._began = time.monotonic()  # loading the model is done
                work = change_over(store, reembed, choices, self.wish, self._progress, self._stop.is_set)
            self.state = State.SAVED if work.complete else State.STOPPED
        except AttendanceError as error:
            self.error, self.state = error, State.FAILED
            log.warning("changeover_failed", model_id=self.wish.model_id, error=error)

    def _progress(self, done: int, total: int, failed: int) -> None:
        self.done, self.total, self.failed = done, total, failed
