"""P-Net with its pyramid, the crops and the suppression of boxes, compiled by numba.

P-Net works row by row: a few rows of each layer stay in the processor's cache and no level of the pyramid is ever stored.
That, float32 and whole rows in the inner loops, is where the speed comes from (docs/decisions/0002-detector-kernels.md).
Import this module late: numba itself takes the better part of a second, compiling several (once; see mtcnn_numba.py). The
signatures are written out, so that everything is compiled or loaded on import and never during a detection.

Ranges: sums of pixels are int32, so one box of the picture may hold up to 8 million pixels (2**31 / 255).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]
    I32 = NDArray[np.int32]

_Function = TypeVar("_Function", bound="Callable[..., object]")

ZERO, ONE = np.float32(0), np.float32(1)
PICTURE = types.Array(types.uint8, 2, "C", readonly=True)  # (H, 3 W); a writable array is taken too
BLOCK = 16  # rows are computed in whole vectors; what lies beyond a row's real width is never read


def _inner(function: _Function) -> _Function:
    """A part of the functions below; sums may be reordered."""
    compiled: _Function = njit(nogil=True, fastmath=True)(function)
    return compiled


def _outer(signature: object, *, fastmath: bool) -> Callable[[_Function], _Function]:
    """Compiled on import, or loaded from numba's cache; runs without the interpreter's lock."""

    def decorate(function: _Function) -> _Function:
        compiled: _Function = njit(signature, nogil=True, cache=True, fastmath=fastmath, error_model="numpy")(function)
        return compiled

    return decorate


@_inner
def _convolve(r0: F32, r1: F32, r2: F32, w: F32, b: F32, slope: F32, out: F32, n: int) -> None:
    """One row of a 3 x 3 convolution and its PReLU: out[co, :n] from three rows (ci, columns) and w (co, ci, 9), co even.

    Two outputs share nine inputs, which halves the loads.
    """
    for c in range(0, w.shape[0], 2):
        o, u = out[c], out[c + 1]
        o[:n], u[:n] = b[c], b[c + 1]
        for i in range(w.shape[1]):
            p, q, t, v, z = r0[i], r1[i], r2[i], w[c, i], w[c + 1, i]
            v0, v1, v2, v3, v4, v5, v6, v7, v8 = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]
            z0, z1, z2, z3, z4, z5, z6, z7, z8 = z[0], z[1], z[2], z[3], z[4], z[5], z[6], z[7], z[8]
            for x in range(n):
                a0, a1, a2 = p[x], p[x + 1], p[x + 2]
                b0, b1, b2 = q[x], q[x + 1], q[x + 2]
                c0, c1, c2 = t[x], t[x + 1], t[x + 2]
                o[x] += v0 * a0 + v1 * a1 + v2 * a2 + v3 * b0 + v4 * b1 + v5 * b2 + v6 * c0 + v7 * c1 + v8 * c2
                u[x] += z0 * a0 + z1 * a1 + z2 * a2 + z3 * b0 + z4 * b1 + z5 * b2 + z6 * c0 + z7 * c1 + z8 * c2
        s0, s1 = slope[c], slope[c + 1]
        for x in range(n):
            o[x] = max(o[x], ZERO) + s0 * min(o[x], ZERO)
            u[x] = max(u[x], ZERO) + s1 * min(u[x], ZERO)


@_inner
def _convolve_split(r0: F32, r1: F32, r2: F32, w: F32, b: float, slope: float, even: F32, odd: F32, n: int) -> None:
    """One channel of one row of the first convolution and its PReLU. Rows (3, 2, columns) hold even and odd columns apart,
    and so do the outputs: max-pooling is then a maximum of whole rows.
    """
    even[:n], odd[:n] = b, b
    for i in range(3):
        pe, po, qe, qo, te, to = r0[i, 0], r0[i, 1], r1[i, 0], r1[i, 1], r2[i, 0], r2[i, 1]
        v0, v1, v2, v3, v4, v5, v6, v7, v8 = w[i, 0], w[i, 1], w[i, 2], w[i, 3], w[i, 4], w[i, 5], w[i, 6], w[i, 7], w[i, 8]
        for x in range(n):
            a0, a1, a2, a3 = pe[x], po[x], pe[x + 1], po[x + 1]
            b0, b1, b2, b3 = qe[x], qo[x], qe[x + 1], qo[x + 1]
            c0, c1, c2, c3 = te[x], to[x], te[x + 1], to[x + 1]
            even[x] += v0 * a0 + v1 * a1 + v2 * a2 + v3 * b0 + v4 * b1 + v5 * b2 + v6 * c0 + v7 * c1 + v8 * c2
            odd[x] += v0 * a1 + v1 * a2 + v2 * a3 + v3 * b1 + v4 * b2 + v5 * b3 + v6 * c1 + v7 * c2 + v8 * c3
    for x in range(n):
        even[x] = max(even[x], ZERO) + slope * min(even[x], ZERO)
        odd[x] = max(odd[x], ZERO) + slope * min(odd[x], ZERO)


@_inner
def _sum_rows(image: U8, top: int, bottom: int, lo: int, hi: int, sums: I32) -> None:
    """sums[: hi - lo] = the sums over picture rows top to bottom, image being (H, 3 W), in whole numbers."""
    sums[: hi - lo] = 0
    for y in range(top, bottom):
        row = image[y, lo:hi]  # a slice: lo + k could be negative for all numba knows, and would not be vectorised
        for k in range(hi - lo):
            sums[k] += np.int32(row[k])


@_inner
def _sum_columns(sums: I32, left: int, right: int) -> tuple[np.int32, np.int32, np.int32]:
    """The three channels' sums over columns left to right."""
    a = b = c = np.int32(0)
    k = np.uint64(3 * left)  # unsigned, so that no index can mean "from the end"
    for _ in range(right - left):
        a, b, c = a + sums[k], b + sums[k + np.uint64(1)], c + sums[k + np.uint64(2)]
        k += np.uint64(3)
    return a, b, c


