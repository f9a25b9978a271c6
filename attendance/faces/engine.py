"""One picture -> one embedding, or the reason why there is none: decode, detect, judge, embed.

Nothing is kept between pictures, so an engine may be shared by threads as far as its detector and embedder may.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain.model import Box, Capture, Face
from attendance.errors import MultipleFacesError, NoFaceError
from attendance.faces.images import MIN_SIDE_PX, Picture, decode
from attendance.faces.quality import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attendance.domain.model import ModelInfo, RecognitionOptions
    from attendance.errors import CaptureError
    from attendance.faces.base import Detector, Embedder
    from attendance.faces.quality import Gate

DETECT_AT_PX = 1080
"""Pictures are reduced for detection as long as their shorter side keeps this many pixels. Webcams' pictures stay as they
are; of a camera's 12 or 24 megapixels a half or a quarter is left each way, so a face of 60 pixels still has 20 or more."""

EMBED_AT_PX = 160
"""A face with fewer pixels than this in the reduced picture is taken from the full one instead: the networks read crops of
150 and 160 pixels, so what is larger loses nothing."""

COMPARABLE_AREA = 0.40
"""Another face counts as a second person at the camera where its visible area is at least this share of the main one's.

People side by side differ by little: 0.83 in the shared couple, 0.68 and more in the group of six. One who stands 1.6 times
as far away falls to 0.39, and the people behind others in the shared pictures reach 0.30, so whoever waits in the queue or
hangs on the wall does not block the door."""


class Engine:
    """Implements ``faces.base.FaceEngine``."""

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        options: RecognitionOptions,
        gate: Gate,
        max_bytes: int,
        max_pixels: int,
    ) -> None:
        """Take the parts; see ``images.decode`` for the two limits."""
        self._detector = detector
        self._embedder = embedder
        self._options = options
        self._gate = gate
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels

    @property
    def model(self) -> ModelInfo:
        """Which model makes the embeddings."""
        return self._embedder.model

    @property
    def options(self) -> RecognitionOptions:
        """With which options."""
        return self._options

    def capture(self, picture: bytes, *, small: bool = True) -> Capture:
        """Decode, detect, judge and embed the one face of a picture. All coordinates are those of the full upright picture.

        Args:
            picture: the file's bytes.
            small: where no face is found, look once more for smaller ones.

        Raises:
            ImageUnreadableError: the bytes are no picture that can be used.
            InferenceError: a model failed.
        """
        took: dict[str, float] = {}
        with _timed(took, "decode"):
            view = self._decode(picture, DETECT_AT_PX)
        faces = self._detect(view, self._options.min_face_size, took)
        if small and not faces and self._options.fallback_face_size < self._options.min_face_size:
            if view.scale > 2:  # at a quarter and less even the detector's smallest face would be above the gate's limit
                with _timed(took, "decode"):
                    view = self._decode(picture, min(view.width_px, view.height_px) // 2)
            faces = self._detect(view, self._options.fallback_face_size, took)
        result = Capture(view.width_px, view.height_px, tuple(faces), None, None, None, None, took)
        main, refusal = _main_face(faces, view)
        if main is None:
            return replace(result, refusal=refusal)

        image, face, scale = self._close_up(picture, view, main, took)
        with _timed(took, "quality"):
            quality = replace(measure(image, face, scale), size_px=main.box.shorter_side_px)
            refusal = self._gate.refusal(quality)
        result = replace(result, face=main, quality=quality)
        if refusal is not None:
            return replace(result, refusal=refusal)
        with _timed(took, "embed"):
            embedding = self._embedder.embed(image, [_moved(face, 1 / scale)])[0]
        return replace(result, embedding=embedding)

    def _decode(self, picture: bytes, reduce_to_px: int | None) -> Picture:
        return decode(picture, max_bytes=self._max_bytes, max_pixels=self._max_pixels, reduce_to_px=reduce_to_px)

    def _detect(self, view: Picture, size_px: int, took: dict[str, float]) -> list[Face]:
        """Faces of at least ``size_px`` full-size pixels, as far down as the detector goes, largest first."""
        with _timed(took, "detect"):
            found = self._detector.detect(view.image, max(MIN_SIDE_PX, round(size_px / view.scale)))
            kept = [_moved(face, view.scale) for face in found if face.confidence >= self._options.min_confidence]
            return sorted(kept, key=lambda face: face.box.width_px * face.box.height_px, reverse=True)

    def _close_up(
        self, picture: bytes, view: Picture, face: Face, took: dict[str, float]
    ) -> tuple[NDArray[np.uint8], Face, float]:
        """Where to measure and embed a face: an image, the face in its full-size pixels, and the image's scale."""
        if view.scale == 1 or face.box.shorter_side_px / view.scale >= EMBED_AT_PX:
            return view.image, face, view.scale
        with _timed(took, "decode"):
            full = self._decode(picture, None)
            # A face's width around the box: every crop and every measure stays inside, and it ends where the picture does.
            box, around = face.box, max(face.box.width_px, face.box.height_px)
            x0, y0 = (max(int(side - around), 0) for side in (box.x0, box.y0))
            x1, y1 = (max(int(side + around) + 1, 1) for side in (box.x1, box.y1))
            part = np.ascontiguousarray(full.image[y0:y1, x0:x1])
            return part, _moved(face, 1.0, -x0, -y0), 1.0


def _main_face(faces: list[Face], view: Picture) -> tuple[Face | None, CaptureError | None]:
    if not faces:
        return None, NoFaceError("No face was found. Look at the camera.")
    areas = [_visible_area(face.box, view.width_px, view.height_px) for face in faces]
    largest = max(areas)
    count = sum(area >= COMPARABLE_AREA * largest for area in areas)
    if count > 1:
        return None, MultipleFacesError(f"One person at a time: {count} faces are in the picture.", count=count)
    return faces[areas.index(largest)], None


def _visible_area(box: Box, width: int, height: int) -> float:
    return max(min(box.x1, width) - max(box.x0, 0), 0) * max(min(box.y1, height) - max(box.y0, 0), 0)


def _moved(face: Face, scale: float, dx: float = 0.0, dy: float = 0.0) -> Face:
    if scale == 1 and not dx and not dy:
        return face
    box = face.box
    return Face(
        Box(box.x0 * scale + dx, box.y0 * scale + dy, box.x1 * scale + dx, box.y1 * scale + dy),
        face.confidence,
        (face.landmarks * np.float32(scale) + np.array([dx, dy], np.float32)).astype(np.float32),
    )


@contextmanager
def _timed(took: dict[str, float], step: str) -> Iterator[None]:
    """Add the milliseconds of a step; a step may run more than once."""
    start = time.perf_counter()
    try:
        yield
    finally:
        took[step] = took.get(step, 0.0) + (time.perf_counter() - start) * 1000
