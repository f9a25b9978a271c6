"""What the other rooms may know of recognition: two small protocols, implemented by engine.py and gallery.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from attendance.domain.model import Candidate, Capture, Face, ModelInfo, PersonTemplates, RecognitionOptions


class Detector(Protocol):
    """Finds faces."""

    def detect(self, image: NDArray[np.uint8], min_face_size: int) -> list[Face]:
        """Every face in an RGB picture, uint8 of shape (H, W, 3), largest first, of any confidence that passed the
        cascade's own thresholds. Several threads may call it.
        """


class Embedder(Protocol):
    """Turns faces into embeddings."""

    @property
    def model(self) -> ModelInfo:
        """Which model this is."""

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embeddings of faces of an RGB picture, uint8 (H, W, 3) -> float32 (n, dimension). Several threads may call it.

        Raises:
            InferenceError: the model failed or gave something that is no embedding.
        """


class FaceEngine(Protocol):
    """From a picture's bytes to one embedding, or to the reason why there is none."""

    @property
    def model(self) -> ModelInfo:
        """Which model makes the embeddings."""

    @property
    def options(self) -> RecognitionOptions:
        """With which options."""

    def capture(self, picture: bytes, *, small: bool = True) -> Capture:
        """Decode, detect, judge and embed the one face of a picture.

        Args:
            picture: the file's bytes.
            small: where no face is found, look once more for smaller ones. This takes several times as long, and finds who
                stands too far away to be compared.

        Raises:
            ImageUnreadableError: the bytes are no picture that can be used.
            InferenceError: a model failed.
        """


class Gallery(Protocol):
    """The templates of one model id, in memory."""

    @property
    def model_id(self) -> str:
        """Whose templates it holds."""

    def put(self, person: PersonTemplates) -> None:
        """Add a person, or take over what changed of one. An inactive person is kept out."""

    def remove(self, person_id: str) -> None:
        """Forget a person; one who is not there is no error."""

    def distance(self, person_id: str, embedding: NDArray[np.float32]) -> Candidate | None:
        """1:1: how near this person is, or None where there are no templates."""

    def search(self, embedding: NDArray[np.float32], people: int = 2) -> list[Candidate]:
        """1:N, exact: the nearest ``people`` different people, nearest first; fewer where there are fewer."""

    def __len__(self) -> int:
        """How many templates can be compared."""

    def count_people(self) -> int:
        """How many people have at least one template."""
