"""Is the mouth or are the eyes covered? Four plain comparisons inside one face, so light and complexion cancel out.

A face shows two strong reliefs, the eyes and the mouth, and each is the other's yardstick: a mask wipes out the mouth's, a
hand or a blindfold the eyes', and dark glasses leave the whole eye region darker than the cheeks. docs/quality.md gives the
figures, and what this cannot see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_PX = 96
# Where the five landmarks go in the chip: dlib's 150-pixel face chip as fitted for MTCNN's landmarks, at 96 pixels.
_PLACES = np.array([(46.23, 44.71), (101.39, 44.61), (73.62, 77.08), (48.50, 100.89), (99.77, 100.47)]) * (SIDE_PX / 150)

# Chip rows and columns. Each window holds its feature with room for smiles and slight turns.
_EYES = (np.s_[20:37, 20:40], np.s_[20:37, 55:75])
_MOUTH_ROWS, _MOUTH_COLUMNS, _MOUTH_WIDTH = slice(52, 78), (34, 43, 52), 9
_CHEEKS = (np.s_[42:57, 25:36], np.s_[42:57, 60:71])
_UNDER_EYES, _AROUND_MOUTH = np.s_[34:41, 30:66], np.s_[56:84, 34:62]

# Limits at which a part counts as half covered; the shared pictures' worst values are in docs/quality.md.
_RELIEF_LIMIT = 0.11  # of the mouth over the eyes', where the lower face has the skin's colour
_RELIEF_LIMIT_OTHER_COLOUR = 0.16  # the same where it has clearly another
_EYE_RELIEF_LIMIT = 0.50  # of the eyes over the mouth's
_EYE_LIGHT_LIMIT = 0.40  # brightness of the eye region over the cheeks'

# Takes the mean, the slope and the curve out of a profile: what light does to a smooth surface.
_x = np.linspace(-1, 1, _MOUTH_ROWS.stop - _MOUTH_ROWS.start)
_shading = np.stack([np.ones_like(_x), _x, _x * _x], 1)
_FLATTEN = (np.eye(len(_x)) - _shading @ np.linalg.pinv(_shading)).astype(np.float32)


def chip(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The face, upright and of one size: RGB uint8, shape (96, 96, 3).

    Large faces are averaged down before they are turned, so that sampling does not alias into false sharpness. What lies
    beyond the windows that are measured may be repeated border.
    """
    points = np.asarray(landmarks, np.float64)
    reach = 0.75 * float(np.ptp(points, axis=0).max()) + 2  # the windows need 0.57 of it, the rest is for tilts
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(points.min(0) - reach), 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(points.max(0) + reach), (x0 + 1, y0 + 1), (width, height)).astype(int)
    part, points = image[y0:y1, x0:x1], points - (x0, y0)
    turn = _similarity(points)
    # Whole factors only: OpenCV's averaging is several times slower at others. At least 1.25 pixels are left for one.
    factor = int(1 / max(1.25 * float(np.hypot(turn[0, 0], turn[0, 1])), 1e-6))
    if 2 <= factor <= min(part.shape[:2]):
        rows, columns = (side // factor for side in part.shape[:2])
        whole = part[: rows * factor, : columns * factor]
        part = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
        turn = _similarity((points + 0.5) / factor - 0.5)
    warped = cv2.warpAffine(part, turn, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast("NDArray[np.uint8]", warped)


def _similarity(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares turn, scale and shift of five points onto their places (Umeyama 1991, without reflection)."""
    centre, target = points.mean(0), _PLACES.mean(0)
    a, b = points - centre, _PLACES - target
    spread = max(float((a * a).sum()), 1e-6)
    cos = float((a * b).sum()) / spread
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([turn, (target - turn @ centre)[:, None]])


def covered_share(face: NDArray[np.uint8], grey: NDArray[np.uint8]) -> float:
    """Share of the face that looks covered: the eyes are one half, nose, mouth and chin the other.

    Args:
        face: the chip, RGB uint8 (96, 96, 3).
        grey: its luminance, uint8 (96, 96).

    Returns:
        0 to 1; 0.25 where one half sits at its limit.
    """
    levels = grey.astype(np.float32)
    eyes = max(float(levels[window].std()) for window in _EYES)  # of the clearer eye: one covered eye is no disguise
    profiles = np.stack([levels[_MOUTH_ROWS, x : x + _MOUTH_WIDTH].mean(1) for x in _MOUTH_COLUMNS], 1)
    mouth = float(np.median((_FLATTEN @ profiles).std(0)))
    cheeks = float(np.median([np.median(levels[window]) for window in _CHEEKS]))
    light = max(float(np.percentile(levels[window], 85)) for window in _EYES) / max(cheeks, 1)
    limit = _RELIEF_LIMIT + (_RELIEF_LIMIT_OTHER_COLOUR - _RELIEF_LIMIT) * _other_colour(face)
    covered_mouth = _covered(mouth / max(eyes, 1), limit)
    covered_eyes = max(_covered(eyes / max(mouth, 1), _EYE_RELIEF_LIMIT), _covered(light, _EYE_LIGHT_LIMIT))
    return 0.5 * covered_mouth + 0.5 * covered_eyes


def _covered(value: float, limit: float) -> float:
    """0 from half as much again as the limit, 0.5 at it, 1 from half of it down."""
    return min(max(1.5 - value / limit, 0.0), 1.0)


def _other_colour(face: NDArray[np.uint8]) -> float:
    """How clearly the mouth's surroundings differ from the skin under the eyes, 0 to 1, in CIE Lab.

    Beards, make-up and shadows reach 14 in a and b and 28 % in L on the shared pictures, masks mostly go beyond.
    """
    lab = cv2.cvtColor(face[34:84, 30:66], cv2.COLOR_RGB2LAB)
    rows, columns = _AROUND_MOUTH
    skin = np.median(lab[: _UNDER_EYES[0].stop - 34].reshape(-1, 3), axis=0)
    low = np.median(lab[rows.start - 34 :, columns.start - 30 : columns.stop - 30].reshape(-1, 3), axis=0)
    hue = float(np.hypot(*(skin - low)[1:]))
    lightness = abs(float(skin[0] - low[0])) * 100 / 255
    return min(max((hue - 8) / 8, (lightness - 20) / 20, 0.0), 1.0)
