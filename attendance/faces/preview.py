"""A small square of a picture, for a page: the face that was found, or the whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from attendance.domain.model import Box
from attendance.faces.images import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attendance.faces.base import Detector

MARGIN = 0.35  # of the face's longer side on each side, so that hair and chin are in it
GREY = 128  # what lies outside the picture
LOOK_AT_PX = 320  # shorter side at which a stored portrait is looked at; the face fills much of it
SMALLEST_FACE_PX = 40  # there


def preview(data: bytes, box: Box | None, *, side_px: int = 240, max_bytes: int, max_pixels: int) -> NDArray[np.uint8]:
    """The face in ``box`` (pixels of the upright picture) with some surroundings; the whole picture where it is None.

    Returns:
        uint8 RGB, shape (side_px, side_px, 3).

    Raises:
        ImageUnreadableError: the bytes are no picture within the limits.
    """
    picture = decode(data, max_bytes=max_bytes, max_pixels=max_pixels, reduce_to_px=2 * side_px if box is None else None)
    height, width = picture.image.shape[:2]
    if box is None:
        side, x, y = float(max(height, width)), (width - max(height, width)) / 2, (height - max(height, width)) / 2
    else:
        side = max(box.width_px, box.height_px) * (1 + 2 * MARGIN)
        x, y = (box.x0 + box.x1 - side) / 2, (box.y0 + box.y1 - side) / 2
    left, top, size = round(x), round(y), max(1, round(side))
    square = np.full((size, size, 3), GREY, np.uint8)
    inside = picture.image[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)]
    y0, x0 = max(-top, 0), max(-left, 0)
    square[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]] = inside
    return np.asarray(cv2.resize(square, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def portrait(data: bytes, detector: Detector, *, max_bytes: int, max_pixels: int) -> NDArray[np.uint8]:
    """The largest face of a stored picture or, where none is found, the whole picture: as ``preview`` gives it.

    Raises:
        ImageUnreadableError: the bytes are no picture within the limits.
    """
    view = decode(data, max_bytes=max_bytes, max_pixels=max_pixels, reduce_to_px=LOOK_AT_PX)
    faces = detector.detect(view.image, SMALLEST_FACE_PX)
    box = Box(*(edge * view.scale for edge in faces[0].box)) if faces else None
    return preview(data, box, max_bytes=max_bytes, max_pixels=max_pixels)
