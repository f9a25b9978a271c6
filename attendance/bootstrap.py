"""The only place that chooses the parts. Each is made when it is first asked for, so that a command pays only for what it
uses: who lists people loads no model.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

import structlog

from attendance import logs
from attendance.domain.model import RecognitionOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.model import Box, ModelInfo
    from attendance.faces.base import Detector, Embedder, FaceEngine
    from attendance.faces.catalogue import Catalogue
    from attendance.faces.quality import Gate
    from attendance.services.checkin import CheckInService
    from attendance.services.enrol import EnrolService
    from attendance.services.people import PeopleService
    from attendance.services.reembed import ReembedService
    from attendance.services.roster import Roster
    from attendance.settings import Settings
    from attendance.store.base import Store

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Progress(Protocol):
    """Told how far a long step has come."""

    def __call__(self, step: str, done: int, total: int | None, /) -> None:
        """``done`` of ``total`` (None: not known) of the step that people know by this name."""


class _Part(Generic[T]):
    """An attribute that is made once, by the first thread that asks; the others wait for it."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, application: Application, owner: type) -> T:
        made = application.made
        if self._name not in made:
            with application.lock:
                if self._name not in made:
                    made[self._name] = self._make(application)
        part: T = made[self._name]
        return part


class Application:
    """The parts of one running program.

    Args:
        settings: read once, by the door.
        progress: told of downloads and of pictures that are made ready; None: nobody is.
    """

    def __init__(self, settings: Settings, *, progress: Progress | None = None) -> None:
        self.settings = settings
        self.made: dict[str, Any] = {}
        self.lock = threading.RLock()
        self._progress: Progress = progress or _nobody

    @_Part
    def store(self) -> Store:
        """People and records."""
        from attendance.store.connect import connect

        return connect(self.settings.store_url.get_secret_value(), timeout_s=self.settings.store_timeout_s)

    @_Part
    def catalogue(self) -> Catalogue:
        """The models that are here."""
        from attendance.faces.catalogue import Catalogue

        settings = self.settings
        return Catalogue(
            settings.model_dir,
            facenet_weights=settings.facenet_weights,
            offline=settings.offline,
            threads=settings.threads,
            runtime=settings.runtime,
            thresholds=settings.params.thresholds.model_dump(),
        )

    @_Part
    def family(self) -> str:
        """``facenet`` or ``dlib``; choosing may download FaceNet's weights, and takes 3 s at most without a network."""
        return self.catalogue.choose_family(self.settings.embedder, self.store.active_model(), progress=self.downloading)

    @_Part
    def detector(self) -> Detector:
        """Finds faces."""
        return self.catalogue.detector(accelerate=self.settings.accelerate)

    @_Part
    def embedder(self) -> Embedder:
        """Makes the embeddings."""
        return self.catalogue.embedder(self.family, self.options, progress=self.downloading)

    @_Part
    def engine(self) -> FaceEngine:
        """From a picture to an embedding, if the picture is good enough."""
        from attendance.faces.quality import Gate

        return self._engine(Gate())

    def _engine(self, gate: Gate) -> FaceEngine:
        from attendance.faces.engine import Engine

        limits = self.settings
        return Engine(
            self.detector,
            self.embedder,
            self.options,
            gate,
            max_bytes=limits.max_image_bytes,
            max_pixels=limits.max_image_pixels,
        )

    @_Part
    def roster(self) -> Roster:
        """Who is compared."""
        from attendance.faces.gallery import MatrixGallery
        from attendance.services.roster import Roster

        return Roster(self.store, MatrixGallery, self.model)

    @_Part
    def enrol(self) -> EnrolService:
        """Enrols people."""
        from attendance.services.enrol import EnrolService
        from attendance.services.resemblance import EnrolPolicy

        policy = self.settings.params.policy
        numbers = EnrolPolicy(look_alike_ratio=policy.look_alike_ratio, ambiguity_ratio=policy.ambiguity_ratio)
        return EnrolService(self.store, self.engine, self.roster, numbers)

    @_Part
    def checkin(self) -> CheckInService:
        """Recognises and records."""
        from attendance.services.checkin import CheckInPolicy, CheckInService

        policy = CheckInPolicy(
            cooldown_s=self.settings.params.policy.cooldown_s,
            ambiguity_ratio=self.settings.params.policy.ambiguity_ratio,
            site=self.settings.site,
            zone=self.zone,
            keep_attempt_pictures=self.settings.keep_attempt_pictures,
        )
        return CheckInService(self.store, self.engine, self.roster, policy)

    @_Part
    def people(self) -> PeopleService:
        """Lists and changes people; needs no model."""
        from attendance.services.people import PeopleService

        return PeopleService(self.store, cast("Roster", _RosterIfMade(self)))

    @_Part
    def reembed(self) -> ReembedService:
        """Makes templates from stored pictures."""
        from attendance.faces.quality import STORED, Gate
        from attendance.services.reembed import ReembedService

        return ReembedService(self.store, self._engine(Gate(STORED)))

    @property
    def zone(self) -> ZoneInfo | None:
        """The site's time zone; None is the machine's own."""
        return ZoneInfo(self.settings.timezone) if self.settings.timezone else None

    @property
    def options(self) -> RecognitionOptions:
        """The experiment's options, as the engine takes them."""
        return RecognitionOptions(**self.settings.params.recognition.model_dump())

    @property
    def model(self) -> ModelInfo:
        """The model in use; loads nothing."""
        return self.catalogue.info(self.family, self.options)

    @property
    def decided(self) -> bool:
        """Whether asking for the model downloads nothing; before the first enrolment it may."""
        settings = self.settings
        return (
            "family" in self.made
            or settings.offline
            or settings.embedder == "dlib"
            or self.catalogue.facenet_ready()
            or (settings.embedder == "auto" and self.store.active_model() is not None)
        )

    @property
    def notice(self) -> str | None:
        """One sentence where dlib's ResNet decides without having been asked for, and why; else None."""
        stands_in = self.family == "dlib" and self.settings.embedder == "auto"
        return f"Using {self.catalogue.why}" if stands_in else None

    def downloading(self, done: int, total: int) -> None:
        """Report a download, which counts bytes, in megabytes."""
        self._progress("Downloading FaceNet's weights, MB", done // 1_000_000, total // 1_000_000)

    def prepare(self) -> None:
        """Load the models, and make the pictures of an older database ready, so that its people can check in at once.

        Raises:
            ModelError, StoreError: it cannot be used now.
        """
        _ = self.engine
        if not self.store.references_without_template(self.model.model_id, limit=1):
            return  # as nearly always; one cheap question
        made = self.reembed.prepare_new(lambda done, total, _: self._progress("Preparing pictures", done, total))
        log.info("pictures_prepared", done=made.done, failed=len(made.failed))
        self.roster.expire()

    def warm(self) -> None:
        """Wait for the compiled detector, so that the next start finds it in the cache: some seconds the first time."""
        from attendance.faces.mtcnn import MtcnnDetector

        if isinstance(self.detector, MtcnnDetector):
            self.detector.warm()

    def preview(self, picture: bytes, box: Box | None) -> NDArray[np.uint8]:
        """A small square, uint8 RGB (240, 240, 3), of a face or, without a box, of the whole picture.

        Raises:
            ImageUnreadableError: the bytes are no picture within the limits.
        """
        from attendance.faces.preview import preview

        limits = self.settings
        return preview(picture, box, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels)

    def close(self) -> None:
        """Give back what is held. Nothing is asked of this application afterwards; closing twice does nothing."""
        with self.lock:
            store = self.made.pop("store", None)
            self.made.clear()
        if store is not None:
            store.close()


class _RosterIfMade:
    """What the people's service needs of a roster, without making one: that would choose a model to list names."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def expire(self) -> None:
        """Let the roster, if there is one, ask the store again."""
        roster: Roster | None = self._application.made.get("roster")
        if roster is not None:
            roster.expire()


def build(settings: Settings, *, progress: Progress | None = None) -> Application:
    """The application of these settings; nothing is opened, loaded or downloaded before it is needed."""
    if not structlog.is_configured():
        logs.configure()
    return Application(settings, progress=progress)


def _nobody(_step: str, _done: int, _total: int | None, /) -> None:
    """Progress that nobody watches."""
