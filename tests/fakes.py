"""Stand-ins for tests of the services, where a real part would cost seconds or cannot be made to fail on demand.

``FakeEngine`` reads its instructions from the picture's bytes: those of ``picture(3, 2)`` are variant 2 of person 3's face,
``noface``, ``dark`` and so on are the refusals. Two variants of a person are about 0.3 apart, two people at least 1.
The store and the gallery of these tests are the real ones.
"""

from __future__ import annotations

import threading
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import numpy as np

from attendance.domain.model import Box, Capture, Face, ModelInfo, Quality, RecognitionOptions
from attendance.errors import (
    CaptureError,
    FaceQualityError,
    FaceTooSmallError,
    ImageUnreadableError,
    InferenceError,
    MultipleFacesError,
    NoFaceError,
    StoreUnavailableError,
)
from attendance.faces.gallery import MatrixGallery
from attendance.services.checkin import CheckInPolicy, CheckInService
from attendance.services.enrol import EnrolPolicy, EnrolService, NamedPicture
from attendance.services.people import PeopleService
from attendance.services.reembed import ReembedService
from attendance.services.roster import Roster
from attendance.store.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.domain.model import Attempt, Person
    from attendance.store.base import Store

DIMENSION = 128
THRESHOLD = 0.54
OTHER = "other-v1/box"  # a model that is not the engine's own
SPREAD = 0.2  # length of the step from a person's centre to a variant: two variants are about 0.28 apart


def picture(person: int, variant: int = 0, *, toward: tuple[int, float] | None = None, spread: float = SPREAD) -> bytes:
    """The bytes that FakeEngine takes for a picture of a person.

    Args:
        person: whose face.
        variant: which picture of it.
        toward: another person, and the share of the way that the face lies towards that one's.
        spread: length of the step from the person's centre.
    """
    words = [f"person:{person}", f"variant:{variant}", f"spread:{spread}"]
    if toward is not None:
        words.append(f"toward:{toward[0]}:{toward[1]}")
    return " ".join(words).encode()


