"""The parts of MTCNN around its networks in numpy, and P-Net in ONNX Runtime.

It answers while the compiled kernels of mtcnn_numba.py are being loaded, and where they cannot be. The pyramid and the crops
come from one integral image, whose box means are exact whole-number sums, so both give the same pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attendance.faces.mtcnn_geometry import LOGITS, STRIDE_PX, Level, suppress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attendance.faces.mtcnn_workers import Workers

BAND_CELLS = 16_384  # output cells of P-Net in one go: its layers then take some 10 MB, however large the picture is


class _Band(NamedTuple):
    """Output rows ``first`` to ``end`` (not included) of one level."""

    number: int
    level: Level
    first: int
    end: int

    @property
    def cells(self) -> int:
        return (self.end - self.first) * self.level.output_width


def _bands(levels: Sequence[Level]) -> list[_Band]:
    bands = []
    for number, level in enumerate(levels):
        rows = max(1, BAND_CELLS // level.output_width)
        ends = [*range(rows, level.output_height, rows), level.output_height]
        bands += [_Band(number, level, first, end) for first, end in zip([0, *ends], ends, strict=False)]
    return bands


class OnnxKernels:
    """One of the two implementations of the ``Kernels`` protocol in mtcnn.py."""

    def __init__(self, pnet: Any, workers: Workers) -> None:
        """Take P-Net as an ``onnxruntime.InferenceSession`` that several threads may run."""
        self._pnet = pnet
        self._workers = workers

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint32]:
        """The integral image of (H, W, 3), (H + 1, W + 1, 3). Sums of a whole large picture wrap around 2**32; the
        differences that are taken of them are those of single boxes, which never reach it, and come out right.
        """
        height, width, channels = image.shape
        sums = np.zeros((height + 1, width + 1, channels), np.uint32)
        np.cumsum(image, axis=0, dtype=np.uint32, out=sums[1:, 1:])
        np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
        return sums

    def candidates(self, source: NDArray[np.uint32], levels: Sequence[Level]) -> NDArray[np.float32]:
        """What P-Net takes for faces, float32 (n, 8): number of the level, row, column, logit, four offsets."""
        bands = _bands(levels)
        shares: list[list[_Band]] = [[] for _ in range(self._workers.threads)]
        for band in sorted(bands, key=lambda b: -b.cells):  # the largest first, each to whom has the least
            min(shares, key=lambda share: sum(b.cells for b in share)).append(band)

        def run(share: list[_Band]) -> list[tuple[int, int, NDArray[np.float32]]]:
            return [(band.number, band.first, self._band(source, band)) for band in share]

        done = [item for share in self._workers.map(run, shares) for item in share]
        # In the order of the levels and rows: among equal probabilities the first one wins.
        found = [rows for _, _, rows in sorted(done, key=lambda item: item[:2])]
        return np.concatenate(found) if found else np.zeros((0, 8), np.float32)

    def _band(self, source: NDArray[np.uint32], band: _Band) -> NDArray[np.float32]:
        level = band.level
        # One output row looks at 12 rows of the level, 10 more than the 2 it stands for; the last row may have one more.
        end = level.height if band.end == level.output_height else STRIDE_PX * band.end + 10
        top, bottom = level.rows[:, STRIDE_PX * band.first : end]
        left, right = level.columns
        rows = source[bottom] - source[top]
        sums = np.take(rows, right, axis=1) - np.take(rows, left, axis=1)
        count = ((bottom - top)[:, None] * (right - left)).astype(np.float32)
        pixels = np.empty((1, 3, *count.shape), np.float32)
        np.divide(sums.transpose(2, 0, 1), count, out=pixels[0], dtype=np.float32, casting="unsafe")
        output = self._pnet.run(None, {"x": pixels})[0][0]
        y, x = np.nonzero(output[0] >= np.float32(LOGITS[0]))
        found = np.empty((len(y), 8), np.float32)
        found[:, 0], found[:, 1], found[:, 2] = band.number, y + band.first, x
        found[:, 3:] = output[:, y, x].T
        return found

    def crop(self, source: NDArray[np.uint32], windows: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Windows (n, 4) of the picture resized to float32 (n, 3, size, size), 0 to 255."""
        x0, y0, x1, y1 = windows.T[:, :, None]
        k = np.arange(size)
        left, right = x0 + k * (x1 - x0) // size, x0 - (-(k + 1) * (x1 - x0) // size)
        top, bottom = y0 + k * (y1 - y0) // size, y0 - (-(k + 1) * (y1 - y0) // size)
        top_, bottom_, left_, right_ = top[:, :, None], bottom[:, :, None], left[:, None], right[:, None]
        sums = source[bottom_, right_] - source[top_, right_] - source[bottom_, left_] + source[top_, left_]
        count = ((bottom_ - top_) * (right_ - left_)).astype(np.float32)
        pixels = np.empty((len(windows), 3, size, size), np.float32)
        np.divide(sums.transpose(0, 3, 1, 2), count[:, None], out=pixels, dtype=np.float32, casting="unsafe")
        return pixels

    def suppress(
        self,
        boxes: NDArray[np.float32],
        order: NDArray[np.int64],
        group: NDArray[np.int64],
        threshold: float,
        of_smaller: bool,
    ) -> NDArray[np.int64]:
        """See ``mtcnn_geometry.suppress``."""
        return suppress(boxes, order, group, threshold, of_smaller)
