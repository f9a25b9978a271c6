"""The parts that need the store alone: for them no model is chosen or loaded."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from attendance.bootstrap.parts import IfMade, Part

if TYPE_CHECKING:
    from attendance.bootstrap.tracking import Tracking
    from attendance.services.accounts import Accounts
    from attendance.services.choices import Choices, Chosen
    from attendance.services.devices import Devices
    from attendance.services.disputes import Disputes
    from attendance.services.kept_recogniser import KeptRecogniser
    from attendance.services.origin import Origins
    from attendance.services.people import PeopleService
    from attendance.services.reports import ReportService
    from attendance.services.roster import Roster
    from attendance.settings import Params, Settings
    from attendance.store.base import Store


class Office:
    """People, records, accounts and saved settings.

    Args:
        settings: read once, by the door.
        saved: decide with the settings saved in the store over params.yaml; False: with params.yaml alone, for what must
            not need the store, and for trying values before they are saved.
    """

    def __init__(self, settings: Settings, *, saved: bool = True) -> None:
        self.settings = settings
        self._saved = saved
        self.made: dict[str, Any] = {}
        self.lock = threading.RLock()

    @Part
    def store(self) -> Store:
        """People and records."""
        from attendance.store.connect import connect

        return connect(self.settings.store_url.get_secret_value(), timeout_s=self.settings.store_timeout_s)

    @Part
    def choices(self) -> Choices:
        """The settings that operators save."""
        from attendance.params import checked, flat
        from attendance.services.choices import Choices

        return Choices(self.store, file=flat(self.base), check=checked)

    @Part
    def chosen(self) -> Chosen:
        """What this application decides with until it is built anew, whatever is saved meanwhile."""
        from attendance.services.choices import Chosen

        return self.choices.current() if self._saved else Chosen()

    @Part
    def params(self) -> Params:
        """``base`` with the saved values over it."""
        from attendance.params import decided_by

        return decided_by(self.base, self.chosen.values)

    @Part
    def recogniser(self) -> KeptRecogniser | None:
        """The registered recogniser that ``ATTEND_MODEL`` names, from the copy that is kept here; None where none is named.

        Raises:
            RegistryError: MLflow's registry cannot be asked, and no copy is here.
        """
        if not self.settings.model:
            return None
        from attendance.bootstrap.registered import recogniser_of

        return recogniser_of(self.settings)

    @Part
    def base(self) -> Params:
        """params.yaml, and over it the options and the threshold of the registered recogniser, where there is one."""
        kept = self.recogniser
        if kept is None:
            return self.settings.params
        from attendance.params import over

        one = kept.recogniser
        values = {f"recognition.{name}": value for name, value in one.options.as_dict().items()}
        return over(
            self.settings.params,
            {**values, f"thresholds.{one.family}": one.threshold, "policy.ambiguity_ratio": one.ambiguity_ratio},
        )

    @Part
    def origins(self) -> Origins:
        """Where each value came from. Raises StoreUnavailableError."""
        from attendance.params import flat
        from attendance.services.origin import Origins

        settings, chosen = self.settings, self.chosen
        changes = self.choices.history() if chosen.values else []
        there = settings.params_file.exists()
        return Origins(chosen, changes, flat(self.base), self.recogniser, settings.model, there, self.zone)

    @Part
    def accounts(self) -> Accounts:
        """The operator's password and the sessions."""
        from attendance.services.accounts import Accounts

        idle, longest = timedelta(minutes=self.settings.session_idle_minutes), timedelta(hours=self.settings.session_hours)
        return Accounts(self.store, idle=idle, longest=longest)

    @Part
    def devices(self) -> Devices:
        """The screens that were paired."""
        from attendance.services.devices import Devices

        return Devices(self.store)

    @Part
    def disputes(self) -> Disputes:
        """What was doubted at the door; needs no model."""
        from attendance.services.disputes import Disputes

        return Disputes(self.store)

    @Part
    def people(self) -> PeopleService:
        """Lists and changes people; needs no model."""
        from attendance.services.people import PeopleService

        # Listing names must not choose a model.
        return PeopleService(self.store, cast("Roster", IfMade(self, "roster")))

    @Part
    def reports(self) -> ReportService:
        """Reads the records; needs no model."""
        from attendance.services.reports import ReportService

        return ReportService(self.store, self.zone)

    @Part
    def tracking(self) -> Tracking:
        """The tracking of attempts. A server puts its own in the place of this one, which is that of a command."""
        from attendance.bootstrap.tracking import tracking_of

        return tracking_of(self.store, self.settings, self.zone, server=False)

    @property
    def zone(self) -> ZoneInfo | None:
        """The site's time zone; None is the machine's own."""
        return ZoneInfo(self.settings.timezone) if self.settings.timezone else None

    def close(self) -> None:
        """Give back what is held. Nothing is asked of this application afterwards; closing twice does nothing."""
        with self.lock:
            store, tracking = self.made.pop("store", None), self.made.pop("tracking", None)
            self.made.clear()
        if tracking is not None:
            tracking.outbox.close()
        if store is not None:
            store.close()
