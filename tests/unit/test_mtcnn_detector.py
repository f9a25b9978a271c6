"""The detector at its boundary: any picture, any thread, with and without the compiled kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance.errors import WeightsUnavailableError
from attendance.faces import mtcnn
from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.faces.mtcnn_geometry import pyramid, suppress
from attendance.faces.mtcnn_numba import split
from attendance.faces.mtcnn_workers import Workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attendance.domain.model import Face

    Picture = NDArray[np.uint8]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    models = tmp_path_factory.mktemp("models")
    assert pytestconfig.cache is not None
    # Compiled anew only when the kernels' source has changed: numba looks at that itself.
    (models / "numba").symlink_to(pytestconfig.cache.mkdir("numba"))
    return ensure_mtcnn(models)


@pytest.fixture(scope="module")
def compiled(folder: Path) -> MtcnnDetector:
    detector = MtcnnDetector(folder)
    detector.warm()
    assert detector.accelerated
    return detector


@pytest.fixture(scope="module")
def plain(folder: Path) -> MtcnnDetector:
    return MtcnnDetector(folder, accelerate=False)


@pytest.fixture(scope="module", params=["compiled", "plain"])
def detector(request: pytest.FixtureRequest) -> MtcnnDetector:
    made: MtcnnDetector = request.getfixturevalue(request.param)
    return made


def is_compiled(detector: MtcnnDetector) -> bool:
    return detector.accelerated  # asked anew: a type checker would take two different answers for a mistake


def told(faces: list[Face]) -> list[tuple[object, ...]]:
    return [(face.box, face.confidence, face.landmarks.tolist()) for face in faces]


def assert_alike(left: list[Face], right: list[Face], pixels: float = 0.05) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a.box, b.box, rtol=0, atol=pixels)
        np.testing.assert_allclose(a.landmarks, b.landmarks, rtol=0, atol=pixels)
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)


def test_one_face_with_landmarks_in_the_documented_order(detector: MtcnnDetector, astronaut: Picture) -> None:
    face = detector.detect(astronaut, 60)[0]
    assert face.confidence > 0.99
    assert face.landmarks.dtype == np.float32
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert face.box.x0 < left_eye[0]
    assert right_eye[0] < face.box.x1


def test_the_largest_comes_first(detector: MtcnnDetector, astronaut: Picture) -> None:
    both = np.zeros((512, 1024, 3), np.uint8)
    both[:256, :256] = astronaut[::2, ::2]
    both[:, 512:] = astronaut
    faces = [face for face in detector.detect(both, 30) if face.confidence > 0.99]
    assert len(faces) == 2
    assert faces[0].box.x0 > 512 > faces[1].box.x1


def test_the_smallest_face_is_of_each_call(detector: MtcnnDetector, astronaut: Picture) -> None:
    small = np.ascontiguousarray(astronaut[::4, ::4])
    assert detector.detect(small, 20)
    assert not detector.detect(small, 100)
    assert detector.detect(small, 20)


def test_any_memory_layout(detector: MtcnnDetector, astronaut: Picture) -> None:
    expected = told(detector.detect(astronaut, 60))
    frozen = astronaut.copy()
    frozen.flags.writeable = False
    padded = np.zeros((600, 700, 3), np.uint8)[40 : 40 + 512, 50 : 50 + 512]
    padded[:] = astronaut
    bgr = np.ascontiguousarray(astronaut[..., ::-1])[..., ::-1]
    for image in (frozen, padded, bgr, np.asfortranarray(astronaut)):
        assert told(detector.detect(image, 60)) == expected


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 500), (500, 1), (12, 12), (20, 20), (21, 20), (13, 2000), (2000, 24), (8000, 30), (25, 8000)]
)
def test_extreme_sizes(compiled: MtcnnDetector, plain: MtcnnDetector, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    assert_alike(compiled.detect(image, 20), plain.detect(image, 20))


@pytest.mark.slow
def test_a_large_picture(compiled: MtcnnDetector, plain: MtcnnDetector, astronaut: Picture) -> None:
    """8000 x 8000 with white, whose whole integral image goes beyond 32 bits."""
    image = np.full((8000, 8000, 3), 255, np.uint8)
    image[7400:7912, 7400:7912] = astronaut
    faces = compiled.detect(image, 60)
    assert_alike(faces, plain.detect(image, 60))
    assert any(face.confidence > 0.99 and face.box.x0 > 7400 for face in faces)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_ways_agree(compiled: MtcnnDetector, plain: MtcnnDetector, astronaut: Picture, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 512)), data.draw(st.integers(1, 512))
    top, left = data.draw(st.integers(0, 512 - height)), data.draw(st.integers(0, 512 - width))
    size = data.draw(st.integers(20, 90))
    part = astronaut[top : top + height, left : left + width]
    assert_alike(compiled.detect(part, size), plain.detect(part, size))


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_the_number_of_threads_changes_nothing(folder: Path, astronaut: Picture, threads: int) -> None:
    one = MtcnnDetector(folder, threads=1)
    many = MtcnnDetector(folder, threads=threads)
    one.warm()
    many.warm()
    for size in (20, 60):
        assert_alike(one.detect(astronaut, size), many.detect(astronaut, size), pixels=1e-3)


def test_eight_threads_agree(detector: MtcnnDetector, astronaut: Picture) -> None:
    pictures = [astronaut, astronaut[:, ::-1], astronaut[:300], astronaut[100:, 50:]]
    expected = [told(detector.detect(picture, 40)) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda k: told(detector.detect(pictures[k % 4], 40)), range(64)))
    assert results == [expected[k % 4] for k in range(64)]


def test_the_kernels_may_take_over_at_any_moment(folder: Path, astronaut: Picture) -> None:
    fresh = MtcnnDetector(folder)
    before = fresh.detect(astronaut, 40)
    assert not is_compiled(fresh)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(fresh.detect, astronaut, 40) for _ in range(12)]
        fresh.warm()
        for future in running:
            assert_alike(future.result(), before)
    assert is_compiled(fresh)
    assert_alike(fresh.detect(astronaut, 40), before)


def test_without_numba_one_warning_and_the_same_faces(
    folder: Path, plain: MtcnnDetector, astronaut: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> None:
        raise ImportError("No module named 'numba'")

    monkeypatch.setattr(mtcnn, "load_kernels", fails)
    without = MtcnnDetector(folder)
    with structlog.testing.capture_logs() as logs:
        without.warm()
        without.warm()
    assert [(log["event"], log["log_level"]) for log in logs] == [("detector_not_accelerated", "warning")]
    assert not without.accelerated
    assert told(without.detect(astronaut, 60)) == told(plain.detect(astronaut, 60))


@pytest.mark.parametrize(
    "image",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3), np.float32)],
    ids=["grey", "alpha", "floats"],
)
def test_what_is_no_rgb_picture_is_refused(plain: MtcnnDetector, image: Picture) -> None:
    with pytest.raises(ValueError, match="uint8"):
        plain.detect(image, 20)


def test_a_face_size_of_nothing_is_refused(plain: MtcnnDetector, astronaut: Picture) -> None:
    with pytest.raises(ValueError, match="min_face_size"):
        plain.detect(astronaut, 0)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailableError) as caught:
        MtcnnDetector(tmp_path / "nowhere")
    assert caught.value.reason == "missing"


def test_a_process_ends_while_the_kernels_are_loading(folder: Path) -> None:
    code = (
        "import sys, threading; from pathlib import Path; import numpy as np\n"
        "from attendance.faces import mtcnn\n"
        "mtcnn.ACCELERATE_AFTER_S = 0.0\n"
        "loading = threading.Event(); load = mtcnn.load_kernels\n"
        "def watched(folder):\n    loading.set(); return load(folder)\n"
        "mtcnn.load_kernels = watched\n"
        "mtcnn.MtcnnDetector(Path(sys.argv[1])).detect(np.zeros((90, 90, 3), np.uint8), 20)\n"
        "assert loading.wait(60)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.slow
def test_a_damaged_cache_is_compiled_anew(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from attendance.faces.mtcnn import MtcnnDetector\n"
        "detector = MtcnnDetector(Path(sys.argv[1])); detector.warm(); sys.exit(not detector.accelerated)"
    )
    shutil.copytree(folder, tmp_path / folder.name)
    for damage in (None, b"", b"no cache at all"):
        cached = [path for path in (tmp_path / "numba").rglob("*") if path.is_file()]
        assert bool(cached) == (damage is not None)
        for path in cached:
            path.write_bytes(damage or b"")
        run = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / folder.name)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_still_finds_the_face(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from skimage import data\n"
        "from attendance.faces.mtcnn import MtcnnDetector\n"
        "detector = MtcnnDetector(Path(sys.argv[1]), accelerate=False); image = data.astronaut()\n"
        "expected = len(detector.detect(image, 60)); child = os.fork()\n"
        "if child == 0:\n    os._exit(0 if len(detector.detect(image, 60)) == expected > 0 else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(20, 1500), st.integers(20, 1500))
def test_the_work_is_split_without_gaps(shares: int, height: int, width: int) -> None:
    levels = pyramid(height, width, 20)
    bands = [(i, 0, level.output_height, level.height, level.width, 0, 0) for i, level in enumerate(levels)]
    parts = split(bands, width, shares)
    assert len(parts) <= shares
    rows = [(band[0], row) for part in parts for band in part for row in range(band[1], band[2])]
    assert rows == [(i, row) for i, level in enumerate(levels) for row in range(level.output_height)]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.7]), st.booleans())
def test_compiled_suppression_is_the_plain_one(
    compiled: MtcnnDetector, count: int, seed: int, threshold: float, of_smaller: bool
) -> None:
    random = np.random.default_rng(seed)
    corners = random.integers(0, 30, (count, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    order, group = random.permutation(count), random.integers(0, 3, count)
    expected = suppress(boxes, order, group, threshold, of_smaller)
    assert compiled._kernels.suppress(boxes, order, group, threshold, of_smaller).tolist() == expected.tolist()


def test_an_error_in_a_helper_reaches_the_caller() -> None:
    def reciprocal(number: int) -> float:
        return 1 / number

    workers = Workers(3)
    assert workers.map(reciprocal, [1, 2, 4]) == [1.0, 0.5, 0.25]
    for parts in ([1, 0], [0, 1]):
        with pytest.raises(ZeroDivisionError):
            workers.map(reciprocal, parts)
    with pytest.raises(ValueError, match="at least 1"):
        Workers(0)
