"""The same faces as facenet-pytorch's MTCNN, on real pictures, with and without the compiled kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.faces.reference import ReferenceDetector

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.domain.model import Face

Picture = NDArray[np.uint8]
Said = dict[tuple[str, int], "list[Face]"]
# The reference is slow: every run of the tests looks at pictures up to these sizes, the slow group at all of them.
PIXELS_AT_60, PIXELS_AT_LESS = 20_000_000, 1_000_000


@pytest.fixture(scope="module")
def reference() -> ReferenceDetector:
    return ReferenceDetector(threads=1)  # several times quicker than with more where the processor is busy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    models = tmp_path_factory.mktemp("models")
    assert pytestconfig.cache is not None
    # Exported anew, but compiled anew only when the kernels' source has changed: numba looks at that itself.
    (models / "numba").symlink_to(pytestconfig.cache.mkdir("numba"))
    return ensure_mtcnn(models)


@pytest.fixture(scope="module", params=["compiled", "onnxruntime"])
def detector(request: pytest.FixtureRequest, folder: Path) -> MtcnnDetector:
    made = MtcnnDetector(folder, threads=2, accelerate=request.param == "compiled")
    made.warm()
    assert made.accelerated == (request.param == "compiled")
    return made


@pytest.fixture(scope="module")
def remembered() -> Said:
    """What the reference said, once for both implementations."""
    return {}


def pictures(faces_dir: Path) -> list[Path]:
    return sorted(path for folder in ("people", "singles", "multi") for path in (faces_dir / folder).rglob("*.jpg"))


def pictures_up_to(pixels: int, faces_dir: Path) -> list[Path]:
    def count(path: Path) -> int:
        with Image.open(path) as picture:
            return picture.width * picture.height

    return [path for path in pictures(faces_dir) if count(path) <= pixels]


def read(path: Path) -> Picture:
    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def assert_same(expected: list[Face], got: list[Face], what: str) -> None:
    """The issue's limits: 1 pixel, 1e-3. Matched by place, since equal sizes may swap."""
    assert len(got) == len(expected), what
    rest = list(got)
    for face in expected:
        nearest = min(rest, key=lambda other: float(np.abs(np.subtract(other.box, face.box)).max()))
        rest.remove(nearest)
        np.testing.assert_allclose(nearest.box, face.box, rtol=0, atol=1.0, err_msg=what)
        np.testing.assert_allclose(nearest.landmarks, face.landmarks, rtol=0, atol=1.0, err_msg=what)
        assert nearest.confidence == pytest.approx(face.confidence, abs=1e-3), what
    areas = [face.box.width_px * face.box.height_px for face in got]
    assert areas == sorted(areas, reverse=True), what


def compare(
    path: Path,
    size: int,
    reference: ReferenceDetector,
    detector: MtcnnDetector,
    remembered: Said,
) -> int:
    picture = read(path)
    key = (str(path), size)
    if key not in remembered:
        remembered[key] = reference.detect(picture, size)
    assert_same(remembered[key], detector.detect(picture, size), f"{path.parent.name}/{path.name} at {size}")
    return len(remembered[key])


@pytest.mark.faces
def test_faces_of_60_pixels_are_those_of_facenet_pytorch(
    faces_dir: Path, reference: ReferenceDetector, detector: MtcnnDetector, remembered: Said
) -> None:
    chosen = pictures_up_to(PIXELS_AT_60, faces_dir)
    assert len(chosen) >= 35
    assert sum(compare(path, 60, reference, detector, remembered) for path in chosen) >= len(chosen)


@pytest.mark.faces
@pytest.mark.parametrize("size", [20, 40])
def test_smaller_faces_in_small_pictures(
    faces_dir: Path, reference: ReferenceDetector, detector: MtcnnDetector, remembered: Said, size: int
) -> None:
    chosen = pictures_up_to(PIXELS_AT_LESS, faces_dir)
    assert len(chosen) >= 10
    for path in chosen:
        compare(path, size, reference, detector, remembered)


@pytest.mark.slow
@pytest.mark.faces
@pytest.mark.parametrize("size", [20, 40, 60])
def test_every_picture_at_every_size(
    faces_dir: Path, reference: ReferenceDetector, detector: MtcnnDetector, remembered: Said, size: int
) -> None:
    found = pictures(faces_dir)
    assert len(found) >= 35
    for path in found:
        compare(path, size, reference, detector, remembered)


@pytest.mark.faces
def test_frames_of_a_video(faces_dir: Path, reference: ReferenceDetector, detector: MtcnnDetector) -> None:
    import cv2

    video = cv2.VideoCapture(str(faces_dir / "video" / "two_people.mp4"))
    try:
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if count < 4:
            pytest.skip("OpenCV cannot read the video here")
        for number in (0, count // 2):
            video.set(cv2.CAP_PROP_POS_FRAMES, number)
            there, frame = video.read()
            assert there
            picture = np.ascontiguousarray(frame[..., ::-1])
            assert_same(reference.detect(picture, 60), detector.detect(picture, 60), f"frame {number}")
    finally:
        video.release()


def test_a_picture_anybody_may_see(astronaut: Picture, reference: ReferenceDetector, detector: MtcnnDetector) -> None:
    for size in (20, 40, 60):
        expected = reference.detect(astronaut, size)
        assert expected
        assert_same(expected, detector.detect(astronaut, size), f"the astronaut at {size}")


@pytest.mark.parametrize("shape", [(60, 61), (97, 400), (401, 66), (333, 251)])
def test_odd_sizes_and_noise(
    astronaut: Picture, reference: ReferenceDetector, detector: MtcnnDetector, shape: tuple[int, int]
) -> None:
    """Sizes that leave odd rows and columns at every level; noise has many candidates that are no faces."""
    height, width = shape
    part = astronaut[40 : 40 + height, 100 : 100 + width]
    noisy = np.random.default_rng(7).integers(0, 256, part.shape, np.uint8) // 2 + part // 2
    for picture in (np.ascontiguousarray(part), noisy):
        for size in (20, 33):
            assert_same(reference.detect(picture, size), detector.detect(picture, size), f"{shape} at {size}")
