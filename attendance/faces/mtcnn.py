"""MTCNN, the face detector: facenet-pytorch's boxes, landmarks and probabilities, several times as fast and without torch.

Three networks in a cascade (Zhang et al. 2016): P-Net proposes boxes over a pyramid of the picture, R-Net sorts them out,
O-Net decides and gives five landmarks. tests/integration/test_mtcnn_parity.py holds the results to facenet-pytorch's.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnxruntime

from attendance.domain.model import Box, Face
from attendance.faces.mtcnn_files import ensure_mtcnn, read_mtcnn
from attendance.faces.mtcnn_geometry import (
    LOGITS,
    NMS_ACROSS,
    NMS_FINAL,
    NMS_LEVEL,
    NMS_REFINED,
    Level,
    cell_boxes,
    landmarks,
    probability,
    pyramid,
    regress,
    square,
    windows,
)
from attendance.faces.mtcnn_numba import NumbaKernels, load_kernels
from attendance.faces.mtcnn_onnx import OnnxKernels
from attendance.faces.mtcnn_workers import Workers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

__all__ = ["MtcnnDetector", "ensure_mtcnn"]

# A command that looks at one picture is done by then and never pays for loading the compiled kernels.
ACCELERATE_AFTER_S = 1.5
R_SIZE, O_SIZE = 24, 48  # pixels that R- and O-Net were trained on
BATCH_PIXELS = 384  # crops in one run = this / their size: larger batches leave the processor's cache and cost 15 % more


class Kernels(Protocol):
    """What there are two implementations of, with the same results: mtcnn_numba.py and mtcnn_onnx.py."""

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """What the other two make their pixels from."""

    def candidates(self, source: NDArray[Any], levels: tuple[Level, ...]) -> F32:
        """P-Net's candidates, (n, 8): number of the level, row, column, logit, four offsets."""

    def crop(self, source: NDArray[Any], windows: NDArray[np.int64], size: int) -> F32:
        """Windows (n, 4) as pixels (n, 3, size, size), 0 to 255."""

    def suppress(
        self, boxes: F32, order: NDArray[np.int64], group: NDArray[np.int64], threshold: float, of_smaller: bool
    ) -> NDArray[np.int64]:
        """Greedy non-maximum suppression."""


