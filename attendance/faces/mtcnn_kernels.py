"""P-Net with its pyramid and the crops, compiled by numba.

P-Net works row by row: a few rows of each layer stay in the processor's cache and no level of the pyramid is ever stored.
That, float32 and whole rows in the inner loops, is where the speed comes from (docs/decisions/0002-detector-kernels.md).
Import this module late: numba itself takes the better part of a second, compiling several (once; see mtcnn_numba.py). The
signatures are written out, so that everything is compiled or loaded on import and never during a detection.

Ranges: sums of pixels are int32, so one box of the picture may hold up to 8 million pixels (2**31 / 255).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import types

from attendance.faces.mtcnn_jit import inner, outer
from attendance.faces.mtcnn_nms import suppress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]
    I32 = NDArray[np.int32]

__all__ = ["crop", "pnet", "suppress"]

ZERO, ONE = np.float32(0), np.float32(1)
PICTURE = types.Array(types.uint8, 2, "C", readonly=True)  # (H, 3 W); a writable array is taken too
ROW = types.float32[::1]
WEIGHTS = (types.float32[:, :, ::1], ROW, ROW, *(types.float32[:, :, :, ::1], ROW, ROW) * 2, types.float32[:, ::1], ROW)
BLOCK = 16  # rows are computed in whole vectors; what lies beyond a row's real width is never read


@inner
def _aligned(numbers: int) -> F32:
    """Zeros that begin at a multiple of 64 bytes: wide vectors that cross cache lines cost a tenth of P-Net's time."""
    room = np.zeros(numbers + BLOCK, np.float32)
    skip = -(np.int64(room.ctypes.data) // 4) % BLOCK
    return room[skip : skip + numbers]


@inner
def _transform(rows: F32, first: int, t: F32) -> None:
    """Winograd's sums of four rows, rows[(first + k) & 3] of shape (channels, columns), into t (4, channels, columns)."""
    d0, d1, d2, d3 = rows[first & 3], rows[first + 1 & 3], rows[first + 2 & 3], rows[first + 3 & 3]
    for i in range(rows.shape[1]):
        p0, p1, p2, p3, t0, t1, t2, t3 = d0[i], d1[i], d2[i], d3[i], t[0, i], t[1, i], t[2, i], t[3, i]
        for x in range(rows.shape[2]):
            t0[x] = p0[x] - p2[x]
            t1[x] = p1[x] + p2[x]
            t2[x] = p2[x] - p1[x]
            t3[x] = p1[x] - p3[x]


@inner
def _convolve(t: F32, u: F32, b: F32, slope: F32, sums: F32, out: F32, below: F32, n: int) -> None:
    """Two rows of a 3 x 3 convolution and its PReLU: out and below (co, columns), the first n columns.

    Down the columns it is Winograd's minimal filter F(2, 3) (Lavin & Gray 2016): 4 products instead of 6 for two rows. t:
    from ``_transform``; u: (4, co, ci, 3) from ``mtcnn_graph.winograd``; sums: (4, 4, columns) to work in. Four outputs
    share the loads of one input, which was the quickest of several such shapes; co is a multiple of 4.
    """
    for c in range(0, u.shape[1], 4):
        for k in range(4):
            s0, s1, s2, s3 = sums[k, 0], sums[k, 1], sums[k, 2], sums[k, 3]
            s0[:n], s1[:n], s2[:n], s3[:n] = ZERO, ZERO, ZERO, ZERO
            for i in range(u.shape[2]):
                p, a, b_, d, e = t[k, i], u[k, c, i], u[k, c + 1, i], u[k, c + 2, i], u[k, c + 3, i]
                a0, a1, a2 = a[0], a[1], a[2]
                b0, b1, b2 = b_[0], b_[1], b_[2]
                d0, d1, d2 = d[0], d[1], d[2]
                e0, e1, e2 = e[0], e[1], e[2]
                for x in range(n):
                    p0, p1, p2 = p[x], p[x + 1], p[x + 2]
                    s0[x] += a0 * p0 + a1 * p1 + a2 * p2
                    s1[x] += b0 * p0 + b1 * p1 + b2 * p2
                    s2[x] += d0 * p0 + d1 * p1 + d2 * p2
                    s3[x] += e0 * p0 + e1 * p1 + e2 * p2
        for k in range(4):
            m0, m1, m2, m3, o, v = sums[0, k], sums[1, k], sums[2, k], sums[3, k], out[c + k], below[c + k]
            bias, s = b[c + k], slope[c + k]
            for x in range(n):
                first, second = m0[x] + m1[x] + m2[x] + bias, m1[x] - m2[x] - m3[x] + bias
                o[x] = max(first, ZERO) + s * min(first, ZERO)
                v[x] = max(second, ZERO) + s * min(second, ZERO)


@inner
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


@inner
def _sum_rows(image: U8, top: int, bottom: int, lo: int, hi: int, sums: I32) -> None:
    """sums[: hi - lo] = the sums over picture rows top to bottom, image being (H, 3 W), in whole numbers."""
    sums[: hi - lo] = 0
    for y in range(top, bottom):
        row = image[y, lo:hi]  # a slice: lo + k could be negative for all numba knows, and would not be vectorised
        for k in range(hi - lo):
            sums[k] += np.int32(row[k])


@inner
def _sum_columns(sums: I32, left: int, right: int) -> tuple[np.int32, np.int32, np.int32]:
    """The three channels' sums over columns left to right."""
    a = b = c = np.int32(0)
    k = np.uint64(3 * left)  # unsigned, so that no index can mean "from the end"
    for _ in range(right - left):
        a, b, c = a + sums[k], b + sums[k + np.uint64(1)], c + sums[k + np.uint64(2)]
        k += np.uint64(3)
    return a, b, c


@inner
def _level_row(image: U8, top: int, bottom: int, left: I64, right: I64, sums: I32, row: F32) -> None:
    """One row (3, 2, columns) of a level: box means, even and odd columns apart."""
    _sum_rows(image, top, bottom, 0, image.shape[1], sums)
    for x in range(left.shape[0]):
        a, b, c = _sum_columns(sums, left[x], right[x])
        share = ONE / np.float32((bottom - top) * (right[x] - left[x]))
        k, half = x >> 1, x & 1
        row[0, half, k], row[1, half, k], row[2, half, k] = a * share, b * share, c * share


@inner
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


@inner
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


@outer(
    types.int64(
        PICTURE,
        types.int64[:, ::1],
        types.int64[:, ::1],
        types.int64[:, ::1],
        types.Tuple(WEIGHTS),
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
        weights: w1, b1, a1, u2, b2, a2, u3, b3, a3, wh, bh as in ``mtcnn_graph.pnet_arrays``.
        threshold: the least logit of a candidate.
        found: (cells of all bands, 8), is filled with level, row, column, logit and four offsets of each candidate.

    Returns:
        How many candidates there are.
    """
    w1, b1, a1, u2, b2, a2, u3, b3, a3, wh, bh = weights
    length = (tasks[:, 4].max() // 2 + 3 * BLOCK) // BLOCK * BLOCK
    # Rings: only as many rows as the next layer looks at.
    level_rows = _aligned(4 * 3 * 2 * length).reshape(4, 3, 2, length)
    c1, c2 = _aligned(4 * 10 * length).reshape(4, 10, length), _aligned(4 * 16 * length).reshape(4, 16, length)
    c3, t2 = _aligned(2 * 32 * length).reshape(2, 32, length), _aligned(4 * 10 * length).reshape(4, 10, length)
    t3, sums = _aligned(4 * 16 * length).reshape(4, 16, length), _aligned(4 * 4 * length).reshape(4, 4, length)
    tmp, logit, totals = _aligned(4 * length).reshape(4, length), _aligned(length), np.zeros(image.shape[1], np.int32)
    m = 0
    for t in range(tasks.shape[0]):
        level, first, end, height, width, ry, rx = tasks[t]
        top, bottom = rows[0, ry : ry + height], rows[1, ry : ry + height]
        left, right = columns[0, rx : rx + width], columns[1, rx : rx + width]
        pooled = (width - 1) // 2
        n2, n3 = (pooled - 2 + BLOCK - 1) // BLOCK * BLOCK, (pooled - 4 + BLOCK - 1) // BLOCK * BLOCK
        done = 2 * first
        for j in range(first, end + 4, 2):
            # The second row of the last pair may lie beyond the band or the level: what is computed of it is not read.
            for row in range(j, min(j + 2, (height - 1) // 2)):
                while done <= min(2 * row + 3, height - 1):
                    _level_row(image, top[done], bottom[done], left, right, totals, level_rows[done & 3])
                    done += 1
                r0, r1 = level_rows[2 * row & 3], level_rows[2 * row + 1 & 3]
                r2, r3 = level_rows[2 * row + 2 & 3], level_rows[2 * row + 3 & 3]
                _pooled_row(r0, r1, r2, r3, 2 * row + 3 < height, w1, b1, a1, tmp, c1[row & 3], width)
            if j >= first + 2:
                y = j - 2
                _transform(c1, y, t2)
                _convolve(t2, u2, b2, a2, sums, c2[y & 3], c2[y + 1 & 3], n2)
            if j >= first + 4:
                y = j - 4
                _transform(c2, y, t3)
                _convolve(t3, u3, b3, a3, sums, c3[0], c3[1], n3)
                m = _pick(c3[0], wh, bh, threshold, logit, pooled - 4, level, y, found, m)
                if y + 1 < end:
                    m = _pick(c3[1], wh, bh, threshold, logit, pooled - 4, level, y + 1, found, m)
    return m


@outer(types.void(PICTURE, types.int64[:, ::1], types.int64, types.float32[:, :, :, ::1]), fastmath=True)
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
