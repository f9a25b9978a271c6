"""The engine with the real detector on real pictures: who is let through, and who is told what."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from attendance.domain.model import ModelInfo, Reason, RecognitionOptions
from attendance.domain.reasons import reason_for
from attendance.errors import FaceQualityError, MultipleFacesError
from attendance.faces.engine import Engine
from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.faces.quality import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.domain.model import Capture, Face


class Boxes:
    """In the embedder's place: these tests are about what comes before it."""

    model = ModelInfo(model_id="boxes/", family="dlib", dimension=4, threshold=0.5, runtime="none", source="test")

    def embed(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        assert image.flags.c_contiguous
        return np.array([face.box for face in faces], np.float32)


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> Engine:
    # Exported once a tree, which takes torch some seconds; the files' checksums are verified every time.
    detector = MtcnnDetector(ensure_mtcnn(model_dir), accelerate=False)
    return Engine(detector, Boxes(), RecognitionOptions(), Gate(), 20_000_000, 64_000_000)


def jpeg(image: NDArray[np.uint8], quality: int = 92) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def reason(capture: Capture) -> Reason | None:
    return None if capture.refusal is None else reason_for(capture.refusal)


def test_the_portrait_is_taken(engine: Engine, astronaut_jpeg: bytes) -> None:
    capture = engine.capture(astronaut_jpeg)
    assert capture.refusal is None
    assert capture.embedding is not None
    assert capture.face is not None
    assert capture.face.box == pytest.approx((178.8, 61.0, 269.3, 176.4), abs=3)


@pytest.mark.parametrize("scale", [5, 9])
def test_a_large_picture_gives_the_same_face(engine: Engine, astronaut: NDArray[np.uint8], scale: int) -> None:
    large = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    capture = engine.capture(jpeg(large))
    assert capture.refusal is None
    assert capture.face is not None
    assert capture.face.box == pytest.approx([side * scale for side in (178.8, 61.0, 269.3, 176.4)], abs=4 * scale)


def test_a_small_face_in_a_large_picture_is_cut_out_of_the_full_one(engine: Engine, astronaut: NDArray[np.uint8]) -> None:
    ground = np.full((2400, 3000, 3), 90, np.uint8)
    ground[1000:1512, 1200:1712] = astronaut
    capture = engine.capture(jpeg(ground))
    assert capture.refusal is None
    assert capture.face is not None
    assert capture.embedding is not None
    x0, y0, x1, y1 = capture.face.box
    assert (x0 - 1200, y0 - 1000) == pytest.approx((178.8, 61.0), abs=6)
    assert (capture.embedding[2] - capture.embedding[0], capture.embedding[3] - capture.embedding[1]) == pytest.approx(
        (x1 - x0, y1 - y0), abs=0.01
    )


def test_nobody_there(engine: Engine) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert reason(engine.capture(jpeg(noise))) is Reason.NO_FACE


def test_two_people_side_by_side(engine: Engine, astronaut: NDArray[np.uint8]) -> None:
    pair = np.concatenate([astronaut[:, 100:350], astronaut[:, 100:350]], axis=1)
    refusal = engine.capture(jpeg(np.ascontiguousarray(pair))).refusal
    assert isinstance(refusal, MultipleFacesError)
    assert refusal.count == 2


def test_somebody_in_the_background_does_not_block(engine: Engine, astronaut: NDArray[np.uint8]) -> None:
    near = cv2.resize(astronaut[:, 100:350], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    far = np.zeros((near.shape[0], 250, 3), np.uint8)
    far[: astronaut.shape[0]] = astronaut[:, 100:350]
    capture = engine.capture(jpeg(np.concatenate([near, far], axis=1)))
    assert capture.refusal is None
    assert len(capture.faces) == 2
    assert capture.face is capture.faces[0]


@pytest.mark.faces
def test_no_ordinary_picture_is_refused(engine: Engine, faces_dir: Path) -> None:
    pictures = sorted([*faces_dir.glob("people/*/*.jpg"), *faces_dir.glob("singles/*.jpg")])
    assert len(pictures) >= 30
    refused = {}
    for path in pictures:
        capture = engine.capture(path.read_bytes())
        if capture.refusal is not None:
            refused[path.parent.name + "/" + path.name] = str(capture.refusal)
    assert refused == {}


@pytest.mark.faces
@pytest.mark.parametrize(("name", "count"), [("couple", 2), ("six", 6)])
def test_pictures_of_several_people_are_refused(engine: Engine, faces_dir: Path, name: str, count: int) -> None:
    refusal = engine.capture((faces_dir / "multi" / f"{name}.jpg").read_bytes()).refusal
    assert isinstance(refusal, MultipleFacesError)
    assert refusal.count == count


@pytest.fixture(scope="module")
def portraits(engine: Engine, faces_dir: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.float32], float]]:
    """One picture of each person at 300 pixels of face width, with landmarks and width."""
    found = []
    for path in [*sorted(faces_dir.glob("people/*/2.jpg")), *sorted(faces_dir.glob("singles/*.jpg"))]:
        image = np.asarray(Image.open(path).convert("RGB"))
        face = engine.capture(path.read_bytes()).face
        assert face is not None
        scale = min(1.0, 300 / face.box.shorter_side_px)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found.append((small, face.landmarks * np.float32(scale), face.box.shorter_side_px * scale))
    return found


