"""The parts of one running program: those that need the store alone, and those that recognise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from attendance.bootstrap.office import Office
from attendance.bootstrap.parts import Part, nobody
from attendance.domain.model import RecognitionOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from attendance.bootstrap.parts import Progress
    from attendance.domain.model import Box, ModelInfo
    from attendance.faces.base import Detector, Embedder, FaceEngine
    from attendance.faces.catalogue import Catalogue
    from attendance.faces.quality import Gate
    from attendance.services.checkin import CheckInService
    from attendance.services.choices import Value
    from attendance.services.enrol import EnrolService
    from attendance.services.live import LiveService
    from attendance.services.reembed import ReembedService
    from attendance.services.roster import Roster
    from attendance.settings import Settings

log = structlog.get_logger(__name__)

LIVE_FACE_PX = 60.0  # at 640x480 a face a little over a metre away: whoever passes by farther off is not checked in
LIVE_MAX_PIXELS = 4_000_000  # of a frame; cameras are asked for 640x480 and none gives more than 1920x1080


class Application(Office):
    """The office's parts and the recognition's.

    Args:
        settings, saved: as ``Office`` takes them.
        progress: told of downloads and of pictures that are made ready; None: nobody is.
    """

    def __init__(self, settings: Settings, *, progress: Progress | None = None, saved: bool = True) -> None:
        super().__init__(settings, saved=saved)
        self._progress: Progress = progress or nobody

    @Part
    def catalogue(self) -> Catalogue:
        """The models that are here."""
        from attendance.faces.catalogue import Catalogue

        settings, registered = self.settings, self.recogniser is not None
        return Catalogue(
            self.model_dir,
            facenet_weights=None if registered else settings.facenet_weights,
            offline=settings.offline or registered,
            threads=settings.threads,
            runtime=settings.runtime,
            thresholds=self.params.thresholds.model_dump(),
        )

    @Part
    def family(self) -> str:
        """``facenet`` or ``dlib``; choosing may download FaceNet's weights, and takes 3 s at most without a network."""
        kept = self.recogniser
        if kept is not None:
            what = f"version {kept.number} of {self.settings.model}" if kept.number else f"in {self.settings.model}"
            because = f"it is {what} (ATTEND_MODEL)"
            return self.catalogue.choose_family(kept.recogniser.family, None, because=because)
        return self.catalogue.choose_family(self.settings.embedder, self.store.active_model(), progress=self.downloading)

    @property
    def model_dir(self) -> Path:
        """Where the model files are: of the registered recogniser, or of this machine."""
        kept = self.recogniser
        return self.settings.model_dir if kept is None else kept.folder / "models"

    @Part
    def detector(self) -> Detector:
        """Finds faces."""
        return self.catalogue.detector(accelerate=self.settings.accelerate)

    @Part
    def embedder(self) -> Embedder:
        """Makes the embeddings."""
        return self.catalogue.embedder(self.family, self.options, progress=self.downloading)

    @Part
    def engine(self) -> FaceEngine:
        """From a picture to an embedding, if the picture is good enough."""
        from attendance.faces.quality import Gate

        return self._engine(Gate())

    def _engine(self, gate: Gate, max_pixels: int | None = None) -> FaceEngine:
        from attendance.faces.engine import Engine

        limits = self.settings
        return Engine(
            self.detector,
            self.embedder,
            self.options,
            gate,
            max_bytes=limits.max_image_bytes,
            max_pixels=max_pixels or limits.max_image_pixels,
        )

    @Part
    def roster(self) -> Roster:
        """Who is compared."""
        from attendance.faces.gallery import MatrixGallery
        from attendance.services.roster import Roster

        return Roster(self.store, MatrixGallery, self.model)

    @Part
    def enrol(self) -> EnrolService:
        """Enrols people."""
        from attendance.services.enrol import EnrolService
        from attendance.services.resemblance import EnrolPolicy

        policy = self.params.policy
        numbers = EnrolPolicy(look_alike_ratio=policy.look_alike_ratio, ambiguity_ratio=policy.ambiguity_ratio)
        return EnrolService(self.store, self.engine, self.roster, numbers)

    @Part
    def checkin(self) -> CheckInService:
        """Recognises and records."""
        from attendance.services.checkin import CheckInPolicy, CheckInService

        policy = CheckInPolicy(
            cooldown_s=self.params.policy.cooldown_s,
            ambiguity_ratio=self.params.policy.ambiguity_ratio,
            site=self.settings.site,
            zone=self.zone,
            keep_attempt_pictures=self.settings.keep_attempt_pictures,
        )
        return CheckInService(self.store, self.engine, self.roster, policy, session=self.tracking.sessions.session)

    @Part
    def live(self) -> LiveService:
        """Recognises and records from a running camera."""
        from attendance.faces.quality import Gate, Limits
        from attendance.services.live import LivePolicy, LiveService

        chosen = self.params.policy
        policy = LivePolicy(chosen.agreeing_frames, chosen.kiosk_mode, self.zone, self.settings.keep_attempt_pictures)
        engine = self._engine(Gate(Limits(min_size_px=LIVE_FACE_PX)), max_pixels=LIVE_MAX_PIXELS)
        return LiveService(self.checkin.with_engine(engine), engine.model, policy)

    @Part
    def reembed(self) -> ReembedService:
        """Makes templates from stored pictures."""
        from attendance.faces.quality import STORED, Gate
        from attendance.services.reembed import ReembedService

        return ReembedService(self.store, self._engine(Gate(STORED)))

    @property
    def options(self) -> RecognitionOptions:
        """The experiment's options, as the engine takes them."""
        return RecognitionOptions(**self.params.recognition.model_dump())

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
            or bool(settings.model)
            or settings.offline
            or settings.embedder == "dlib"
            or self.catalogue.facenet_ready()
            or (settings.embedder == "auto" and self.store.active_model() is not None)
        )

    @property
    def notice(self) -> str | None:
        """One sentence where dlib's ResNet decides without having been asked for, and why; else None."""
        stands_in = self.family == "dlib" and self.settings.embedder == "auto" and not self.settings.model
        return f"Using {self.catalogue.why}" if stands_in else None

    def downloading(self, done: int, total: int) -> None:
        """Report a download, which counts bytes, in megabytes."""
        self._progress("Downloading FaceNet's weights, MB", done // 1_000_000, total // 1_000_000)

    def prepare(self) -> None:
        """Load the models, and make the pictures of an older database ready, so that its people can check in at once.

        Raises:
            ModelError, StoreError: it cannot be used now.
        """
        self.choices.finish_switch()
        _ = self.engine
        if not self.store.references_without_template(self.model.model_id, limit=1):
            return  # as nearly always; one cheap question
        made = self.reembed.prepare_new(lambda done, total, _: self._progress("Preparing pictures", done, total))
        log.info("pictures_prepared", done=made.done, failed=len(made.failed))
        self.roster.expire()

    def prepare_files(self) -> None:
        """Load the models and so make their files, without the store: whoever needs them next finds them. For an
        application without saved settings.

        Raises:
            ModelError: they cannot be used.
        """
        if not self.settings.model:
            self.made["family"] = self.catalogue.choose_family(self.settings.embedder, None, progress=self.downloading)
        _ = self.engine

    def warm(self) -> None:
        """Wait until the detector, if there is one by now, is compiled and in the cache: some seconds the first time."""
        from attendance.faces.mtcnn import MtcnnDetector

        detector = self.made.get("detector")
        if isinstance(detector, MtcnnDetector):
            detector.warm()

    def preview(self, picture: bytes, box: Box | None) -> NDArray[np.uint8]:
        """A small square, uint8 RGB (240, 240, 3), of a face or, without a box, of the whole picture.

        Raises:
            ImageUnreadableError: the bytes are no picture within the limits.
        """
        from attendance.faces.preview import preview

        limits = self.settings
        return preview(picture, box, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels)

    def portrait(self, picture: bytes) -> NDArray[np.uint8]:
        """A small square, uint8 RGB (240, 240, 3), of the largest face or, where none is found, of the whole picture.

        Raises:
            ImageUnreadableError: the bytes are no picture within the limits.
        """
        from attendance.faces.preview import portrait

        limits = self.settings
        return portrait(picture, self.detector, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels)

    def trying(self, values: Mapping[str, Value]) -> Application:
        """Another application on the same database that decides with these values over params.yaml; the caller closes it."""
        from attendance.params import over

        changed: dict[str, object] = {"params": over(self.base, values)}
        if self.recogniser is not None:  # its files stay, and its values are among those that are tried
            family = self.recogniser.recogniser.family
            changed |= {
                "model": "",
                "embedder": family,
                "model_dir": self.model_dir,
                "facenet_weights": None,
                "offline": True,
            }
        return Application(self.settings.model_copy(update=changed), saved=False)
