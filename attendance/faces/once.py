"""Engines with different options that look for faces and embed them once: for trying options on the same pictures."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from attendance.domain.model import Face, ModelInfo, RecognitionOptions
    from attendance.faces.base import Detector, Embedder, FaceEngine

    MakeEngine = Callable[[Detector, Embedder, RecognitionOptions], FaceEngine]

T = TypeVar("T")

ANSWERS = 64  # of the picture at hand and the ones before; each is small


class SharedEngines:
    """Makes engines that share one detector and, for each preprocessing, one embedder.

    Give a picture to all engines before the next one: only the last answers are remembered.

    Args:
        detector: finds the faces for all of them.
        make_embedder: loads the embedder of some options.
        make_engine: puts an engine together.
    """

    def __init__(
        self, detector: Detector, make_embedder: Callable[[RecognitionOptions], Embedder], make_engine: MakeEngine
    ) -> None:
        self._detector = DetectedOnce(detector)
        self._make_embedder = make_embedder
        self._make_engine = make_engine
        self._embedders: dict[str, EmbeddedOnce] = {}

    def engine(self, model: ModelInfo, options: RecognitionOptions) -> FaceEngine:
        """The engine of these options; ``model`` is theirs, and options of one model id share an embedder."""
        if model.model_id not in self._embedders:
            self._embedders[model.model_id] = EmbeddedOnce(self._make_embedder(options))
        return self._make_engine(self._detector, self._embedders[model.model_id], options)


class DetectedOnce:
    """Implements ``faces.base.Detector``; the same picture is looked at once."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._answers: OrderedDict[object, list[Face]] = OrderedDict()

    def detect(self, image: NDArray[np.uint8], min_face_size: int) -> list[Face]:
        """As the detector itself."""
        key = (_digest(image), min_face_size)
        found: list[Face] = _once(self._answers, key, lambda: self._detector.detect(image, min_face_size))
        return found.copy()


class EmbeddedOnce:
    """Implements ``faces.base.Embedder``; the same faces of the same picture are embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._answers: OrderedDict[object, NDArray[np.float32]] = OrderedDict()

    @property
    def model(self) -> ModelInfo:
        """Which model this is."""
        return self._embedder.model

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """As the embedder itself."""
        key = (_digest(image), tuple((face.box, face.landmarks.tobytes()) for face in faces))
        return _once(self._answers, key, lambda: self._embedder.embed(image, faces))


def _digest(image: NDArray[np.uint8]) -> tuple[tuple[int, ...], bytes]:
    return image.shape, hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _once(answers: OrderedDict[object, T], key: object, ask: Callable[[], T]) -> T:
    if key not in answers:
        answers[key] = ask()
        if len(answers) > ANSWERS:
            answers.popitem(last=False)
    return answers[key]