@pytest.mark.faces
def test_weak_but_usable_pictures_pass(
    engine: Engine, portraits: list[tuple[NDArray[np.uint8], NDArray[np.float32], float]]
) -> None:
    rng = np.random.default_rng(1)
    for image, _, width in portraits:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        tiny = cv2.resize(image, None, fx=52 / width, fy=52 / width, interpolation=cv2.INTER_AREA)
        dim = np.clip(image * 0.25 + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
        soft = cv2.GaussianBlur(image, (0, 0), width * 0.015)
        for picture, quality in ((grey, 90), (tiny, 60), (dim, 80), (soft, 90), (image, 20)):
            assert engine.capture(jpeg(picture, quality)).refusal is None


@pytest.mark.faces
def test_hopeless_pictures_are_refused(
    engine: Engine, portraits: list[tuple[NDArray[np.uint8], NDArray[np.float32], float]]
) -> None:
    for image, points, width in portraits:
        assert reason(engine.capture(jpeg((image * 0.04).astype(np.uint8)))) in {Reason.TOO_DARK, Reason.NO_FACE}
        assert reason(engine.capture(jpeg(cv2.GaussianBlur(image, (0, 0), width * 0.09)))) in {
            Reason.BLURRED,
            Reason.NO_FACE,
        }
        tiny = cv2.resize(image, None, fx=30 / width, fy=30 / width, interpolation=cv2.INTER_AREA)
        assert reason(engine.capture(jpeg(tiny))) in {Reason.FACE_TOO_SMALL, Reason.NO_FACE}
        below = np.ascontiguousarray(image[: int(points[3:, 1].mean())])
        assert reason(engine.capture(jpeg(below))) in {Reason.CUT_OFF, Reason.COVERED, Reason.NO_FACE}


@pytest.mark.faces
@pytest.mark.parametrize("what", ["blue mask", "black mask", "dark glasses"])
def test_covered_faces_are_refused(
    engine: Engine, portraits: list[tuple[NDArray[np.uint8], NDArray[np.float32], float]], what: str
) -> None:
    passed = 0
    for image, points, width in portraits:
        drawn = image.copy()
        if what == "dark glasses":
            for x, y in points[:2]:
                cv2.ellipse(
                    drawn,
                    (int(x), int(y + 0.02 * width)),
                    (int(0.19 * width), int(0.15 * width)),
                    0,
                    0,
                    360,
                    (24, 24, 26),
                    -1,
                )
        else:
            middle, mouth = points[:2].mean(0), points[3:].mean(0)
            across, down = points[1] - points[0], mouth - middle
            outline = [(-0.85, 0.35), (0, 0.36), (0.85, 0.35), (0.8, 1.2), (0, 1.72), (-0.8, 1.2)]
            polygon = np.array([middle + x * across + y * down for x, y in outline], np.int32)
            cv2.fillPoly(drawn, [polygon], (150, 185, 205) if what == "blue mask" else (30, 30, 32))
        refusal = engine.capture(jpeg(drawn)).refusal
        if isinstance(refusal, FaceQualityError):
            assert reason_for(refusal) in {Reason.COVERED, Reason.TURNED_AWAY}
        passed += refusal is None
    assert passed <= 1  # docs/quality.md has the figures over all of them
