"""From a detected face to the crop that an embedding network reads.

Pixels are counted from the middle of the first one: (0, 0) is the centre of the picture's upper left pixel. A crop is uint8
RGB, shape (size, size, 3). Nothing here keeps state, so any number of threads may call it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from attendance.errors import InferenceError

if TYPE_CHECKING:
    from attendance.domain.model import Box, Face

Picture = NDArray[np.uint8]

CHIP_SIZE: Final = 150
"""Side of the chip that dlib's face recognition ResNet was trained on, pixels (`input_rgb_image_sized<150>` in its file)."""

CHIP_LANDMARKS: Final = np.array([[46.23, 44.71], [101.39, 44.61], [73.62, 77.08], [48.50, 100.89], [99.77, 100.47]])
"""Where MTCNN's five landmarks lie in that chip, (x, y) pixels.

The mean of MTCNN's points taken through dlib's own chip transform (get_face_chip(image, shape, 150, 0.25)), over 33 pictures
with one person each; standard deviation 1 pixel for the eyes, 3 for the nose, 3 to 4 for the mouth. Another detector needs
its own.
"""

CHIP_MARGIN_RATIO: Final = 0.20
"""The `margin_ratio` at which the chip is exactly the one that dlib's ResNet was trained on."""

FARTHEST: Final = 1e7  # pixels; no picture is as wide

BOX_TO_CHIP: Final = (1.076, 0.010, 0.091)
"""Side of the chip as a multiple of MTCNN's box (geometric mean of its sides), and how far the chip's centre lies from the
box's, in box widths and heights: means over 34 pictures with one person; standard deviations 0.03, 0.04 and 0.02."""

FACENET_SIZE: Final = 160
"""Side of FaceNet's crop, pixels (facenet-pytorch's `image_size`)."""


def chip_scale(margin_ratio: float) -> float:
    """How much wider than the trained one a chip with this margin is: 1.0 at 0.20, more where the margin is larger."""
    return (1 - CHIP_MARGIN_RATIO) / (1 - margin_ratio)


