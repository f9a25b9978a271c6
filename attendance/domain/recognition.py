"""What recognition passes on: faces, their quality, embeddings, comparisons. Names follow ISO/IEC 2382-37.

Every distance is the L2 (Euclidean) distance between two embeddings of one and the same model id, so it has no unit and is
never negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from attendance.domain.vocabulary import Decision, Reason
    from attendance.errors import CaptureError


class Box(NamedTuple):
    """A face's rectangle in pixels of the upright picture; may reach beyond the picture's edges."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width_px(self) -> float:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height_px(self) -> float:
        """Height in pixels."""
        return self.y1 - self.y0

    @property
    def shorter_side_px(self) -> float:
        """The shorter side in pixels: the size that limits speak of."""
        return min(self.width_px, self.height_px)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box: where it is.
        confidence: the detector's probability that this is a face, 0 to 1.
        landmarks: float32, shape (5, 2), x and y in pixels of the upright picture: the eye on the picture's left, the
            other eye, the tip of the nose, the corner of the mouth on the picture's left, the other corner.
    """

    box: Box
    confidence: float
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a face before it was compared; docs/quality.md gives each measure's source and limit.

    Attributes:
        size_px: shorter side of the box, pixels.
        sharpness: variance of the Laplacian of the face at a fixed size, grey levels squared.
        brightness: mean luminance of the face, 0 (black) to 255 (white).
        contrast: standard deviation of the luminance of the face, grey levels.
        yaw_ratio: how far the nose lies off the middle of the eyes, in eye distances; 0 looks at the camera.
        roll_deg: tilt of the line through the eyes, degrees, positive clockwise in the picture.
        pitch_ratio: where the nose lies between the eyes (0) and the mouth (1).
        occlusion: share of the face that looks covered, 0 to 1.
        inside_ratio: share of the box that lies inside the picture, 0 to 1.
        confidence: the detector's probability, 0 to 1.
    """

    size_px: float
    sharpness: float
    brightness: float
    contrast: float
    yaw_ratio: float
    roll_deg: float
    pitch_ratio: float
    occlusion: float
    inside_ratio: float
    confidence: float

    def as_dict(self) -> dict[str, float]:
        """Field name to value, as it is stored and shown."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """The options that an experiment may change; each is recorded with every attempt.

    Attributes:
        min_confidence: faces that the detector gives a lower probability are not faces, 0 to 1.
        margin_ratio: share of the crop that lies around the face's box, 0 to below 1; 0.20 is 32 of facenet-pytorch's 160
            pixels.
        use_alignment: turn the face upright by its landmarks before it is cropped.
        use_prewhitening: normalise each crop by its own mean and deviation rather than by fixed numbers.
        use_tta_flip: embed the crop and its mirror image and take the mean (test-time augmentation).
        min_face_size: the smallest face that the detector looks for first, pixels.
        fallback_face_size: where it found none, it looks once more for faces down to this size, pixels.
    """

    min_confidence: float = 0.90
    margin_ratio: float = 0.20
    use_alignment: bool = True
    use_prewhitening: bool = False
    use_tta_flip: bool = True
    min_face_size: int = 60
    fallback_face_size: int = 20

    def as_dict(self) -> dict[str, float | int | bool]:
        """Option name to value, as it is stored with an attempt."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model makes the embeddings.

    Attributes:
        model_id: names the network and everything that changes its numbers (crop, alignment, whitening, flip); templates
            are only ever compared under one and the same model id.
        family: ``facenet`` or ``dlib``: whose thresholds hold.
        dimension: numbers in an embedding.
        runtime: what computes it: ``onnxruntime``, ``openvino-bf16`` or ``facenet-pytorch``.
        source: one sentence for people: which weights, where they came from.
        threshold: two embeddings at this L2 distance or below it show one person.
    """

    model_id: str
    family: str
    dimension: int
    runtime: str
    source: str
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """What the engine made of one picture.

    Attributes:
        width_px: of the upright picture.
        height_px: of the upright picture.
        faces: all faces at or above ``min_confidence``, largest first.
        face: the one that was used; None where there was none or several.
        quality: of that face.
        embedding: float32, shape (dimension,); None where ``refusal`` is set.
        refusal: why the picture cannot be used, or None.
        timings_ms: ``decode``, ``detect``, ``quality``, ``embed``: milliseconds; only the steps that ran.
    """

    width_px: int
    height_px: int
    faces: tuple[Face, ...]
    face: Face | None
    quality: Quality | None
    embedding: NDArray[np.float32] | None
    refusal: CaptureError | None
    timings_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person and the distance from a probe: to the nearest reference or to the mean of them, whichever is smaller.

    ``reference_id`` is the nearest reference. docs/accuracy.md shows why the mean counts too.
    """

    person_id: str
    distance_l2: float
    reference_id: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision from this attempt's own distances and the threshold alone.

    Attributes:
        person_id: the accepted person; None when rejected.
        distance_l2: of the claimed person (1:1) or the nearest one (1:N); None where nobody could be compared.
        runner_up_l2: the second nearest person's distance (1:N); None where there is none.
        nearest_person_id: for the office and for calibration only; never shown at the door.
    """

    decision: Decision
    reason: Reason
    person_id: str | None
    distance_l2: float | None
    runner_up_l2: float | None
    threshold: float
    nearest_person_id: str | None = None


def distance_l2(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """L2 distance of two embeddings, each float32 of shape (dimension,)."""
    return math.sqrt(float(np.sum(np.square(np.asarray(a, np.float32) - np.asarray(b, np.float32)))))
