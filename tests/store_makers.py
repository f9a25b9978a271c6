"""People, pictures and attempts for the tests of the stores: made up, but of the shapes that the app writes."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from attendance.domain.model import Attempt, Decision, Mode, NewReference, Outcome, Person, Quality, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "dlib-resnet-v1/align-m20-flip"
OTHER_MODEL = "facenet-20180402-vggface2/align-m20-flip"
DIMENSION = 128
PICTURE = bytes(range(256)) * 256  # 64 KB
NOON = datetime(2026, 3, 2, 12, 0, 0, 123000, tzinfo=UTC)

QUALITY = Quality(
    size_px=181.5,
    sharpness=412.25,
    brightness=131.0,
    contrast=52.5,
    yaw_ratio=0.02,
    roll_deg=-1.5,
    pitch_ratio=0.51,
    occlusion=0.0,
    inside_ratio=1.0,
    confidence=0.999,
)


def embedding(seed: int = 0) -> NDArray[np.float32]:
    """Random float32 of shape (DIMENSION,), the same for the same seed."""
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


def reference(content: str | bytes = "", *, seed: int = 0, quality: Quality | None = QUALITY) -> NewReference:
    """A picture of these bytes (random ones by default)."""
    picture = content.encode() if isinstance(content, str) else content
    picture = picture or uuid.uuid4().bytes * 64
    return NewReference(picture, hashlib.sha256(picture).hexdigest(), embedding(seed), quality, label="one.jpg")


def references(count: int) -> list[NewReference]:
    """Different pictures with different embeddings."""
    return [reference(seed=index) for index in range(count)]


def person(name: str = "Ada Lovelace", **fields: Any) -> Person:
    """Somebody with an id of their own."""
    return Person(**{"person_id": uuid.uuid4().hex, "name": name, "created_at": NOON, **fields})


def attempt(who: Person | None, at: datetime = NOON, **fields: Any) -> Attempt:
    """An attempt that was accepted for this person, or one that knew nobody."""
    values: dict[str, Any] = {
        "attempt_id": uuid.uuid4().hex,
        "at_utc": at,
        "mode": Mode.IDENTIFICATION,
        "decision": Decision.ACCEPTED if who else Decision.REJECTED,
        "reason": Reason.MATCH if who else Reason.NO_MATCH,
        "outcome": Outcome.NONE,
        "records": True,
        "entered_name": None,
        "person_id": who.person_id if who else None,
        "person_name": who.name if who else None,
        "nearest_person_id": who.person_id if who else None,
        "distance_l2": 0.31 if who else 0.91,
        "runner_up_l2": None,
        "threshold": 0.54,
        "model_id": MODEL,
        "parameters": {"min_confidence": 0.9, "use_alignment": True, "min_face_size": 60},
        "quality": QUALITY.as_dict(),
        "faces": ({"box": [1.0, 2.0, 30.5, 40.25], "confidence": 0.998},),
        "timings_ms": {"decode": 1.5, "detect": 4.25},
        "source": "kiosk",
        "device": "door 1",
        "site": "main",
        "day": "2026-03-02",
    }
    return Attempt(**{**values, **fields})


def after(seconds: float) -> datetime:
    """So long after NOON."""
    return NOON + timedelta(seconds=seconds)
