"""Embeddings from FaceNet (InceptionResnetV1, trained on VGGFace2), on MTCNN's faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from attendance.errors import InferenceError
from attendance.faces.align import FACENET_SIZE, mirror, prewhiten, standardise, upright_crop
from attendance.faces.runtimes import ONNXRUNTIME, checked_embeddings, open_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.domain.model import Face, ModelInfo, RecognitionOptions

DIMENSION: Final = 512
MAX_BATCH: Final = 16  # crops in one call: bounds the memory (about 10 MB a crop) for a picture with a crowd


class FaceNetEmbedder:
    """Implements ``faces.base.Embedder``: 512 numbers a face, of unit length.

    Args:
        onnx_path: what ``export_facenet.export_facenet`` wrote.
        model: what is said of this model; the ``model_id`` must fit the options.
        options: of them ``use_alignment``, ``margin_ratio``, ``use_prewhitening`` and ``use_tta_flip`` count here.
        threads: for one call.
        runtime: ``onnxruntime`` or ``openvino-bf16``.

    Raises:
        InferenceError: the runtime cannot load it.
    """

    def __init__(
        self,
        onnx_path: Path,
        model: ModelInfo,
        options: RecognitionOptions,
        *,
        threads: int = 2,
        runtime: str = ONNXRUNTIME,
    ) -> None:
        self._model = model
        self._options = options
        self._network = open_onnx(onnx_path, runtime, threads)

    @property
    def model(self) -> ModelInfo:
        """Which model this is."""
        return self._model

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embeddings of faces of an RGB picture, uint8 (H, W, 3) -> float32 (n, 512). Several threads may call it.

        Raises:
            InferenceError: a face lies outside the picture, the model failed or gave something that is no embedding.
        """
        parts = [self._embed_some(image, faces[at : at + MAX_BATCH]) for at in range(0, len(faces), MAX_BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, DIMENSION), np.float32)

    def embed_crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings of crops, uint8 (n, 160, 160, 3) -> float32 (n, 512), with whitening and mirroring as the options say.

        Raises:
            InferenceError: the model failed or gave something that is no embedding.
        """
        count = len(crops)
        if not self._options.use_tta_flip:
            return self._run(crops)
        both = self._run(np.concatenate([crops, mirror(crops)]))
        total = both[:count] + both[count:]  # in the direction of the mean
        length = np.linalg.norm(total, axis=1, keepdims=True)
        if not (length > 0).all():
            raise InferenceError("a face and its mirror image have opposite embeddings")
        return checked_embeddings(total / length, count, DIMENSION)

    def _embed_some(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        options = self._options
        crops = [
            upright_crop(image, face, FACENET_SIZE, options.margin_ratio, rotate=options.use_alignment) for face in faces
        ]
        return self.embed_crops(np.stack(crops))

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = (prewhiten if self._options.use_prewhitening else standardise)(crops)
        planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        return checked_embeddings(self._network(planes), len(crops), DIMENSION)
