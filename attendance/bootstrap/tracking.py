"""The tracking of attempts, put together: the switch, the sessions, and the sender with its sink."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from attendance.errors import SettingsError, TrackingError
from attendance.logs import masked
from attendance.services.outbox import Outbox
from attendance.services.sessions import Sessions
from attendance.services.switch import Switch
from attendance.services.tracking_notes import Notes, pseudonyms
from attendance.settings import tracking_uri

if TYPE_CHECKING:
    from datetime import tzinfo

    from attendance.settings import Settings
    from attendance.store.base import Store
    from attendance.tracking.base import AttemptSink

NOT_INSTALLED = "MLflow is not installed, so attempts wait here; `make setup` installs it."


@dataclass(frozen=True, slots=True)
class Tracking:
    """The parts."""

    switch: Switch
    sessions: Sessions
    outbox: Outbox


def is_installed() -> bool:
    """Whether MLflow is there; does not import it."""
    return find_spec("mlflow") is not None


def tracking_of(
    store: Store, settings: Settings, zone: tzinfo | None, *, server: bool, sends_only: bool = False
) -> Tracking:
    """Put together; nothing is imported, asked or sent before it is needed.

    Args:
        store: with the attempts.
        settings: for the destination.
        zone: for the names of sessions.
        server: as ``Sessions`` takes it.
        sends_only: no attempts are made here, so there is no session of this process.
    """
    switch = Switch(store, settings.tracking)
    is_on = (lambda: False) if sends_only else switch.is_on
    sessions = Sessions(store, is_on, site=settings.site, zone=zone, server=server)

    def make_sink() -> AttemptSink:
        if not is_installed():
            raise TrackingError(NOT_INSTALLED)
        from attendance.tracking.sink import MlflowSink

        names = pseudonyms(store) if settings.tracking_pseudonyms else None
        return MlflowSink(tracking_uri(), settings.tracking_experiment, Notes(store), pseudonyms=names)

    return Tracking(switch, sessions, Outbox(store, make_sink, sessions=sessions, destination=destination()))


def destination() -> str:
    """Where attempts are sent to, for people; without secrets."""
    try:
        return masked(tracking_uri())
    except SettingsError as error:
        return str(error)
