"""In which session attempts are made: that of this server start, that of an operator's experiment, or none.

A check-in asks memory alone. Another thread looks at the store every second, so that a switch or a new experiment takes
effect in all processes at once, and says of this process's own session that it is still alive.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from attendance.errors import AttendanceError, ConflictError, SettingsError
from attendance.services.audit import recorded
from attendance.services.clock import now_utc
from attendance.services.tracking_notes import TRACKING
from attendance.tracking.base import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from attendance.domain.model import Kept
    from attendance.services.clock import Clock
    from attendance.store.base import Store

OPEN, FINISHED = "tracking-session", "tracking-finished"  # kinds of entries, by session id
EXPERIMENT = "experiment"  # key of the entry that says which experiment everybody's attempts belong to
ALIVE = timedelta(minutes=5)  # a session of which nobody said so for this long has died
SAY_ALIVE = timedelta(minutes=1)
FINISHED_STAYS = timedelta(days=30)
MAX_NAME = 100  # characters
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it is kept.

    Attributes:
        alive_until_utc: from then on it counts as ended, unless it is the experiment that is under way.
    """

    session: Session
    alive_until_utc: datetime


class Sessions:
    """The sessions of one process.

    Args:
        store: shared with the other processes.
        is_on: whether attempts are tracked, asked of the store.
        site, zone: for the names.
        server: False for a command that runs once: such commands of one day share a session.
    """

    def __init__(
        self,
        store: Store,
        is_on: Callable[[], bool],
        clock: Clock = now_utc,
        *,
        site: str = "main",
        zone: tzinfo | None = None,
        server: bool = True,
    ) -> None:
        self._store = store
        self._is_on = is_on
        self._clock = clock
        self._site, self._zone, self._server = site, zone, server
        self._current: str | None = None
        self._looked = False
        self._own: Session | None = None
        self._say_alive_at: datetime | None = None
        self._lock = threading.Lock()

    def session(self) -> str | None:
        """The session of an attempt that is made now, or None where tracking is off. Takes a microsecond; never raises."""
        if not self._looked:
            try:
                self.refresh()
            except AttendanceError as error:  # the attempt itself will hear of it
                log.debug("session_unknown", error=error)
        return self._current

    def refresh(self) -> None:
        """Look at the store.

        Raises:
            StoreUnavailableError: it is away; everything stays as it was.
        """
        with self._lock:
            if not self._is_on():
                self._current = None
                self._end_own()
            else:
                experiment = self._store.kept(TRACKING, EXPERIMENT)
                self._current = str(experiment.value["session"]) if experiment else self._own_session().session_id
                self._stay_alive()
            self._looked = True

    def experiment(self) -> Session | None:
        """The experiment that is under way."""
        entry = self._store.kept(TRACKING, EXPERIMENT)
        found = None if entry is None else self.find(str(entry.value["session"]))
        return None if found is None else found.session

    def begin(self, name: str, actor: str) -> Session:
        """Begin an experiment: from now on the attempts of all processes belong to it. One that is under way ends.

        Raises:
            SettingsError: no name, or one that is too long.
            StoreUnavailableError: it may or may not have begun.
        """
        name = " ".join(name.split())
        if not name or len(name) > MAX_NAME:
            raise SettingsError(f"Give the experiment a name of 1 to {MAX_NAME} characters.", name="experiment")
        session = Session(uuid.uuid4().hex, name, self._clock(), self._site)
        with recorded(self._store, self._clock, actor, "begin-experiment", {"session": session.session_id}):
            before = self._store.kept(TRACKING, EXPERIMENT)
            self._keep(session, session.started_at_utc + ALIVE)
            self._store.keep(TRACKING, EXPERIMENT, {"session": session.session_id})
        if before is not None:
            self._end(str(before.value["session"]))
        self.refresh()
        return session

    def end(self, actor: str) -> Session | None:
        """End the experiment that is under way, if one is; attempts belong to the servers' own sessions again."""
        session = self.experiment()
        if session is not None:
            with recorded(self._store, self._clock, actor, "end-experiment", {"session": session.session_id}):
                self._store.forget(TRACKING, EXPERIMENT)
                self._end(session.session_id)
        self.refresh()
        return session

    def stop(self) -> None:
        """The server ends, and its session with it."""
        with self._lock:
            self._current = None
            self._end_own()

    # For the sender ----------------------------------------------------------------------------------------------------

    def find(self, session_id: str) -> Stored | None:
        """A session by its id, finished or not."""
        entry = self._store.kept(OPEN, session_id) or self._store.kept(FINISHED, session_id)
        return None if entry is None else _stored(entry)

    def ended(self) -> list[Session]:
        """Those that ended or died and are not finished."""
        entry = self._store.kept(TRACKING, EXPERIMENT)
        under_way = None if entry is None else entry.value["session"]
        now = self._clock()
        found = [_stored(entry) for entry in self._store.all_kept(OPEN) if entry.key != under_way]
        return [one.session for one in found if one.alive_until_utc <= now]

    def finished(self, session: Session) -> None:
        """It was finished; remembered for a while, for attempts that come late."""
        now = self._clock()
        self._store.keep(FINISHED, session.session_id, _value(session, now), expires_at=now + FINISHED_STAYS)
        self._store.forget(OPEN, session.session_id)

    def reopen(self, session: Session) -> None:
        """Attempts came late: it has to be finished once more."""
        if self._store.kept(OPEN, session.session_id) is None:
            self._keep(session, self._clock())

    def _own_session(self) -> Session:
        if self._own is None:
            now = self._clock()
            there = now.astimezone(self._zone)
            if self._server:
                name = f"{self._site} {there:%Y-%m-%d %H:%M:%S}"
                self._own = Session(uuid.uuid4().hex, name, now, self._site)
            else:
                day = f"{there:%Y-%m-%d}"
                self._own = Session(f"commands-{day}-{self._site}", f"{self._site} {day}, command line", now, self._site)
                known = self.find(self._own.session_id)
                self._own = known.session if known is not None else self._own
            self._say_alive_at = None
        return self._own

    def _stay_alive(self) -> None:
        now = self._clock()
        if self._own is None or (self._say_alive_at is not None and now < self._say_alive_at):
            return
        self._keep(self._own, now + ALIVE)
        self._say_alive_at = now + SAY_ALIVE

    def _end_own(self) -> None:
        if self._own is not None:
            self._end(self._own.session_id)
            self._own = None

    def _end(self, session_id: str) -> None:
        entry = self._store.kept(OPEN, session_id)
        if entry is None:
            return
        try:
            self._store.keep(OPEN, session_id, _value(_stored(entry).session, self._clock()), version=entry.version)
        except ConflictError:
            log.debug("session_changed_meanwhile", session=session_id)

    def _keep(self, session: Session, alive_until: datetime) -> None:
        self._store.keep(OPEN, session.session_id, _value(session, alive_until))


def _value(session: Session, alive_until: datetime) -> Mapping[str, Any]:
    return {
        "name": session.name,
        "started_at": session.started_at_utc.isoformat(),
        "site": session.site,
        "alive_until": alive_until.isoformat(),
    }


def _stored(entry: Kept) -> Stored:
    value = entry.value
    started, alive_until = (datetime.fromisoformat(value[name]).astimezone(UTC) for name in ("started_at", "alive_until"))
    return Stored(Session(entry.key, str(value["name"]), started, value["site"]), alive_until)