@_inner
def _level_row(image: U8, top: int, bottom: int, left: I64, right: I64, sums: I32, row: F32) -> None:
    """One row (3, 2, columns) of a level: box means, even and odd columns apart."""
    _sum_rows(image, top, bottom, 0, image.shape[1], sums)
    for x in range(left.shape[0]):
        a, b, c = _sum_columns(sums, left[x], right[x])
        share = ONE / np.float32((bottom - top) * (right[x] - left[x]))
        k, half = x >> 1, x & 1
        row[0, half, k], row[1, half, k], row[2, half, k] = a * share, b * share, c * share


@_inner
def _pooled_row(
    r0: F32, r1: F32, r2: F32, r3: F32, both: bool, w: F32, b: F32, slope: F32, tmp: F32, out: F32, width: int
) -> None:
    """One row (10, columns) of the first layer after its 2 x 2 max-pooling, from four rows of the level, which is ``width``
    wide; without ``both`` the last of them is missing. The last pooled row or column may have no partner.
    """
    pooled = (width - 1) // 2
    n = (pooled + BLOCK - 1) // BLOCK * BLOCK
    for c in range(10):
        o, e0, d0, e1, d1 = out[c], tmp[0], tmp[1], tmp[2], tmp[3]
        _convolve_split(r0, r1, r2, w[c], b[c], slope[c], e0, d0, n)
        if both:
            _convolve_split(r1, r2, r3, w[c], b[c], slope[c], e1, d1, n)
        else:
            e1, d1 = e0, d0
        for x in range(n):
            o[x] = max(e0[x], d0[x], e1[x], d1[x])
        if width & 1:
            o[pooled - 1] = max(e0[pooled - 1], e1[pooled - 1])


@_inner
def _pick(
    c3: F32, wh: F32, bh: F32, threshold: float, logit: F32, width: int, level: int, y: int, found: F32, m: int
) -> int:
    """The head over one row of features (32, columns): the logit, and where it reaches the threshold, the offsets."""
    n = (width + BLOCK - 1) // BLOCK * BLOCK
    logit[:n] = bh[0]
    for i in range(32):
        p, v = c3[i], wh[0, i]
        for x in range(n):
            logit[x] += v * p[x]
    for x in range(width):
        if logit[x] >= threshold:
            f = found[m]
            f[0], f[1], f[2], f[3] = level, y, x, logit[x]
            for k in range(1, 5):
                s = bh[k]
                for i in range(32):
                    s += wh[k, i] * c3[i, x]
                f[3 + k] = s
            m += 1
    return m


