"""Embeddings from dlib's face recognition ResNet, on MTCNN's faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from attendance.faces.align import aligned_chip, box_chip, chip_scale, mirror, prewhiten
from attendance.faces.dlib_convert import CHANNEL_MEANS, DIMENSION, ensure_dlib
from attendance.faces.runtimes import ONNXRUNTIME, checked_embeddings, open_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.domain.model import Face, ModelInfo, RecognitionOptions

WHITENED_DEVIATION: Final = 61.5
"""Deviation, in grey levels, that a prewhitened chip is given: the mean over the chips of 34 ordinary photographs (standard
deviation 7), so that the network reads numbers of the size that it was trained on."""

MAX_BATCH: Final = 32  # chips in one call: bounds the memory (about 6 MB a chip) for a picture with a crowd


class DlibEmbedder:
    """Implements ``faces.base.Embedder``: 128 numbers a face, length 1.3 to 1.7, to be compared by L2 and not normalised.

    Args:
        model_dir: where the converted network is cached; see ``dlib_convert.ensure_dlib``.
        model: what is said of this model; the ``model_id`` must fit the options.
        options: of them ``use_alignment``, ``margin_ratio``, ``use_prewhitening`` and ``use_tta_flip`` count here.
        threads: for one call.
        runtime: ``onnxruntime`` or ``openvino-bf16``.

    Raises:
        WeightsUnavailableError: the network's file is missing or damaged.
        InferenceError: the runtime cannot load it.
    """

    def __init__(
        self,
        model_dir: Path,
        model: ModelInfo,
        options: RecognitionOptions,
        *,
        threads: int = 2,
        runtime: str = ONNXRUNTIME,
    ) -> None:
        self._model = model
        self._options = options
        self._scale = chip_scale(options.margin_ratio)
        self._network = open_onnx(ensure_dlib(model_dir), runtime, threads)

    @property
    def model(self) -> ModelInfo:
        """Which model this is."""
        return self._model

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embeddings of faces of an RGB picture, uint8 (H, W, 3) -> float32 (n, 128). Several threads may call it.

        Raises:
            InferenceError: the landmarks are no face's, the model failed or gave something that is no embedding.
        """
        parts = [self._embed_some(image, faces[at : at + MAX_BATCH]) for at in range(0, len(faces), MAX_BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, DIMENSION), np.float32)

    def embed_chips(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings of chips, uint8 (n, 150, 150, 3) -> float32 (n, 128), with whitening and mirroring as the options say.

        Raises:
            InferenceError: the model failed or gave something that is no embedding.
        """
        pixels = self._whitened(chips) if self._options.use_prewhitening else chips.astype(np.float32)
        if not self._options.use_tta_flip:
            return checked_embeddings(self._network(pixels), len(chips), DIMENSION)
        # The mean of both is left as it is: dlib's distances are between raw embeddings, and so is its threshold.
        both = checked_embeddings(self._network(np.concatenate([pixels, mirror(pixels)])), 2 * len(chips), DIMENSION)
        return checked_embeddings((both[: len(chips)] + both[len(chips) :]) * np.float32(0.5), len(chips), DIMENSION)

    def _embed_some(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        if self._options.use_alignment:
            chips = [aligned_chip(image, face.landmarks, scale=self._scale) for face in faces]
        else:
            chips = [box_chip(image, face.box, scale=self._scale) for face in faces]
        return self.embed_chips(np.stack(chips))

    @staticmethod
    def _whitened(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Each chip's own mean and deviation replaced by those that the network was trained on."""
        means = np.array(CHANNEL_MEANS, np.float32)
        return prewhiten(chips) * np.float32(WHITENED_DEVIATION) + means