def _session(model: bytes) -> Any:
    """A network that runs in the thread that calls it. ONNX Runtime's own threads would be a pool for each session, which
    spins while it waits and takes the processor from the others; the detector splits its batches itself.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class MtcnnDetector:
    """Finds faces. Any number of threads may call ``detect``.

    It answers at once with ONNX Runtime and numpy. With ``accelerate`` a background thread loads the compiled kernels soon
    after the start; they take over when they are ready and give the same faces. Where they cannot be had, one warning
    is logged.

    After a fork make a new one in the child: this one still works there, but alone, since its threads are not copied.
    """

    def __init__(self, folder: Path, *, threads: int = 2, accelerate: bool = True) -> None:
        """Load the files of ``ensure_mtcnn``.

        Args:
            folder: where they are.
            threads: how many work on one detection, the caller's included.
            accelerate: use the compiled kernels once they are ready.

        Raises:
            WeightsUnavailableError: a file is missing, damaged or cannot be read.
        """
        files = read_mtcnn(folder)
        self._workers = Workers(threads)
        self._rnet, self._onet = _session(files["rnet.onnx"]), _session(files["onet.onnx"])
        self._kernels: Kernels = OnnxKernels(_session(files["pnet.onnx"]), self._workers)
        self._pnet_npz = files["pnet.npz"]
        self._cache_dir = folder.parent / "numba"
        self._accelerate = accelerate
        self._loading = threading.Lock()
        if accelerate:
            # A daemon: a program that ends meanwhile does not wait for a compiler.
            timer = threading.Timer(ACCELERATE_AFTER_S, self.warm)
            timer.daemon = True
            timer.name = "mtcnn-accelerate"
            timer.start()

    @property
    def accelerated(self) -> bool:
        """Whether the compiled kernels are in use."""
        return isinstance(self._kernels, NumbaKernels)

    def warm(self) -> None:
        """Load the compiled kernels now and wait for it: a second, or several where they have never been compiled here.

        Nothing happens where they are loaded, switched off, or known not to work.
        """
        with self._loading:
            if not self._accelerate or self.accelerated:
                return
            try:
                self._kernels = NumbaKernels(load_kernels(self._cache_dir), self._pnet_npz, self._workers)
            except Exception as error:  # noqa: BLE001 - numba raises anything; the detector works without it
                self._accelerate = False
                import structlog  # late: it takes as long to import as numpy

                structlog.get_logger(__name__).warning(
                    "detector_not_accelerated", error=str(error), kind=type(error).__name__
                )

    def detect(self, image: NDArray[np.uint8], min_face_size: int) -> list[Face]:
        """Every face in an RGB picture, largest box first.

        Args:
            image: uint8 (H, W, 3), in any memory layout; 1 x 1 is a picture too. Without the compiled kernels 12 bytes
                a pixel are needed besides.
            min_face_size: the smallest face that is looked for, pixels, at least 1. The work grows with its inverse square.

        Raises:
            ValueError: another shape or type, or no positive size.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"the picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
        if min_face_size < 1:
            raise ValueError(f"min_face_size must be at least 1, not {min_face_size}")
        height, width = image.shape[:2]
        levels = pyramid(height, width, int(min_face_size))
        if not levels:
            return []
        kernels = self._kernels  # one and the same to the end, whatever the background thread does
        source = kernels.prepare(image)
        boxes = self._propose(kernels, source, levels)
        boxes, output = self._look(self._rnet, kernels, source, boxes, (height, width, R_SIZE))
        boxes = self._refine(kernels, boxes, output)
        boxes, output = self._look(self._onet, kernels, source, boxes, (height, width, O_SIZE))
        return self._decide(kernels, boxes, output)

    def _propose(self, kernels: Kernels, source: NDArray[Any], levels: tuple[Level, ...]) -> F32:
        """P-Net's boxes, squared."""
        found = kernels.candidates(source, levels)
        level = found[:, 0].astype(np.int64)
        scales = np.array([level.scale for level in levels], np.float32)
        boxes = cell_boxes(found[:, 2], found[:, 1], scales[level])
        order = np.argsort(-probability(found[:, 3]), kind="stable")
        kept = kernels.suppress(boxes, order, level, NMS_LEVEL, False)
        kept = kernels.suppress(boxes, kept, np.zeros_like(level), NMS_ACROSS, False)
        return square(regress(boxes[kept], found[kept, 4:], 0))

    def _look(
        self, network: Any, kernels: Kernels, source: NDArray[Any], boxes: F32, sizes: tuple[int, int, int]
    ) -> tuple[F32, F32]:
        """The boxes with pixels in the picture and what the network says of them; sizes: height, width, the crops' side."""
        height, width, size = sizes
        inside, places = windows(boxes, height, width)
        if not len(places):
            return boxes[:0], np.zeros((0, 15), np.float32)
        batch = BATCH_PIXELS // size

        def run(part: NDArray[np.int64]) -> F32:
            pixels = kernels.crop(source, part, size)
            outputs = [network.run(None, {"x": pixels[i : i + batch]})[0] for i in range(0, len(pixels), batch)]
            return np.concatenate(outputs)

        parts = [part for part in np.array_split(places, self._workers.threads) if len(part)]
        return boxes[inside], np.concatenate(self._workers.map(run, parts))

    def _refine(self, kernels: Kernels, boxes: F32, output: F32) -> F32:
        """R-Net's choice, moved and squared."""
        sure = output[:, 0] > np.float32(LOGITS[1])
        boxes, output = boxes[sure], output[sure]
        order = np.argsort(-probability(output[:, 0]), kind="stable")
        kept = kernels.suppress(boxes, order, np.zeros(len(boxes), np.int64), NMS_REFINED, False)
        return square(regress(boxes[kept], output[kept, 1:5], 1))

    def _decide(self, kernels: Kernels, boxes: F32, output: F32) -> list[Face]:
        """O-Net's choice, moved, with landmarks, largest first."""
        sure = output[:, 0] > np.float32(LOGITS[2])
        boxes, output = boxes[sure], output[sure]
        confidence = probability(output[:, 0])
        points = landmarks(boxes, output[:, 5:15])
        boxes = regress(boxes, output[:, 1:5], 1)
        order = np.argsort(confidence, kind="stable")[::-1]
        kept = kernels.suppress(boxes, order, np.zeros(len(boxes), np.int64), NMS_FINAL, True)
        area = (boxes[kept, 2] - boxes[kept, 0]) * (boxes[kept, 3] - boxes[kept, 1])
        return [
            Face(Box(*(float(side) for side in boxes[i])), float(confidence[i]), points[i])
            for i in kept[np.argsort(-area, kind="stable")]
        ]
