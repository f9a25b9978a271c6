"""The converted network gives dlib's own numbers, and crops are facenet-pytorch's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dlib
import numpy as np
import pytest
from facenet_pytorch.models.utils.detect_face import extract_face
from PIL import Image, ImageOps

from attendance.domain.model import Box, Face, ModelInfo, RecognitionOptions
from attendance.errors import InferenceError
from attendance.faces import dlib_resnet, runtimes
from attendance.faces.align import aligned_chip, mirror, upright_crop
from attendance.faces.dlib_convert import ensure_dlib, find_weights
from attendance.faces.dlib_resnet import DlibEmbedder
from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.faces.runtimes import bf16_available, open_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MODEL = ModelInfo("dlib-resnet-v1/test", "dlib", 128, "onnxruntime", "test", 0.53)
PLAIN = RecognitionOptions(use_tta_flip=False)


@pytest.fixture(scope="module")
def detector(model_dir: Path) -> MtcnnDetector:
    return MtcnnDetector(ensure_mtcnn(model_dir), accelerate=False)


@pytest.fixture(scope="module")
def reference() -> Any:
    return dlib.face_recognition_model_v1(str(find_weights()))


def embedder(model_dir: Path, options: RecognitionOptions = PLAIN) -> DlibEmbedder:
    return DlibEmbedder(model_dir, MODEL, options)


def chips_of(detector: MtcnnDetector, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([aligned_chip(picture, face.landmarks) for face in detector.detect(picture, 40)])


def assert_same(reference: Any, ours: DlibEmbedder, chips: NDArray[np.uint8]) -> None:
    wanted = np.array([np.array(reference.compute_face_descriptor(chip)) for chip in chips])
    assert np.abs(ours.embed_chips(chips) - wanted).max() <= 1e-5


def test_portrait_and_noise_give_dlibs_numbers(
    model_dir: Path, detector: MtcnnDetector, reference: Any, astronaut: NDArray[np.uint8]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 150, 150, 3), np.uint8)
    flat = np.stack([np.full((150, 150, 3), value, np.uint8) for value in (0, 255)])
    chips = np.concatenate([chips_of(detector, astronaut), noise, flat])
    assert_same(reference, embedder(model_dir), chips)


@pytest.mark.slow
@pytest.mark.faces
def test_every_shared_picture_gives_dlibs_numbers(
    model_dir: Path, detector: MtcnnDetector, reference: Any, faces_dir: Path
) -> None:
    ours = embedder(model_dir)
    paths = sorted([*faces_dir.glob("people/*/*.jpg"), *faces_dir.glob("singles/*.jpg"), *faces_dir.glob("multi/*.jpg")])
    assert len(paths) >= 30
    for path in paths:
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file).convert("RGB")
        upright.thumbnail((900, 900))  # the chips are as good for this, and the faces are found sooner
        picture = np.asarray(upright)
        assert_same(reference, ours, chips_of(detector, picture))


def some_faces(detector: MtcnnDetector, picture: NDArray[np.uint8], count: int) -> Sequence[Face]:
    return [detector.detect(picture, 40)[0]] * count


def test_the_flip_is_the_mean_of_both_and_not_normalised(
    model_dir: Path, detector: MtcnnDetector, astronaut: NDArray[np.uint8]
) -> None:
    faces = some_faces(detector, astronaut, 1)
    plain, flipped = embedder(model_dir), embedder(model_dir, RecognitionOptions())
    chips = chips_of(detector, astronaut)[:1]
    both = np.concatenate([plain.embed_chips(chips), plain.embed_chips(mirror(chips))])
    found = flipped.embed(astronaut, faces)
    assert found == pytest.approx(both.mean(axis=0, keepdims=True), abs=1e-6)
    assert 1.2 < np.linalg.norm(found) < 1.7
    assert found == pytest.approx(flipped.embed(np.ascontiguousarray(astronaut), faces))


@pytest.mark.parametrize(
    "options",
    [
        RecognitionOptions(use_alignment=False),
        RecognitionOptions(use_prewhitening=True),
        RecognitionOptions(margin_ratio=0.3),
        RecognitionOptions(use_alignment=False, use_prewhitening=True, use_tta_flip=False),
    ],
)
def test_every_option_still_shows_the_same_person(
    model_dir: Path, detector: MtcnnDetector, astronaut: NDArray[np.uint8], options: RecognitionOptions
) -> None:
    faces = some_faces(detector, astronaut, 1)
    usual = embedder(model_dir, RecognitionOptions()).embed(astronaut, faces)
    other = embedder(model_dir, options).embed(astronaut, faces)
    assert 0.001 < np.linalg.norm(usual - other) < 0.45


def test_no_faces_one_face_and_a_crowd(model_dir: Path, detector: MtcnnDetector, astronaut: NDArray[np.uint8]) -> None:
    ours = embedder(model_dir)
    assert ours.embed(astronaut, []).shape == (0, 128)
    one = ours.embed(astronaut, some_faces(detector, astronaut, 1))
    crowd = ours.embed(astronaut, some_faces(detector, astronaut, dlib_resnet.MAX_BATCH + 3))
    assert one.dtype == crowd.dtype == np.float32
    assert np.abs(crowd - one).max() < 1e-5


def test_threads_get_the_same_numbers(model_dir: Path, detector: MtcnnDetector, astronaut: NDArray[np.uint8]) -> None:
    ours = embedder(model_dir)
    faces = some_faces(detector, astronaut, 2)
    wanted = ours.embed(astronaut, faces)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: ours.embed(astronaut, faces), range(24)))
    assert all(np.abs(result - wanted).max() < 1e-6 for result in results)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_what_is_no_embedding_is_an_error(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, astronaut: NDArray[np.uint8], detector: MtcnnDetector, value: float
) -> None:
    ours = embedder(model_dir)
    monkeypatch.setattr(ours, "_network", lambda chips: np.full((len(chips), 128), value, np.float32))
    with pytest.raises(InferenceError):
        ours.embed(astronaut, some_faces(detector, astronaut, 1))


def test_a_runtime_that_fails_says_so_in_our_words(model_dir: Path, tmp_path: Path) -> None:
    path = ensure_dlib(model_dir)
    network = open_onnx(path)
    with pytest.raises(InferenceError):
        network(np.zeros((1, 10, 10, 3), np.float32))
    with pytest.raises(InferenceError):
        network(np.zeros((1, 150, 150, 3), np.uint8))
    (tmp_path / "no.onnx").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InferenceError):
        open_onnx(tmp_path / "no.onnx")
    with pytest.raises(InferenceError):
        open_onnx(path, "abacus")


def test_bf16_is_close_or_refused(
    model_dir: Path, detector: MtcnnDetector, astronaut: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    chips = chips_of(detector, astronaut)
    if bf16_available():
        quick = DlibEmbedder(model_dir, MODEL, PLAIN, runtime=runtimes.OPENVINO_BF16).embed_chips(chips)
        exact = embedder(model_dir).embed_chips(chips)
        cosines = (quick * exact).sum(axis=1) / np.linalg.norm(quick, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosines.min() >= 0.999
    monkeypatch.setattr(runtimes, "bf16_available", lambda: False)
    with pytest.raises(InferenceError, match="bf16"):
        DlibEmbedder(model_dir, MODEL, PLAIN, runtime=runtimes.OPENVINO_BF16)


@pytest.mark.parametrize("margin", [0, 16, 32, 64])
def test_the_crop_without_turning_is_facenet_pytorchs(astronaut: NDArray[np.uint8], margin: int) -> None:
    for box in (Box(181.3, 70.6, 268.9, 190.2), Box(-8.5, 10.1, 90.4, 130.9), Box(420.7, 380.2, 530.1, 540.8)):
        face = Face(box, 1.0, np.zeros((5, 2), np.float32))
        wanted = extract_face(astronaut, np.array(box), 160, margin).numpy().transpose(1, 2, 0)
        crop = upright_crop(astronaut, face, margin_ratio=margin / 160, rotate=False)
        assert np.array_equal(crop, wanted.astype(np.uint8))
