"""The application of this process: one for all visitors, brought up beside the server, and renewed when settings change.

The server answers from its first moment: while the models load or the database is away, ``application`` raises why, and a
thread goes on trying. What needs the database alone (who is signed in, which screens are paired) waits for no model.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from attendance.api import heap
from attendance.api.cookies import cookies_of
from attendance.api.limits import Breaker
from attendance.api.pace import Pace
from attendance.api.work import Busy, Queue
from attendance.api.writes import Writes
from attendance.bootstrap import Application, build
from attendance.errors import AttendanceError, StoreUnavailableError
from attendance.services.status import prove_writable
from attendance.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from attendance.api.cookies import Cookies
    from attendance.bootstrap.sender import Sender
    from attendance.bootstrap.tracking import Tracking
    from attendance.services.accounts import Accounts
    from attendance.services.devices import Devices
    from attendance.settings import Settings
    from attendance.store.base import Store

__all__ = ["Busy", "Running", "reset", "running"]

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0  # how often the saved settings and the active model are asked for
RETRY_S = (1.0, 10.0)  # first and longest pause between two tries to start
QUESTIONS = 8  # questions to the store at the same time, apart from the recognitions' own


class Running:
    """The parts of this process, and in which state they are.

    Args:
        settings: read once; None: read now. Nothing is downloaded by a running server, and a recognition uses one thread.

    Attributes:
        state: ``starting``, ``ready`` or ``failed``.
        error: why it failed; None otherwise.
        writes: whether the store takes what is written.
        queue: the recognitions at work and waiting.
        pace: how often each screen may send.

    Raises:
        SettingsError: a setting cannot be used.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load(offline=True, threads=1)
        self.state = "starting"
        self.error: AttendanceError | None = None
        self._parts = Application(self.settings)  # of which the server takes the store, also while nothing else works
        self._application: Application | None = None
        self._building, self._following, self._building_tracking = threading.Lock(), threading.Lock(), threading.Lock()
        self._next_try, self._next_look = 0.0, 0.0
        self._breaker = Breaker(prove=lambda: self.store.info())  # noqa: PLW0108 - opened when it is asked
        self._accounts: Accounts | None = None
        self._devices: Devices | None = None
        self._tracking: Tracking | None = None
        self._sender: Sender | None = None
        self.stopped = threading.Event()  # set when the server ends
        self.writes = Writes(lambda: prove_writable(self.store), self.stopped)
        self._thread: threading.Thread | None = None
        self._asking = ThreadPoolExecutor(QUESTIONS, "attend-ask")
        self.queue = Queue(self.settings.workers)
        self.pace = Pace(self.queue)

    # The application --------------------------------------------------------------------------------------------------

    def application(self) -> Application:
        """The application; the first to ask builds it, the others wait for that.

        Raises:
            AttendanceError: why it cannot be used; tried again a second later, not with every call.
        """
        if (ready := self._application) is not None:
            return ready
        with self._building:
            if self._application is not None:
                return self._application
            if self.error is not None and time.monotonic() < self._next_try:
                raise self.error.with_traceback(None)
            return self._build(None)

    def start(self) -> None:
        """Bring the application up in a thread, and try again for as long as it fails."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._bring_up, name="attend-start", daemon=True)
            self._thread.start()

    def follow(self, *, at_once: bool = False) -> None:
        """Decide with what operators saved, and with the model that decides, from now on. Cheap; looks once a second.

        Args:
            at_once: look now, and return when it is so; for the page that has just saved.

        Raises:
            AttendanceError: what holds now cannot be used; the application then counts as failed and is tried again.
        """
        if not at_once and time.monotonic() < self._next_look:
            return
        if not self._following.acquire(blocking=at_once):
            return  # somebody is just looking
        try:
            self._next_look = time.monotonic() + LOOK_EVERY_S
            if (before := self._application) is None or not self._changed(before):
                return
            with self._building:
                self._build(before)
        except StoreUnavailableError:
            return  # whoever asks the store next hears of it
        finally:
            self._following.release()

    def _changed(self, parts: Application) -> bool:
        if parts.choices.current().version != parts.chosen.version:
            return True
        active = self.store.active_model()
        return self.settings.embedder == "auto" and not self.settings.model and active not in {None, parts.model.model_id}

    def _build(self, before: Application | None) -> Application:
        """Build and load; the caller holds the lock. What is dear and cannot have changed is taken over from ``before``."""
        try:
            parts = build(self.settings)
            parts.made |= {"store": self.store, "tracking": self.tracking}
            if self._thread is not None:
                self._start_sending()
            if before is not None:
                parts.made["detector"] = before.detector
            parts.prepare()
        except AttendanceError as error:
            self._application, self.error, self.state = None, error, "failed"
            self._next_try = time.monotonic() + RETRY_S[0]
            log.warning("app_not_ready", error=error)
            if before is not None:
                self._thread = None
                self.start()
            raise
        self._application, self.error, self.state = parts, None, "ready"
        heap.settle()
        log.info("app_ready", model=parts.model.model_id, settings_version=parts.chosen.version)
        return parts

    def _bring_up(self) -> None:
        pause, longest = RETRY_S
        while not self.stopped.is_set():
            try:
                self.application().warm()
            except AttendanceError:
                self.stopped.wait(pause)
                pause = min(longest, 2 * pause)
            else:
                heap.settle()  # the compiled kernels are half of it
                return

    # What needs the database alone --------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """People and records. Raises StoreError where it cannot be opened."""
        opened: Store | None = self._parts.made.get("store")
        return opened if opened is not None else self._breaker.call(lambda: self._parts.store)

    @property
    def zone(self) -> ZoneInfo | None:
        """The site's time zone; None is the machine's own."""
        return self._parts.zone

    @property
    def accounts(self) -> Accounts:
        """The operator's password and the sessions. Raises StoreError where the store cannot be opened."""
        if self._accounts is None:
            from attendance.services.accounts import Accounts

            settings = self.settings
            idle, longest = timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
            self._accounts = Accounts(self.store, idle=idle, longest=longest)
        return self._accounts

    @property
    def devices(self) -> Devices:
        """The paired screens. Raises StoreError where the store cannot be opened."""
        if self._devices is None:
            from attendance.services.devices import Devices

            self._devices = Devices(self.store)
        return self._devices

    @property
    def tracking(self) -> Tracking:
        """The tracking of this server's attempts. Raises StoreError where the store cannot be opened."""
        with self._building_tracking:
            if self._tracking is None:
                from attendance.bootstrap.tracking import tracking_of

                self._tracking = tracking_of(self.store, self.settings, self.zone, server=True)
            return self._tracking

    def _start_sending(self) -> None:
        if self._sender is None:
            from attendance.bootstrap.sender import Sender

            self._sender = Sender(self.settings, self.tracking)
            self._sender.start()

    @property
    def cookies(self) -> Cookies:
        """Signs and reads the cookies. Raises StoreError where the secret, kept in the store, cannot be asked for."""
        return cookies_of(self.store)

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask the store, in a thread; a store that is away is asked once a second by one visitor only.

        Raises:
            StoreUnavailableError: it is away, now or a moment ago.
        """
        return await asyncio.get_running_loop().run_in_executor(self._asking, self._breaker.call, question)

    # Recognitions -------------------------------------------------------------------------------------------------------

    async def work(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do ``fn`` in one of the few threads that recognise, after those that came before.

        Raises:
            Busy: too many wait already; ask again in a moment.
        """
        return await self.queue.work(fn, *args, **kwargs)

    async def check_in(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what is to be stored; refused at once while the store takes no writes.

        Raises:
            Busy: too many wait already; ask again in a moment.
            StoreUnavailableError: what is recognised could not be stored, now or when it was last tried.
        """
        self.writes.require()
        try:
            return await self.work(fn, *args, **kwargs)
        except StoreUnavailableError as error:
            self.writes.failed(error)
            raise

    def close(self) -> None:
        """Finish what is at work, and give everything back. Closing twice does nothing."""
        self.stopped.set()
        self.queue.close()
        self._asking.shutdown(wait=True)
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._sender is not None:
            self._sender.stop()
        self._application = None
        self._parts.close()  # the store, which every application of this process shares


_lock = threading.Lock()
_running: Running | None = None


def running() -> Running:
    """The one of this process; made at the first call.

    Raises:
        SettingsError: a setting cannot be used.
    """
    global _running  # noqa: PLW0603 - one to a process, by its nature
    with _lock:
        if _running is None:
            _running = Running()
        return _running


def reset(settings: Settings | None = None) -> None:
    """Close the one of this process; with settings, the next is made of these. For tests, and for the end of the server."""
    global _running
    with _lock:
        before, _running = _running, None if settings is None else Running(settings)
    if before is not None:
        before.close()