def aligned_chip(image: Picture, landmarks: NDArray[Any], size: int = CHIP_SIZE, scale: float = 1.0) -> Picture:
    """The chip for dlib's ResNet from MTCNN's five landmarks: upright, scaled and placed as in its training.

    Args:
        image: RGB uint8, shape (H, W, 3).
        landmarks: shape (5, 2), x and y in the picture's pixels, in the order of ``domain.model.Face``.
        size: side of the result, pixels.
        scale: part of the picture that is shown, as a multiple of the trained chip's, about the same centre.

    Returns:
        uint8, shape (size, size, 3); black where the picture ends, as with dlib.

    Raises:
        InferenceError: the landmarks cannot be those of a face (all in one point, not finite), or lie outside the picture.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise InferenceError("five finite landmarks are needed to align a face")
    return _sample(image, _zoomed(_similarity(points), scale, size), (size, size), cv2.BORDER_CONSTANT)


def box_chip(image: Picture, box: Box, size: int = CHIP_SIZE, scale: float = 1.0) -> Picture:
    """About the same chip from the detector's box alone, not turned upright: for comparisons without alignment.

    The square's side and centre, in units of the box, are those that a chip has on average (see ``BOX_TO_CHIP``).
    Arguments, result and errors as for ``aligned_chip``.
    """
    side = BOX_TO_CHIP[0] * math.sqrt(max(box.width_px, 0.0) * max(box.height_px, 0.0)) / CHIP_SIZE
    centre_x = (box.x0 + box.x1) / 2 + BOX_TO_CHIP[1] * box.width_px - 0.5
    centre_y = (box.y0 + box.y1) / 2 + BOX_TO_CHIP[2] * box.height_px - 0.5
    middle = (CHIP_SIZE - 1) / 2
    to_image = np.array([[side, 0.0, centre_x - side * middle], [0.0, side, centre_y - side * middle]])
    return _sample(image, _zoomed(to_image, scale, size), (size, size), cv2.BORDER_CONSTANT)


def upright_crop(
    image: Picture, face: Face, size: int = FACENET_SIZE, margin_ratio: float = 0.20, *, rotate: bool = True
) -> Picture:
    """FaceNet's crop: the box with a margin, cut at the picture's edges and stretched to a square.

    Without ``rotate`` it is byte for byte the crop of facenet-pytorch's ``extract_face`` on an array (margin =
    ``margin_ratio`` x ``image_size``, sides cut to whole pixels, OpenCV's area resize). With it the same rectangle is turned
    about the middle of the box until the line of the eyes is level; a corner that then comes from outside the picture
    repeats the picture's edge, since such crops know no black.

    Args:
        image: RGB uint8, shape (H, W, 3).
        face: its box and landmarks, in the picture's pixels.
        size: side of the result, pixels.
        margin_ratio: share of the crop that lies around the box, 0 to below 1: the crop's side is the box's / (1 - this).
        rotate: turn the face upright.

    Returns:
        uint8, shape (size, size, 3).

    Raises:
        InferenceError: the box lies outside the picture or is empty, or the eyes are in one point.
    """
    left, top, right, bottom = _box_with_margin(image, face.box, margin_ratio)
    width, height = right - left, bottom - top
    if not rotate:
        return _area_resize(image[top:bottom, left:right], size)
    cos, sin = _direction_of_eyes(face.landmarks)
    # Turned at the picture's own resolution, or at most at twice the crop's, and only then made smaller by area.
    patch_width, patch_height = min(width, 2 * size), min(height, 2 * size)
    step_x, step_y = width / patch_width, height / patch_height
    centre_x, centre_y = (face.box.x0 + face.box.x1) / 2, (face.box.y0 + face.box.y1) / 2
    from_x, from_y = left + step_x / 2 - centre_x, top + step_y / 2 - centre_y
    to_image = np.array(
        [
            [cos * step_x, -sin * step_y, centre_x + cos * from_x - sin * from_y - 0.5],
            [sin * step_x, cos * step_y, centre_y + sin * from_x + cos * from_y - 0.5],
        ]
    )
    return _area_resize(_sample(image, to_image, (patch_width, patch_height), cv2.BORDER_REPLICATE), size)


def standardise(crops: NDArray[Any]) -> NDArray[np.float32]:
    """(x - 127.5) / 128, facenet-pytorch's ``fixed_image_standardization``: any shape, 0 to 255 -> float32, -1 to 1."""
    return (np.asarray(crops, np.float32) - np.float32(127.5)) * np.float32(1 / 128)


def prewhiten(crops: NDArray[Any]) -> NDArray[np.float32]:
    """Each crop with mean 0 and deviation 1 over all its numbers, facenet-pytorch's ``prewhiten``.

    Args:
        crops: shape (n, H, W, 3) or (n, 3, H, W).

    Returns:
        float32 of the same shape: (x - mean) / max(standard deviation with n - 1, 1 / sqrt(numbers in a crop)).
    """
    pixels = np.asarray(crops, np.float32)
    axes = tuple(range(1, pixels.ndim))
    count = math.prod(pixels.shape[1:])
    mean = pixels.mean(axis=axes, keepdims=True, dtype=np.float64)
    deviation = pixels.std(axis=axes, keepdims=True, dtype=np.float64, ddof=1)
    whitened: NDArray[np.float32] = ((pixels - mean) / np.maximum(deviation, 1 / math.sqrt(count))).astype(np.float32)
    return whitened


def mirror(crops: NDArray[Any]) -> NDArray[Any]:
    """Crops of shape (n, H, W, 3) as a mirror shows them; dtype unchanged."""
    return np.ascontiguousarray(crops[:, :, ::-1])


