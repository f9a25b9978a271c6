"""A whole recogniser as it is handed on: the network, its options, the threshold, and the digests of the model files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from attendance.domain.recognition import RecognitionOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1  # of ``as_dict``; a reader that does not know the number must not guess


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Everything that decides whether two pictures show one person; nobody's pictures or templates.

    Attributes:
        family: ``facenet`` or ``dlib``.
        model_id: the embedder's with these options, under which templates are stored.
        options: of the recognition.
        threshold: L2 distance at or below which two embeddings show one person.
        ambiguity_ratio: as in ``domain.matching.identify``.
        files: SHA-256 of each model file, hexadecimal, by its path below the model folder.
    """

    family: str
    model_id: str
    options: RecognitionOptions
    threshold: float
    ambiguity_ratio: float
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over all of it, hexadecimal: two recognisers of one digest decide alike."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they are written into ``recogniser.json``."""
        return {**asdict(self), "files": dict(sorted(self.files.items())), "format": FORMAT}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recogniser:
        """What ``as_dict`` gave.

        Raises:
            ValueError: it is of another format, or something is missing or of the wrong kind.
        """
        if values.get("format") != FORMAT:
            raise ValueError(f"a recogniser of format {values.get('format')!r}; this version reads {FORMAT}")
        try:
            return cls(
                family=str(values["family"]),
                model_id=str(values["model_id"]),
                options=RecognitionOptions(**values["options"]),
                threshold=float(values["threshold"]),
                ambiguity_ratio=float(values["ambiguity_ratio"]),
                files={str(name): str(digest) for name, digest in dict(values["files"]).items()},
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no recogniser: {error}") from error