@_outer(
    types.int64(
        PICTURE,
        types.int64[:, ::1],
        types.int64[:, ::1],
        types.int64[:, ::1],
        types.Tuple(
            (
                *(types.float32[:, :, ::1], types.float32[::1], types.float32[::1]) * 3,
                types.float32[:, ::1],
                types.float32[::1],
            )
        ),
        types.float32,
        types.float32[:, ::1],
    ),
    fastmath=True,
)
def pnet(image: U8, tasks: I64, rows: I64, columns: I64, weights: tuple[F32, ...], threshold: float, found: F32) -> int:
    """P-Net over bands of output rows.

    Args:
        image: (H, 3 W).
        tasks: (n, 7): number of the level, first output row, end of the output rows, height and width of the level, where
            its bounds begin in ``rows`` and ``columns``.
        rows: (2, sum of heights): where the picture rows of each level row begin and end, level after level.
        columns: (2, sum of widths): the same for columns.
        weights: w1, b1, a1, w2, b2, a2, w3, b3, a3, wh, bh as in ``mtcnn_graph.pnet_arrays``.
        threshold: the least logit of a candidate.
        found: (cells of all bands, 8), is filled with level, row, column, logit and four offsets of each candidate.

    Returns:
        How many candidates there are.
    """
    w1, b1, a1, w2, b2, a2, w3, b3, a3, wh, bh = weights
    length = (tasks[:, 4].max() // 2 + 3 * BLOCK) // BLOCK * BLOCK
    level_rows = np.zeros((4, 3, 2, length), np.float32)  # rings: only as many rows as the next layer looks at
    c1, c2, c3 = (
        np.zeros((3, 10, length), np.float32),
        np.zeros((3, 16, length), np.float32),
        np.zeros((32, length), np.float32),
    )
    tmp, logit, sums = np.zeros((4, length), np.float32), np.zeros(length, np.float32), np.zeros(image.shape[1], np.int32)
    m = 0
    for t in range(tasks.shape[0]):
        level, first, end, height, width, ry, rx = tasks[t]
        top, bottom = rows[0, ry : ry + height], rows[1, ry : ry + height]
        left, right = columns[0, rx : rx + width], columns[1, rx : rx + width]
        pooled = (width - 1) // 2
        n2, n3 = (pooled - 2 + BLOCK - 1) // BLOCK * BLOCK, (pooled - 4 + BLOCK - 1) // BLOCK * BLOCK
        done = 2 * first
        for j in range(first, end + 4):
            while done <= min(2 * j + 3, height - 1):
                _level_row(image, top[done], bottom[done], left, right, sums, level_rows[done & 3])
                done += 1
            r0, r1 = level_rows[2 * j & 3], level_rows[2 * j + 1 & 3]
            r2, r3 = level_rows[2 * j + 2 & 3], level_rows[2 * j + 3 & 3]
            _pooled_row(r0, r1, r2, r3, 2 * j + 3 < height, w1, b1, a1, tmp, c1[j % 3], width)
            if j >= first + 2:
                y = j - 2
                _convolve(c1[y % 3], c1[(y + 1) % 3], c1[(y + 2) % 3], w2, b2, a2, c2[y % 3], n2)
            if j >= first + 4:
                y = j - 4
                _convolve(c2[y % 3], c2[(y + 1) % 3], c2[(y + 2) % 3], w3, b3, a3, c3, n3)
                m = _pick(c3, wh, bh, threshold, logit, pooled - 4, level, y, found, m)
    return m


@_outer(
    types.int64[::1](types.float32[:, ::1], types.int64[::1], types.int64[::1], types.float64, types.boolean), fastmath=False
)
def suppress(boxes: F32, order: I64, group: I64, threshold: float, of_smaller: bool) -> I64:
    """As ``mtcnn_geometry.suppress``; computed as written, since the last bit may decide a comparison."""
    extra = ONE if of_smaller else ZERO
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
                if w * h / whole > threshold:
                    kept = False
                    break
        if kept:
            keep[n] = i
            n += 1
    return keep[:n]


@_outer(types.void(PICTURE, types.int64[:, ::1], types.int64, types.float32[:, :, :, ::1]), fastmath=True)
def crop(image: U8, windows: I64, size: int, out: F32) -> None:
    """Windows (n, 4) of image (H, 3 W), resized by box means into out (n, 3, size, size)."""
    sums = np.zeros(image.shape[1], np.int32)
    left, right = np.empty(size, np.int64), np.empty(size, np.int64)
    for i in range(windows.shape[0]):
        x0, y0, x1, y1 = windows[i]
        w, h = x1 - x0, y1 - y0
        for x in range(size):
            left[x], right[x] = x * w // size, ((x + 1) * w + size - 1) // size
        for y in range(size):
            top, bottom = y0 + y * h // size, y0 + ((y + 1) * h + size - 1) // size
            _sum_rows(image, top, bottom, 3 * x0, 3 * x1, sums)
            for x in range(size):
                a, b, c = _sum_columns(sums, left[x], right[x])
                share = ONE / np.float32((bottom - top) * (right[x] - left[x]))
                out[i, 0, y, x], out[i, 1, y, x], out[i, 2, y, x] = a * share, b * share, c * share
