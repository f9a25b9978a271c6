"""Non-maximum suppression, compiled by numba; imported late, by mtcnn_kernels.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import types

from attendance.faces.mtcnn_jit import outer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    I64 = NDArray[np.int64]

ZERO, ONE = np.float32(0), np.float32(1)


@outer(
    types.int64[::1](types.float32[:, ::1], types.int64[::1], types.int64[::1], types.float64, types.boolean), fastmath=False
)
def suppress(boxes: F32, order: I64, group: I64, threshold: float, of_smaller: bool) -> I64:
    """As ``mtcnn_geometry.suppress``; computed as written, since the last bit may decide a comparison."""
    extra = ONE if of_smaller else ZERO
    limit = np.float64(np.float32(threshold)) if of_smaller else threshold
    keep = np.empty(order.shape[0], np.int64)
    n = 0
    for i in order:
        area = (boxes[i, 2] - boxes[i, 0] + extra) * (boxes[i, 3] - boxes[i, 1] + extra)
        kept = True
        for k in range(n):
            j = keep[k]
            w = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0]) + extra
            h = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1]) + extra
            if w > 0 and h > 0 and group[i] == group[j]:
                other = (boxes[j, 2] - boxes[j, 0] + extra) * (boxes[j, 3] - boxes[j, 1] + extra)
                whole = min(area, other) if of_smaller else other + area - w * h
                if w * h / whole > limit:
                    kept = False
                    break
        if kept:
            keep[n] = i
            n += 1
    return keep[:n]
