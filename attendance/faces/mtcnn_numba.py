"""The compiled kernels behind the ``Kernels`` protocol, and how they are loaded."""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from attendance.faces.mtcnn_geometry import LOGITS, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

    from attendance.faces.mtcnn_workers import Workers

_LOADING = threading.Lock()  # numba's options are the process's: one at a time changes them

WEIGHTS = ("w1", "b1", "a1", "u2", "b2", "a2", "u3", "b3", "a3", "wh", "bh")


def load_kernels(cache_dir: Path) -> ModuleType:
    """Import mtcnn_kernels.py, which compiles it once (several seconds) or loads it from ``cache_dir`` (about one).

    NUMBA_CACHE_DIR goes first where it is set. Numba by itself would write beside the source, which an installed package
    must not need; where nothing can be written the kernels are compiled again in every process.

    Raises:
        Exception: whatever numba raises where it cannot work on this machine; there is no common class.
    """
    with _LOADING:
        try:
            return _load(cache_dir)
        except ImportError:
            raise
        except Exception:  # noqa: BLE001 - a damaged cache shows itself in many ways; what remains wrong is raised again
            shutil.rmtree(cache_dir, ignore_errors=True)
            return _load(cache_dir)


def _load(cache_dir: Path) -> ModuleType:
    with _compiler_options(cache_dir):
        return import_module("attendance.faces.mtcnn_kernels")


@contextmanager
def _compiler_options(cache_dir: Path) -> Iterator[None]:
    """Numba's options for as long as the kernels are compiled; what the environment sets goes first.

    They hold for the whole process, so other users of numba get theirs back.
    """
    from numba import config
    from numba.core.codegen import get_host_cpu_features

    before = config.CACHE_DIR, config.CPU_FEATURES
    with tempfile.TemporaryDirectory(prefix="attend-numba-") as scratch:
        if not config.CACHE_DIR:
            config.CACHE_DIR = str(cache_dir) if _is_writable(cache_dir) else scratch
        features = get_host_cpu_features()
        if config.CPU_FEATURES is None and "+avx512f" in features:
            # LLVM keeps to half the width of such processors, for fear of older ones that slow down; P-Net gains a fifth.
            config.CPU_FEATURES = features + ",-prefer-256-bit"
        try:
            yield
        finally:
            config.CACHE_DIR, config.CPU_FEATURES = before


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


class _Plan:
    """The pyramid for one size of picture as the kernel takes it, and the work in equal shares."""

    def __init__(self, levels: Sequence[Level], shares: int) -> None:
        self.rows = np.concatenate([level.rows for level in levels], axis=1)
        self.columns = np.concatenate([level.columns for level in levels], axis=1)
        ry = np.cumsum([0, *(level.height for level in levels)])
        rx = np.cumsum([0, *(level.width for level in levels)])
        bands = [
            (i, 0, level.output_height, level.height, level.width, int(ry[i]), int(rx[i])) for i, level in enumerate(levels)
        ]
        self.shares = [np.array(share, np.int64) for share in split(bands, int(self.columns[1].max()), shares) if share]


def split(bands: Sequence[tuple[int, ...]], picture_width: int, shares: int) -> list[list[tuple[int, ...]]]:
    """Cut the bands (see ``mtcnn_kernels.pnet``), row after row, into shares that cost the same.

    The cost of a row of a level was measured: its width, a tenth of the picture's width, whose pixels are summed, and 32
    columns for starting its loops.
    """
    costs = [(end - first) * (width + 0.1 * picture_width + 32) for _, first, end, _, width, *_ in bands]
    goal = sum(costs) / shares
    result: list[list[tuple[int, ...]]] = [[]]
    room = goal
    for band, cost in zip(bands, costs, strict=True):
        level, first, end, *place = band
        per_row = cost / (end - first)
        while first < end:
            take = end - first
            if len(result) < shares and per_row * take > room:
                take = int(room / per_row)
            if take:
                result[-1].append((level, first, first + take, *place))
                room -= per_row * take
                first += take
            if first < end:
                result.append([])
                room = goal
    return result


@lru_cache(maxsize=64)
def _plan(levels: tuple[Level, ...], shares: int) -> _Plan:
    return _Plan(levels, shares)


class NumbaKernels:
    """The quicker of the two implementations of the ``Kernels`` protocol in mtcnn.py."""

    def __init__(self, kernels: Any, pnet_npz: bytes, workers: Workers) -> None:
        """Take the module that ``load_kernels`` gave and the bytes of ``pnet.npz``."""
        self._kernels = kernels
        self._workers = workers
        with np.load(io.BytesIO(pnet_npz), allow_pickle=False) as arrays:
            self._weights = tuple(np.ascontiguousarray(arrays[name], np.float32) for name in WEIGHTS)

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same pixels as (H, 3 W)."""
        return np.ascontiguousarray(image).reshape(image.shape[0], -1)

    def candidates(self, source: NDArray[np.uint8], levels: tuple[Level, ...]) -> NDArray[np.float32]:
        """What P-Net takes for faces, float32 (n, 8): number of the level, row, column, logit, four offsets."""
        plan = _plan(levels, self._workers.threads)

        def run(tasks: NDArray[np.int64]) -> NDArray[np.float32]:
            cells = int(((tasks[:, 2] - tasks[:, 1]) * ((tasks[:, 4] - 1) // 2 - 4)).sum())
            found = np.empty((cells, 8), np.float32)
            count = self._kernels.pnet(source, tasks, plan.rows, plan.columns, self._weights, np.float32(LOGITS[0]), found)
            return found[:count]

        return np.concatenate(self._workers.map(run, plan.shares))

    def crop(self, source: NDArray[np.uint8], windows: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Windows (n, 4) of the picture resized to float32 (n, 3, size, size), 0 to 255."""
        pixels = np.empty((len(windows), 3, size, size), np.float32)
        self._kernels.crop(source, np.ascontiguousarray(windows), size, pixels)
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
        kept: NDArray[np.int64] = self._kernels.suppress(
            np.ascontiguousarray(boxes), np.ascontiguousarray(order), group, threshold, of_smaller
        )
        return kept
