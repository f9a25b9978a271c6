"""facenet-pytorch itself behind our protocols: what the quick engine is compared with, in tests, in measurements, and one
setting away in the product (``ATTEND_RUNTIME=facenet-pytorch``).

torch's number of threads is one for the whole process, and torch is quickest in the main thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from attendance.domain.model import Box, Face
from attendance.errors import InferenceError, WeightsUnavailableError
from attendance.faces.align import FACENET_SIZE, mirror, prewhiten, standardise, upright_crop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.domain.model import ModelInfo, RecognitionOptions

DIMENSION = 512


class ReferenceDetector:
    """facenet-pytorch's MTCNN with its own thresholds, as a ``faces.base.Detector``."""

    def __init__(self, *, threads: int = 2) -> None:
        """Load its weights, which come with the package; 2 to 4 s, most of it for importing torch."""
        import torch
        from facenet_pytorch import MTCNN

        torch.set_num_threads(threads)
        self._mtcnn = MTCNN(keep_all=True)
        self._busy = threading.Lock()  # min_face_size is an attribute of the network's object

    def detect(self, image: NDArray[np.uint8], min_face_size: int) -> list[Face]:
        """Every face in an RGB picture, uint8 (H, W, 3), largest first. Threads take turns.

        Raises:
            InferenceError: facenet-pytorch failed, as it does where a candidate lies wholly outside the picture.
        """
        if min(image.shape[:2]) < min_face_size:
            return []  # facenet-pytorch has no level to look at then, and raises
        with self._busy:
            self._mtcnn.min_face_size = min_face_size
            try:
                boxes, confidences, landmarks = self._mtcnn.detect(np.ascontiguousarray(image), landmarks=True)
            except (RuntimeError, IndexError, ValueError) as error:
                raise InferenceError(f"facenet-pytorch's detector failed: {error}") from error
        if boxes is None:
            return []
        return [
            Face(Box(*(float(side) for side in box)), float(confidence), np.asarray(points, np.float32))
            for box, confidence, points in zip(boxes, confidences, landmarks, strict=True)
        ]


def facenet_network(weights: Path | None, *, seed: int = 0) -> Any:
    """facenet-pytorch's InceptionResnetV1, ready to embed.

    Args:
        weights: its published ``20180402-114759-vggface2.pt``; None gives random weights of the same shapes.
        seed: of the random weights; the same seed gives the same network.

    Raises:
        WeightsUnavailableError: the file is not there or holds something else.
    """
    import torch
    from facenet_pytorch import InceptionResnetV1

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = InceptionResnetV1(pretrained=None)
    if weights is not None:
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            # The last layer tells the 8,631 people of the training set apart and is of no use here.
            network.load_state_dict({name: values for name, values in state.items() if not name.startswith("logits.")})
        except FileNotFoundError as error:
            raise _unavailable(f"FaceNet's weights are not at {weights}.", "missing") from error
        except Exception as error:  # torch raises many kinds for a damaged or foreign file, with no common class
            raise _unavailable(f"{weights} does not hold FaceNet's weights: {error}", "unreadable") from error
    return network.eval()


def _unavailable(message: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(message, model="facenet", reason=reason)


class ReferenceFaceNet:
    """facenet-pytorch's InceptionResnetV1 as a ``faces.base.Embedder``, on the same crops as the quick one."""

    def __init__(
        self, weights: Path | None, model: ModelInfo, options: RecognitionOptions, *, threads: int = 2, seed: int = 0
    ) -> None:
        """Load the network; see ``facenet_network`` for ``weights``, ``seed`` and the errors.

        Args:
            weights: a file, or None for random weights.
            model: what is said of this model; its ``model_id`` must fit the options.
            options: of them ``use_alignment``, ``margin_ratio``, ``use_prewhitening`` and ``use_tta_flip`` count here.
            threads: of torch.
            seed: of random weights.
        """
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._network = facenet_network(weights, seed=seed)
        self._model = model
        self._options = options

    @property
    def model(self) -> ModelInfo:
        """Which model this is."""
        return self._model

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embeddings of faces of an RGB picture, uint8 (H, W, 3) -> float32 (n, 512) of unit length.

        Raises:
            InferenceError: a face lies outside the picture, or the network failed or gave something that is no embedding.
        """
        if not faces:
            return np.zeros((0, DIMENSION), np.float32)
        options = self._options
        crops = np.stack(
            [upright_crop(image, face, FACENET_SIZE, options.margin_ratio, rotate=options.use_alignment) for face in faces]
        )
        embeddings = self._run(crops)
        if options.use_tta_flip:
            embeddings = embeddings + self._run(mirror(crops))
        length = np.linalg.norm(embeddings, axis=1, keepdims=True)
        if not np.isfinite(embeddings).all() or not (length > 0).all():
            raise InferenceError("FaceNet gave something that is no embedding")
        return np.asarray(embeddings / length, np.float32)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = (prewhiten if self._options.use_prewhitening else standardise)(crops)
        try:
            with self._torch.inference_mode():
                output = self._network(self._torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))))
        except RuntimeError as error:
            raise InferenceError(f"FaceNet failed: {error}") from error
        return np.asarray(output.numpy(), np.float32)
