"""What is measured of a face before it is compared, and the limits beyond which it is not.

Everything is measured on one small upright chip of the face, so the cost does not grow with the picture (about half a
millisecond). docs/quality.md gives each measure's source, its figures on real pictures and why its limit lies where it does:
an ordinary photograph passes with a wide margin; refused is what the networks no longer recognise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from attendance.domain.model import Quality
from attendance.errors import CaptureError, FaceQualityError, FaceTooSmallError
from attendance.faces.occlusion import chip, covered_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attendance.domain.model import Face

# Brows to chin, cheek to cheek: skin, without hair and background. Rows and columns of the chip.
_FACE = np.s_[22:76, 22:74]
# Sharpness is taken where a face of 40 pixels, the smallest accepted, is about life-size: finer detail, which only large
# pictures have, must not count. Its windows leave hair and outline out.
_SHARP_SIDE_PX = 48
_SHARP = np.s_[10:38, 10:38]
# Every face is brought to this contrast for its sharpness, so that a dim picture is not called blurred.
_SHARP_CONTRAST = 50.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of ``domain.model.Quality``, in each measure's unit. docs/quality.md says why each lies where it does."""

    min_size_px: float = 40.0
    min_sharpness: float = 100.0
    min_brightness: float = 15.0
    max_brightness: float = 245.0
    min_contrast: float = 4.0
    max_yaw_ratio: float = 0.45
    max_roll_deg: float = 40.0
    min_pitch_ratio: float = 0.15
    max_pitch_ratio: float = 1.10
    max_occlusion: float = 0.25
    min_inside_ratio: float = 0.65


# Pictures that are stored already, such as an older database's, come with a name: a poor one is better than none.
STORED = Limits(
    min_size_px=20.0,
    min_sharpness=0.0,
    min_brightness=0.0,
    max_brightness=255.0,
    min_contrast=0.0,
    max_yaw_ratio=math.inf,
    max_roll_deg=180.0,
    min_pitch_ratio=-math.inf,
    max_pitch_ratio=math.inf,
    max_occlusion=1.0,
    min_inside_ratio=0.0,
)


def measure(image: NDArray[np.uint8], face: Face, scale: float = 1.0) -> Quality:
    """Measure one face.

    Args:
        image: RGB uint8, shape (H, W, 3), upright.
        face: in pixels of the full-size picture.
        scale: full-size pixels for each pixel of ``image``, as in ``images.Picture``.
    """
    height, width = image.shape[:2]
    small = chip(image, (face.landmarks / np.float32(scale)).astype(np.float32))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    inner = grey[_FACE]
    yaw, roll, pitch = _pose(face.landmarks)
    return Quality(
        size_px=face.box.shorter_side_px,
        sharpness=_sharpness(grey),
        brightness=float(inner.mean()),
        contrast=float(inner.std()),
        yaw_ratio=yaw,
        roll_deg=roll,
        pitch_ratio=pitch,
        occlusion=covered_share(small, grey),
        inside_ratio=_inside(face, width * scale, height * scale),
        confidence=face.confidence,
    )


def _sharpness(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) at a fixed size and contrast."""
    small = cv2.resize(grey, (_SHARP_SIDE_PX, _SHARP_SIDE_PX), interpolation=cv2.INTER_AREA)
    edges = cv2.Laplacian(small, cv2.CV_32F)[_SHARP]
    return float(edges.var() / max(float(small[_SHARP].var()), 1.0) * _SHARP_CONTRAST**2)


def _pose(landmarks: NDArray[np.float32]) -> tuple[float, float, float]:
    """Yaw ratio, roll in degrees, pitch ratio, measured along and across the line through the eyes."""
    left, right, nose, mouth_left, mouth_right = landmarks.astype(np.float64)
    line = right - left
    eyes = max(math.hypot(*line), 1e-6)
    along = line / eyes
    across = np.array([-along[1], along[0]])
    middle = (left + right) / 2
    mouth = float(((mouth_left + mouth_right) / 2 - middle) @ across)
    down = float((nose - middle) @ across)
    # A mouth level with the eyes is no face that looks here: the ratio then goes beyond every limit.
    pitch = down / mouth if mouth > 0.05 * eyes else math.copysign(99.0, down)
    return float((nose - middle) @ along) / eyes, math.degrees(math.atan2(line[1], line[0])), pitch


def _inside(face: Face, width: float, height: float) -> float:
    box = face.box
    wide = min(box.x1, width) - max(box.x0, 0.0)
    high = min(box.y1, height) - max(box.y0, 0.0)
    return max(wide, 0.0) * max(high, 0.0) / max(box.width_px * box.height_px, 1e-6)


class Gate:
    """Decides from the measures alone whether a face can be compared."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def refusal(self, quality: Quality) -> CaptureError | None:
        """The first thing that the person can mend, or None where the face can be used.

        The order is that of causes: a face that is cut off or turned away also looks covered, one in the dark also blurred.
        """
        limits = self.limits
        if quality.size_px < limits.min_size_px:
            return FaceTooSmallError(
                f"Come closer. The face is {quality.size_px:.0f} pixels wide; {limits.min_size_px:.0f} are needed.",
                size_px=quality.size_px,
                limit_px=limits.min_size_px,
            )
        for name, low, high, words in (
            ("inside_ratio", limits.min_inside_ratio, math.inf, "Move so that your whole face is in the picture."),
            ("brightness", limits.min_brightness, math.inf, "Turn towards the light."),
            ("brightness", -math.inf, limits.max_brightness, "Turn away from the bright light."),
            ("contrast", limits.min_contrast, math.inf, "Find more even light, and wipe the camera."),
            ("roll_deg", -limits.max_roll_deg, limits.max_roll_deg, "Hold your head upright."),
            ("yaw_ratio", -limits.max_yaw_ratio, limits.max_yaw_ratio, "Look straight at the camera."),
            ("pitch_ratio", limits.min_pitch_ratio, limits.max_pitch_ratio, "Look straight at the camera."),
            ("sharpness", limits.min_sharpness, math.inf, "Hold still, and wipe the camera."),
            ("occlusion", -math.inf, limits.max_occlusion, "Take off a mask or dark glasses, and keep your hands down."),
        ):
            value = float(getattr(quality, name))
            if not low <= value <= high:
                return FaceQualityError(
                    f"{words} {name} is {value:.2f}, beyond {low if value < low else high:g}.",
                    measure=name,
                    value=value,
                    limit=low if value < low else high,
                    advice=words,
                )
        return None
