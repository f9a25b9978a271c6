"""The recogniser as MLflow loads it: pictures in; faces, embeddings and, between two pictures, a decision out.

MLflow keeps this file and the rooms of ``attendance`` that it needs with each registered version ("models from code") and
runs it where the model is loaded: neither this repository nor a database is needed there. Nobody's pictures or templates are
in it.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from mlflow.pyfunc.model import PythonModel

from attendance.domain.reasons import reason_for
from attendance.errors import ImageUnreadableError
from attendance.faces import bundle

if TYPE_CHECKING:
    from attendance.domain.model import Capture

COLUMNS = [
    "faces",  # how many
    "reason",  # why the picture cannot be compared (docs/reasons.md); None where it can
    "box",  # x0, y0, x1, y1 of the face in front, pixels of the upright picture
    "confidence",
    "embedding",  # of the face in front
    "model_id",
    "threshold",
    "reference_reason",
    "distance_l2",  # between the two pictures
    "match",  # at or below the threshold
]


class FaceRecogniser(PythonModel):
    """One row of input, one row of output.

    Input: ``picture``, and where two are to be compared ``reference``: a file's bytes, the same in base64, or a path.
    """

    def load_context(self, context: Any) -> None:
        """Load the networks; the digests of their files are checked."""
        folder = Path(context.artifacts["recogniser"])
        self._recogniser = bundle.read(folder)
        self._engine = bundle.open_engine(folder)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """A table with ``COLUMNS``: what is seen in each picture. One that cannot be used is an answer, not an error."""
        table = pd.DataFrame(model_input)
        if "reference" not in table:
            table["reference"] = None
        table = table[["picture", "reference"]].explode(["picture", "reference"])
        rows = [self._row(picture, reference) for picture, reference in table.itertuples(index=False)]
        return pd.DataFrame(rows, columns=COLUMNS, dtype=object)

    def _row(self, picture: Any, reference: Any) -> tuple[Any, ...]:
        seen, reason = self._look(picture)
        face = seen.face if seen is not None else None
        given = reference is not None and not (isinstance(reference, float) and np.isnan(reference))
        other, other_reason = self._look(reference) if given else (None, None)
        found, compared = (None if one is None else one.embedding for one in (seen, other))
        distance = None if found is None or compared is None else float(np.linalg.norm(found - compared))
        return (
            0 if seen is None else len(seen.faces),
            reason,
            None if face is None else [float(side) for side in face.box],
            None if face is None else float(face.confidence),
            None if found is None else found.tolist(),
            self._recogniser.model_id,
            self._recogniser.threshold,
            other_reason,
            distance,
            None if distance is None else distance <= self._recogniser.threshold,
        )

    def _look(self, picture: Any) -> tuple[Capture | None, str | None]:
        """What is in a picture, and why it cannot be compared (docs/reasons.md); None where it can."""
        try:
            seen = self._engine.capture(_bytes_of(picture))
        except ImageUnreadableError as error:
            return None, str(reason_for(error))
        return seen, None if seen.refusal is None else str(reason_for(seen.refusal))


def _bytes_of(picture: Any) -> bytes:
    """The file's bytes; none where there is no such picture, which the engine then refuses as unreadable."""
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str):
        text = picture.partition("base64,")[2] if picture.startswith("data:") else picture
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass
    try:
        path = Path(picture)
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(bundle.MAX_BYTES + 1)
    except (OSError, TypeError, ValueError):
        return b""


mlflow.models.set_model(FaceRecogniser())
