"""From bytes to an embedding or a refusal, with a detector and an embedder that need no model."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from attendance.domain.model import Box, Capture, Face, ModelInfo, Reason, RecognitionOptions
from attendance.domain.reasons import reason_for
from attendance.errors import FaceQualityError, FaceTooSmallError, ImageUnreadableError, MultipleFacesError, NoFaceError
from attendance.faces.engine import DETECT_AT_PX, Engine
from attendance.faces.quality import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attendance.faces.base import FaceEngine

# Where MTCNN finds the astronaut's face in the 512 x 512 portrait.
BOX = (178.0, 61.0, 268.0, 176.0)
POINTS = [(204.6, 100.5), (247.2, 103.5), (224.2, 129.0), (201.3, 140.7), (243.8, 142.8)]


def face(scale: float = 1.0, dx: float = 0.0, dy: float = 0.0, confidence: float = 0.999) -> Face:
    box = Box(*(side * scale + move for side, move in zip(BOX, (dx, dy, dx, dy), strict=True)))
    return Face(box, confidence, (np.array(POINTS) * scale + (dx, dy)).astype(np.float32))


class FakeDetector:
    """Gives faces whose places are shares of the picture, where they are at least of the size that is asked for."""

    def __init__(self, faces: Sequence[Face], width: float) -> None:
        self.faces, self.width = faces, width
        self.asked: list[tuple[int, int]] = []

    def detect(self, image: NDArray[np.uint8], min_face_size: int) -> list[Face]:
        self.asked.append((image.shape[1], min_face_size))
        scale = image.shape[1] / self.width
        found = [Face(Box(*(s * scale for s in f.box)), f.confidence, f.landmarks * np.float32(scale)) for f in self.faces]
        return [f for f in found if f.box.shorter_side_px >= min_face_size]


class FakeEmbedder:
    """The embedding is where the face was, and how large the picture around it."""

    model = ModelInfo(model_id="fake-v1/", family="dlib", dimension=6, threshold=0.5, runtime="none", source="test")

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        return np.array([[*f.box, image.shape[1], image.shape[0]] for f in faces], np.float32)


def engine(
    faces: Sequence[Face], width: float = 512, options: RecognitionOptions | None = None
) -> tuple[Engine, FakeDetector]:
    detector = FakeDetector(faces, width)
    made = Engine(detector, FakeEmbedder(), options or RecognitionOptions(), Gate(), 20_000_000, 64_000_000)
    return made, detector


def portrait(astronaut: NDArray[np.uint8], scale: int = 1, size: tuple[int, int] | None = None) -> bytes:
    picture = Image.fromarray(astronaut).resize((512 * scale, 512 * scale), Image.Resampling.BICUBIC)
    if size:
        ground = Image.new("RGB", size, "grey")
        ground.paste(picture)
        picture = ground
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def check(capture: Capture) -> NDArray[np.float32]:
    assert capture.refusal is None, capture.refusal
    assert capture.embedding is not None
    assert capture.face is not None
    assert capture.quality is not None
    assert set(capture.timings_ms) == {"decode", "detect", "quality", "embed"}
    return capture.embedding


def test_one_face_becomes_one_embedding(astronaut: NDArray[np.uint8]) -> None:
    made, detector = engine([face()])
    as_contract: FaceEngine = made
    capture = as_contract.capture(portrait(astronaut))
    assert check(capture).tolist() == [*BOX, 512, 512]
    assert (capture.width_px, capture.height_px) == (512, 512)
    assert capture.faces == (capture.face,)
    assert capture.quality is not None
    assert capture.quality.size_px == 90
    assert detector.asked == [(512, 60)]
    assert as_contract.model.model_id == "fake-v1/"
    assert as_contract.options.min_confidence == 0.90


def test_no_face_is_looked_for_twice(astronaut: NDArray[np.uint8]) -> None:
    made, detector = engine([])
    capture = made.capture(portrait(astronaut))
    assert isinstance(capture.refusal, NoFaceError)
    assert reason_for(capture.refusal) is Reason.NO_FACE
    assert (capture.faces, capture.face, capture.quality, capture.embedding) == ((), None, None, None)
    assert detector.asked == [(512, 60), (512, 20)]
    assert set(capture.timings_ms) == {"decode", "detect"}


def test_a_small_face_is_found_the_second_time(astronaut: NDArray[np.uint8]) -> None:
    small = face(0.5)
    picture = portrait(np.asarray(Image.fromarray(astronaut).resize((256, 256))), 1)
    made, detector = engine([small])
    capture = made.capture(picture)
    assert check(capture)[:4].tolist() == list(small.box)
    assert [size for _, size in detector.asked] == [60, 20]
    assert made.capture(picture, small=False).faces == ()
    assert [size for _, size in detector.asked] == [60, 20, 60], "one look where small faces are not asked for"


def test_a_face_that_is_too_small_is_refused_with_its_size(astronaut: NDArray[np.uint8]) -> None:
    made, _ = engine([face(0.4)])
    refusal = made.capture(portrait(astronaut)).refusal
    assert isinstance(refusal, FaceTooSmallError)
    assert (refusal.size_px, refusal.limit_px) == (36, 40)
    assert str(refusal).startswith("Come closer.")


def test_improbable_faces_are_none(astronaut: NDArray[np.uint8]) -> None:
    made, _ = engine([face(confidence=0.89), face(0.5, 200, 200, confidence=0.5)])
    capture = made.capture(portrait(astronaut))
    assert isinstance(capture.refusal, NoFaceError)
    assert capture.faces == ()


@pytest.mark.parametrize(("scale", "several"), [(1.0, True), (0.7, True), (0.6, False), (0.3, False)])
def test_a_second_person_counts_by_size(astronaut: NDArray[np.uint8], scale: float, several: bool) -> None:
    made, _ = engine([face(scale, 220, 100), face()], options=RecognitionOptions(min_face_size=20))
    capture = made.capture(portrait(astronaut))
    assert len(capture.faces) == 2
    if several:
        assert isinstance(capture.refusal, MultipleFacesError)
        assert capture.refusal.count == 2
        assert (capture.face, capture.embedding, capture.quality) == (None, None, None)
    else:
        assert check(capture)[:4].tolist() == list(BOX)


def test_a_large_face_that_is_mostly_outside_does_not_count(astronaut: NDArray[np.uint8]) -> None:
    beside = face(1.1, 512 - 178 * 1.1 - 25)
    made, _ = engine([beside, face()])
    capture = made.capture(portrait(astronaut))
    assert capture.faces[0].box.width_px > 90
    assert check(capture)[:4].tolist() == list(BOX)


def test_a_dark_picture_is_refused_with_advice(astronaut: NDArray[np.uint8]) -> None:
    made, _ = engine([face()])
    capture = made.capture(portrait((astronaut // 20).astype(np.uint8)))
    assert isinstance(capture.refusal, FaceQualityError)
    assert reason_for(capture.refusal) is Reason.TOO_DARK
    assert capture.refusal.advice == "Turn towards the light."
    assert capture.face is not None
    assert capture.quality is not None
    assert capture.embedding is None
    assert set(capture.timings_ms) == {"decode", "detect", "quality"}


def test_large_pictures_are_detected_and_embedded_reduced(astronaut: NDArray[np.uint8]) -> None:
    made, detector = engine([face(5)], 2560)
    capture = made.capture(portrait(astronaut, 5))
    assert (capture.width_px, capture.height_px) == (2560, 2560)
    assert detector.asked == [(1280, 30)]
    assert capture.face is not None
    assert capture.face.box == pytest.approx([side * 5 for side in BOX])
    assert check(capture).tolist() == pytest.approx([*(side * 2.5 for side in BOX), 1280, 1280])


def test_a_smaller_face_in_a_large_picture_keeps_its_pixels(astronaut: NDArray[np.uint8]) -> None:
    made, detector = engine([face()], 2 * DETECT_AT_PX)
    capture = made.capture(portrait(astronaut, 1, (2 * DETECT_AT_PX, 2 * DETECT_AT_PX)))
    assert detector.asked == [(DETECT_AT_PX, 30)]
    x0, y0, x1, y1, width, height = check(capture)
    assert (x1 - x0, y1 - y0) == pytest.approx((90, 115))
    assert (width, height) == (321, 292)
    assert x0 == pytest.approx(115)
    assert y0 == pytest.approx(61)
    alone, _ = engine([face()])
    usual = alone.capture(portrait(astronaut)).quality
    assert usual is not None
    assert capture.quality is not None
    assert capture.quality.as_dict() == pytest.approx(usual.as_dict(), rel=0.05, abs=0.01)


def test_a_very_large_picture_is_looked_at_again_at_half_size(astronaut: NDArray[np.uint8]) -> None:
    side = 4 * DETECT_AT_PX
    made, detector = engine([face(0.6)], side)
    capture = made.capture(portrait(np.asarray(Image.fromarray(astronaut).resize((307, 307))), 1, (side, side)))
    assert detector.asked == [(DETECT_AT_PX, 20), (2 * DETECT_AT_PX, 20)]
    assert capture.faces[0].box == pytest.approx([s * 0.6 for s in BOX])


def test_what_is_no_picture_is_an_error() -> None:
    made, detector = engine([face()])
    with pytest.raises(ImageUnreadableError) as caught:
        made.capture(b"no picture")
    assert reason_for(caught.value) is Reason.UNREADABLE_PICTURE
    assert detector.asked == []


def test_threads_do_not_see_each_other(astronaut: NDArray[np.uint8]) -> None:
    made, _ = engine([face()])
    good, dark = portrait(astronaut), portrait((astronaut // 20).astype(np.uint8))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(made.capture, [good, dark] * 20))
    assert all((capture.embedding is None) == bool(n % 2) for n, capture in enumerate(results))