def embedding(data: bytes, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """float32 (dimension,), the same for the same bytes."""
    words = dict(word.split(":", 1) for word in data.decode().split() if ":" in word)
    centre = _unit(f"person {words['person']}", dimension)
    if "toward" in words:
        other, share = words["toward"].split(":")
        centre = centre + float(share) * (_unit(f"person {other}", dimension) - centre)
    spread = float(words["spread"])
    return np.asarray(centre + spread * _unit(f"noise {words['variant']} of {words['person']}", dimension), np.float32)


def _unit(seed: str, dimension: int) -> NDArray[np.float64]:
    vector = np.random.default_rng(zlib.crc32(seed.encode())).standard_normal(dimension)
    return np.asarray(vector / np.linalg.norm(vector), np.float64)


def quality(**changes: float) -> Quality:
    """A face that nothing is wrong with, but for ``changes``."""
    values = {
        "size_px": 200.0,
        "sharpness": 300.0,
        "brightness": 120.0,
        "contrast": 50.0,
        "yaw_ratio": 0.0,
        "roll_deg": 0.0,
        "pitch_ratio": 0.5,
        "occlusion": 0.0,
        "inside_ratio": 1.0,
        "confidence": 0.99,
    }
    return Quality(**(values | changes))


FACE = Face(Box(100.0, 80.0, 300.0, 320.0), 0.99, np.zeros((5, 2), np.float32))

REFUSALS: dict[bytes, Callable[[], CaptureError]] = {
    b"noface": lambda: NoFaceError("No face was found."),
    b"several": lambda: MultipleFacesError("There are 2 faces in the picture.", count=2),
    b"small": lambda: FaceTooSmallError("Come closer.", size_px=20, limit_px=40),
    b"dark": lambda: FaceQualityError(
        "Too dark.", measure="brightness", value=10, limit=40, advice="Face a window or a lamp."
    ),
    b"blurred": lambda: FaceQualityError("Blurred.", measure="sharpness", value=1, limit=10, advice="Hold still."),
}


class FakeEngine:
    """A FaceEngine without models. ``before`` is called with each picture, to fail or to count; ``seen`` keeps them, and
    ``looks`` whether smaller faces were to be looked for as well."""

    def __init__(self, model_id: str = "fake-v1/align-m20-flip", threshold: float = THRESHOLD) -> None:
        self.model = ModelInfo(model_id, "dlib", DIMENSION, "none", "a stand-in for tests", threshold)
        self.options = RecognitionOptions()
        self.before: Callable[[bytes], None] = lambda _: None
        self.seen: list[bytes] = []
        self.looks: list[bool] = []

    def capture(self, picture: bytes, *, small: bool = True) -> Capture:
        self.before(picture)
        self.seen.append(picture)
        self.looks.append(small)
        if not picture:
            raise ImageUnreadableError("The file is empty.", reason="empty")
        if picture == b"broken model":
            raise InferenceError("The model gave no numbers.")
        timings = {"decode": 1.0, "detect": 2.0}
        if picture in REFUSALS:
            faces = {b"noface": (), b"several": (FACE, FACE)}.get(picture, (FACE,))
            seen = quality() if len(faces) == 1 else None
            used = faces[0] if len(faces) == 1 else None
            return Capture(640, 480, faces, used, seen, None, REFUSALS[picture](), timings)
        if not picture.startswith(b"person:"):
            raise ImageUnreadableError("This is not a picture.", reason="unknown_format")
        timings |= {"quality": 0.5, "embed": 4.0}
        return Capture(640, 480, (FACE,), FACE, quality(), embedding(picture), None, timings)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Wrapped:
    """A real part of which single methods can be replaced, to fail or to wait, and every call counted."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self._replaced: dict[str, Callable[..., Any]] = {}
        self._lock = threading.Lock()
        self.calls: list[str] = []

    def replace(self, name: str, method: Callable[..., Any]) -> None:
        """Let ``method`` answer instead, from now on."""
        self._replaced[name] = method

    def restore(self) -> None:
        """Let the real part answer everything again."""
        self._replaced.clear()

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.calls.append(name)
            return self._replaced.get(name, getattr(self._inner, name))(*args, **kwargs)

        return call


class House:
    """The services on a real store and a real gallery, with a stand-in for the engine."""

    def __init__(self, folder: Path, *, engine: FakeEngine | None = None, **policy: Any) -> None:
        self.url = f"sqlite:///{folder / 'attendance.db'}"
        self.clock = Clock()
        self.engine = engine or FakeEngine()
        self.real_store = connect(self.url, timeout_s=2.5)
        self.store = Wrapped(self.real_store)
        store = cast("Store", self.store)
        self.monotonic = [0.0]
        self.roster = Roster(store, MatrixGallery, self.engine.model, monotonic=lambda: self.monotonic[0])
        self.enrol = EnrolService(store, self.engine, self.roster, EnrolPolicy(), self.clock)
        self.checkin = CheckInService(
            store, self.engine, self.roster, CheckInPolicy(zone=ZoneInfo("Europe/Stockholm"), **policy), self.clock
        )
        self.people = PeopleService(store, self.roster, self.clock)
        self.reembed = ReembedService(store, self.engine)

    def add(self, name: str, person: int, pictures: int = 3) -> Person:
        """Enrol variants 0, 1, … of a person."""
        given = [NamedPicture(f"{variant}.jpg", picture(person, variant)) for variant in range(pictures)]
        return self.enrol.enrol(name, given).person

    def attempts(self) -> list[Attempt]:
        """All that are stored."""
        return list(self.real_store.attempts())

    def trail(self) -> list[tuple[str, str]]:
        """Who did what, from the audit."""
        return [(entry.actor, entry.action) for entry in self.real_store.audit()]


def away(*_: object, **__: object) -> None:
    """A store's method while the database is away."""
    raise StoreUnavailableError("The database cannot be reached.", reason="unreachable")
