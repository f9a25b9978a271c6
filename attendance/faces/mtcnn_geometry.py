"""The arithmetic of MTCNN's cascade: pyramid, boxes, windows, suppression. Plain numpy, no network.

Sources: Zhang et al. 2016, "Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks", and, for
every rounding and every added pixel, ``facenet_pytorch/models/utils/detect_face.py`` (2.5.3), whose results these
formulas reproduce. Boxes are float32 of shape (n, 4): x0, y0, x1, y1 in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_PX = 12  # P-Net looks at 12 x 12 pixels of a level at a time ...
STRIDE_PX = 2  # ... every 2 pixels, since it pools once
FACTOR = 0.709  # each level of the pyramid has about half the area of the one before (sqrt(1/2), as its authors round it)
THRESHOLDS = (0.6, 0.7, 0.7)  # probabilities that P-, R- and O-Net's candidates need; the defaults of facenet-pytorch
NMS_LEVEL, NMS_ACROSS, NMS_REFINED, NMS_FINAL = 0.5, 0.7, 0.7, 0.7  # overlaps above which the weaker of two boxes goes
LOGITS = tuple(float(np.log(p / (1 - p))) for p in THRESHOLDS)  # softmax of two classes is the sigmoid of their difference


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One size of the picture that P-Net looks at.

    Attributes:
        scale: level pixels for one picture pixel.
        rows: int64 (2, height): where the picture rows of each level row begin and end (the end is not included).
        columns: int64 (2, width): the same for columns.
    """

    scale: float
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @property
    def height(self) -> int:
        """Rows of this level."""
        return int(self.rows.shape[1])

    @property
    def width(self) -> int:
        """Columns of this level."""
        return int(self.columns.shape[1])

    @property
    def output_height(self) -> int:
        """Rows that P-Net answers for: 3 x 3, pooling by 2 rounded up, 3 x 3, 3 x 3."""
        return (self.height - 1) // 2 - 4

    @property
    def output_width(self) -> int:
        """Columns that P-Net answers for."""
        return (self.width - 1) // 2 - 4


def area_bounds(pixels_in: int, pixels_out: int) -> NDArray[np.int64]:
    """Which of ``pixels_in`` pixels each of ``pixels_out`` is the mean of: int64 (2, pixels_out), begins and ends.

    This is torch's ``interpolate(mode="area")``, that is ``adaptive_avg_pool2d``. OpenCV's INTER_AREA weighs the border
    pixels of each box and gives other pictures.
    """
    k = np.arange(pixels_out, dtype=np.int64)
    return np.stack([k * pixels_in // pixels_out, -(-(k + 1) * pixels_in // pixels_out)])


@lru_cache(maxsize=64)
def pyramid(height: int, width: int, min_face_size: int) -> tuple[Level, ...]:
    """The levels for a picture of this size, largest first; none where the picture is smaller than the smallest face."""
    scale = CELL_PX / min_face_size
    side = min(height, width) * scale
    levels = []
    while side >= CELL_PX:
        rows, columns = area_bounds(height, int(height * scale + 1)), area_bounds(width, int(width * scale + 1))
        levels.append(Level(scale, rows, columns))
        scale *= FACTOR
        side *= FACTOR
    return tuple(levels)


def cell_boxes(x: NDArray[np.float32], y: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture's boxes, (n, 4), of P-Net's output cells at column x and row y of levels with these scales, each (n,)."""
    corner = np.stack([x, y], axis=1) * np.float32(STRIDE_PX)
    first = np.floor((corner + np.float32(1)) / scale[:, None])
    last = np.floor((corner + np.float32(CELL_PX)) / scale[:, None])
    return np.concatenate([first, last], axis=1)


def square(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes widened or heightened about their centres to squares, which is what the next network was trained on."""
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side, half = np.maximum(w, h), np.float32(0.5)
    x, y = boxes[:, 0] + w * half - side * half, boxes[:, 1] + h * half - side * half
    return np.stack([x, y, x + side, y + side], axis=1)


def regress(boxes: NDArray[np.float32], offsets: NDArray[np.float32], extra_px: int) -> NDArray[np.float32]:
    """Boxes moved by a network's offsets (n, 4), which are shares of width and height plus ``extra_px`` (0 for P-Net's,
    1 for R- and O-Net's, as they were trained).
    """
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(extra_px)
    moved: NDArray[np.float32] = boxes + offsets * np.concatenate([size, size], axis=1)
    return moved


def landmarks(boxes: NDArray[np.float32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """O-Net's five points, float32 (n, 5, 2), from its ten shares a box: five x, then five y."""
    size = boxes[:, None, 2:] - boxes[:, None, :2] + np.float32(1)
    return size * np.stack([shares[:, :5], shares[:, 5:]], axis=2) + boxes[:, None, :2] - np.float32(1)


def windows(boxes: NDArray[np.float32], height: int, width: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which boxes have pixels in the picture, bool (n,), and the windows of those, int64 (m, 4): x0, y0, x1, y1 with the end
    not included. A box counts its pixels from 1, as in the authors' Matlab code.
    """
    whole = np.trunc(boxes).astype(np.int64)
    first, last = np.maximum(whole[:, :2], 1) - 1, np.minimum(whole[:, 2:], [width, height])
    inside: NDArray[np.bool_] = np.all(last > first, axis=1)
    return inside, np.concatenate([first, last], axis=1)[inside]


def probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sigmoid, float32."""
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def suppress(
    boxes: NDArray[np.float32],
    order: NDArray[np.int64],
    group: NDArray[np.int64],
    threshold: float,
    of_smaller: bool,
) -> NDArray[np.int64]:
    """Greedy non-maximum suppression: the indices that are kept, in the given order.

    Args:
        boxes: (n, 4).
        order: indices of boxes, strongest first.
        group: int64 (n,); boxes of different groups never suppress each other.
        threshold: a box goes when its overlap with a kept one is above this.
        of_smaller: the overlap is the shared area over the smaller box, boxes counting both end pixels (O-Net's rule),
            rather than over the union.
    """
    extra = np.float32(1 if of_smaller else 0)
    # An overlap is float32. The originals compare it in double (torchvision) and in single precision (facenet-pytorch).
    limit = np.float32(threshold) if of_smaller else np.float64(threshold)
    x0, y0, x1, y1 = boxes.T
    area = (x1 - x0 + extra) * (y1 - y0 + extra)
    keep: list[int] = []
    rest = order
    while rest.size:
        i, rest = rest[0], rest[1:]
        keep.append(int(i))
        w = np.minimum(x1[i], x1[rest]) - np.maximum(x0[i], x0[rest]) + extra
        h = np.minimum(y1[i], y1[rest]) - np.maximum(y0[i], y0[rest]) + extra
        shared = np.maximum(w, 0) * np.maximum(h, 0)
        whole = np.minimum(area[i], area[rest]) if of_smaller else area[i] + area[rest] - shared
        near = (w > 0) & (h > 0) & (group[rest] == group[i])
        overlap = np.divide(shared, whole, out=np.zeros_like(shared), where=near)
        rest = rest[overlap <= limit]
    return np.array(keep, np.int64)