def _similarity(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """2 x 3 matrix from chip pixels to picture pixels: the similarity with the least squared error over the five points.

    As complex numbers a similarity is z -> a z + b, so this is the closed form of a line fit (Umeyama 1991 without the
    reflection that it has to exclude). It cannot mirror the face.
    """
    picture = points @ (1, 1j)
    chip = CHIP_LANDMARKS @ (1, 1j)
    from_mean = chip - chip.mean()
    a = np.vdot(from_mean, picture) / np.vdot(from_mean, from_mean).real  # vdot conjugates its first argument
    b = picture.mean() - a * chip.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _zoomed(to_image: NDArray[np.float64], scale: float, size: int) -> NDArray[np.float64]:
    """The same matrix for a chip of ``size`` pixels that shows ``scale`` times as much about the trained chip's centre."""
    middle, new_middle = (CHIP_SIZE - 1) / 2, (size - 1) / 2
    step = scale * CHIP_SIZE / size
    linear = to_image[:, :2] * step
    centre = to_image[:, :2] @ (middle, middle) + to_image[:, 2]
    return np.column_stack([linear, centre - linear @ (new_middle, new_middle)])


def _sample(image: Picture, to_image: NDArray[np.float64], size: tuple[int, int], border: int) -> Picture:
    """Read a (width, height) crop through a 2 x 3 matrix from its pixels to the picture's, without aliasing.

    Bilinear sampling reads 2 x 2 pixels, so what is to become smaller is halved first, by exact 2 x 2 means, until a pixel
    of the crop spans less than two; and only the part that the crop covers, so that a 12-megapixel photograph costs no more.
    """
    width, height = size
    step = float(np.hypot(to_image[0, :2], to_image[1, :2]).max())
    if not 1e-3 < step < 1e4:
        raise InferenceError("the face has no usable size")
    corners = np.array([[-1, -1, 1], [width, -1, 1], [-1, height, 1], [width, height, 1]]) @ to_image.T
    corners = corners.clip(-FARTHEST, FARTHEST)  # so that they are whole numbers below
    reach = math.ceil(2 * step) + 2
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - reach, 0)
    right, bottom = np.maximum(np.ceil(corners.max(axis=0)).astype(int) + reach, 0)
    part = image[top:bottom, left:right]
    matrix = to_image.copy()
    matrix[:, 2] -= left, top
    while step >= 2 and min(part.shape[:2]) >= 2:
        rows, columns = part.shape[0] // 2, part.shape[1] // 2
        part = cv2.resize(part[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        matrix /= 2
        matrix[:, 2] -= 0.25  # the middle of pixels 0 and 1 becomes pixel 0: x -> (x - 0.5) / 2
        step /= 2
    if not part.size:
        raise InferenceError("the face lies outside the picture")
    crop: Picture = cv2.warpAffine(part, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border)
    return crop


def _box_with_margin(image: Picture, box: Box, margin_ratio: float) -> tuple[int, int, int, int]:
    """Whole pixels of the box with its margin inside the picture, rounded towards zero as ``extract_face`` does."""
    if not all(math.isfinite(edge) for edge in box):
        raise InferenceError("the face's box is not finite")
    beyond = margin_ratio / (1 - margin_ratio) / 2
    add_x, add_y = beyond * box.width_px, beyond * box.height_px
    left, top = int(max(box.x0 - add_x, 0)), int(max(box.y0 - add_y, 0))
    right, bottom = int(min(box.x1 + add_x, image.shape[1])), int(min(box.y1 + add_y, image.shape[0]))
    if right <= left or bottom <= top:
        raise InferenceError("the face lies outside the picture")
    return left, top, right, bottom


def _direction_of_eyes(landmarks: NDArray[Any]) -> tuple[float, float]:
    """Cosine and sine of the angle by which the line of the eyes is turned, clockwise in the picture."""
    across, down = (float(v) for v in np.asarray(landmarks[1], np.float64) - np.asarray(landmarks[0], np.float64))
    distance = math.hypot(across, down)
    if not distance > 1e-3:
        raise InferenceError("the eyes are in one point")
    return across / distance, down / distance


def _area_resize(part: Picture, size: int) -> Picture:
    crop: Picture = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
    return crop.copy()
