"""Our FaceNet gives facenet-pytorch's embeddings, on the same weights and the same crops.

The published weights can't be had everywhere, so the weights are random ones of the same shapes; where
ATTEND_TEST_FACENET_WEIGHTS names the published file, that is tested too.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch

from attendance.domain.model import Box, Face, ModelInfo, RecognitionOptions
from attendance.errors import InferenceError, WeightsUnavailableError
from attendance.faces import facenet_files
from attendance.faces.align import FACENET_SIZE, upright_crop
from attendance.faces.catalogue import Catalogue
from attendance.faces.export_facenet import export_facenet, random_network
from attendance.faces.facenet import MAX_BATCH, FaceNetEmbedder
from attendance.faces.images import decode
from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.faces.published import FACENET, Published
from attendance.faces.reference import ReferenceFaceNet
from attendance.faces.runtimes import bf16_available

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attendance.faces.base import Embedder

# Five points of the astronaut's face by eye; a detector is not what is tested here.
ASTRONAUT = Face(
    Box(176.0, 70.0, 272.0, 190.0),
    0.99,
    np.array([[205, 115], [249, 114], [229, 143], [208, 163], [248, 161]], np.float32),
)
PLAIN = RecognitionOptions(use_tta_flip=False)
OPTIONS = {
    "plain": PLAIN,
    "flip": RecognitionOptions(),
    "white": RecognitionOptions(use_prewhitening=True, use_tta_flip=False),
    "box": RecognitionOptions(use_alignment=False, margin_ratio=0.1),
}


def info(options: RecognitionOptions = PLAIN) -> ModelInfo:
    return ModelInfo(f"test/{options}", "facenet", 512, "onnxruntime", "random weights", 0.7)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file such as the publisher's, the classifier that we don't use included, with random numbers in it."""
    path = tmp_path_factory.mktemp("facenet") / "random.pt"
    state = random_network(seed=7).state_dict()
    state["logits.weight"], state["logits.bias"] = torch.zeros(3, 512), torch.zeros(3)
    torch.save(state, path)
    return path


@pytest.fixture(scope="session", params=["random", "published"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """torch's weights file and our ONNX file of it."""
    if request.param == "published":
        given = os.environ.get("ATTEND_TEST_FACENET_WEIGHTS")
        if not given:
            pytest.skip("needs FaceNet's published weights in ATTEND_TEST_FACENET_WEIGHTS")
        weights = Path(given)
    else:
        weights = request.getfixturevalue("random_weights")
    onnx_path = tmp_path_factory.mktemp(request.param) / "facenet.onnx"
    export_facenet(weights, onnx_path)
    return weights, onnx_path


@pytest.fixture(scope="session")
def crops(astronaut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The astronaut's face in several framings, noise, and flat pictures: uint8 (n, 160, 160, 3)."""
    random = np.random.default_rng(3)
    framed = [upright_crop(astronaut, ASTRONAUT, FACENET_SIZE, margin) for margin in (0.0, 0.2, 0.5)]
    noise = list(random.integers(0, 256, (4, FACENET_SIZE, FACENET_SIZE, 3), np.uint8))
    flat = [np.full((FACENET_SIZE, FACENET_SIZE, 3), level, np.uint8) for level in (0, 128, 255)]
    return np.stack([*framed, *noise, *flat])


def distances(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each pair, L2."""
    between: NDArray[np.float32] = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    return between


def by_torch(weights: Path, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """facenet-pytorch as its own documentation uses it, with none of our code."""
    from facenet_pytorch import InceptionResnetV1

    network = InceptionResnetV1(classify=False)
    state = torch.load(weights, weights_only=True)
    network.load_state_dict({name: values for name, values in state.items() if not name.startswith("logits.")})
    pixels = (torch.from_numpy(crops.transpose(0, 3, 1, 2).astype(np.float32)) - 127.5) / 128.0
    with torch.inference_mode():
        return np.asarray(network.eval()(pixels).numpy())


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    x, y = a.astype(np.float64), b.astype(np.float64)
    return np.asarray((x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1))


def crops_of_shared_pictures(folder: Path, models: Path) -> NDArray[np.uint8]:
    """The largest faces of every shared photograph, uint8 (n, 160, 160, 3)."""
    detector = MtcnnDetector(ensure_mtcnn(models), accelerate=False)
    crops = []
    for path in sorted(folder.rglob("*.jpg")):
        image = decode(path.read_bytes(), max_bytes=20_000_000, max_pixels=64_000_000, reduce_to_px=640).image
        crops += [upright_crop(image, face) for face in detector.detect(image, 60)[:2]]
    return np.stack(crops)


def test_f32_is_facenet_pytorch(both: tuple[Path, Path], crops: NDArray[np.uint8]) -> None:
    weights, onnx_path = both
    ours = FaceNetEmbedder(onnx_path, info(), PLAIN).embed_crops(crops)
    assert ours.dtype == np.float32
    assert ours.shape == (len(crops), 512)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert cosines(ours, by_torch(weights, crops)).min() >= 0.9999


def test_bf16_is_close_to_facenet_pytorch(both: tuple[Path, Path], crops: NDArray[np.uint8]) -> None:
    if not bf16_available():
        pytest.skip("needs the package openvino and a processor with bf16 instructions")
    weights, onnx_path = both
    ours = FaceNetEmbedder(onnx_path, info(), PLAIN, runtime="openvino-bf16").embed_crops(crops)
    assert cosines(ours, by_torch(weights, crops)).min() >= 0.999


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_is_that_of_the_reference_engine(
    both: tuple[Path, Path], astronaut: NDArray[np.uint8], name: str
) -> None:
    weights, onnx_path = both
    options = OPTIONS[name]
    ours: Embedder = FaceNetEmbedder(onnx_path, info(options), options)
    theirs: Embedder = ReferenceFaceNet(weights, info(options), options)
    faces = [ASTRONAUT]
    assert cosines(ours.embed(astronaut, faces), theirs.embed(astronaut, faces)).min() >= 0.9999
    assert ours.model.model_id == theirs.model.model_id


@pytest.mark.faces
@pytest.mark.slow
def test_the_shared_pictures_agree(both: tuple[Path, Path], faces_dir: Path, tmp_path: Path) -> None:
    weights, onnx_path = both
    crops = crops_of_shared_pictures(faces_dir, tmp_path)
    assert len(crops) > 30
    theirs = np.concatenate([by_torch(weights, crops[at : at + 16]) for at in range(0, len(crops), 16)])
    assert cosines(FaceNetEmbedder(onnx_path, info(), PLAIN).embed_crops(crops), theirs).min() >= 0.9999
    if bf16_available():
        quick = FaceNetEmbedder(onnx_path, info(), PLAIN, runtime="openvino-bf16").embed_crops(crops)
        # Random weights do not make up for rounding as trained ones do: 0.9983 to 0.9990 with three of them, 0.9997 with the
        # author's training on CASIA-WebFace (bench/facenet.py). What decides are distances, and they move alike with all.
        assert cosines(quick, theirs).min() >= (0.998 if weights.name == "random.pt" else 0.999)
        assert np.abs(distances(quick) - distances(theirs)).max() <= 0.02


def test_random_weights_tell_pictures_apart(random_weights: Path, tmp_path: Path, crops: NDArray[np.uint8]) -> None:
    """Otherwise the comparisons above would hold for a network that ignores its input."""
    onnx_path = tmp_path / "facenet.onnx"
    export_facenet(random_weights, onnx_path)
    embeddings = FaceNetEmbedder(onnx_path, info(), PLAIN).embed_crops(crops)
    likeness = (embeddings @ embeddings.T)[~np.eye(len(crops), dtype=bool)]
    assert likeness.min() < 0.9
    assert likeness.max() < 0.9999


def test_a_batch_is_what_its_faces_are_alone(both: tuple[Path, Path], astronaut: NDArray[np.uint8]) -> None:
    embedder = FaceNetEmbedder(both[1], info(), RecognitionOptions())
    shifted = Face(Box(150.0, 60.0, 280.0, 200.0), 0.9, ASTRONAUT.landmarks)
    faces = [ASTRONAUT, shifted] * MAX_BATCH
    together = embedder.embed(astronaut, faces)
    assert together.shape == (2 * MAX_BATCH, 512)
    for index, face in enumerate(faces[:2]):
        assert cosines(together[index::2], embedder.embed(astronaut, [face])).min() > 0.999999
    assert embedder.embed(astronaut, []).shape == (0, 512)


def test_a_mirror_image_changes_nothing_with_the_flip(both: tuple[Path, Path], crops: NDArray[np.uint8]) -> None:
    embedder = FaceNetEmbedder(both[1], info(), RecognitionOptions())
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    assert cosines(embedder.embed_crops(crops), embedder.embed_crops(mirrored)).min() > 0.999999


def test_what_is_no_face_is_refused(both: tuple[Path, Path], astronaut: NDArray[np.uint8]) -> None:
    embedder = FaceNetEmbedder(both[1], info(), PLAIN)
    for box in (Box(600.0, 600.0, 700.0, 700.0), Box(float("nan"), 0.0, 9.0, 9.0), Box(50.0, 50.0, 50.0, 50.0)):
        with pytest.raises(InferenceError):
            embedder.embed(astronaut, [Face(box, 0.9, ASTRONAUT.landmarks)])


def test_the_export_gives_the_same_bytes_again(random_weights: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_facenet(random_weights, tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    model = onnx.load(tmp_path / "a.onnx")
    assert {node.op_type for node in model.graph.node}.isdisjoint({"BatchNormalization", "Identity", "Dropout"})


def test_both_of_torchs_file_formats_are_read(random_weights: Path, tmp_path: Path) -> None:
    """torch wrote another format before 1.6, and older files still have no counters of batches."""
    old = tmp_path / "old.pt"
    state = torch.load(random_weights, weights_only=True)
    state = {name: values for name, values in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(state, old, _use_new_zipfile_serialization=False)
    for name, weights in (("new", random_weights), ("old", old)):
        export_facenet(weights, tmp_path / f"{name}.onnx")
    assert (tmp_path / "old.onnx").read_bytes() == (tmp_path / "new.onnx").read_bytes()


@pytest.mark.parametrize("damage", ["empty", "truncated", "text", "other network", "a shape", "missing"])
def test_a_file_that_is_no_facenet_is_refused(random_weights: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "weights.pt"
    if damage == "truncated":
        path.write_bytes(random_weights.read_bytes()[:1_000_000])
    elif damage == "other network":
        torch.save({"weight": torch.zeros(3)}, path)
    elif damage == "a shape":
        state: dict[str, Any] = torch.load(random_weights, weights_only=True)
        state["last_linear.weight"] = torch.zeros(128, 1792)
        torch.save(state, path)
    elif damage != "missing":
        path.write_bytes(b"" if damage == "empty" else b"<html>not weights</html>")
    with pytest.raises(WeightsUnavailableError) as caught:
        export_facenet(path, tmp_path / "facenet.onnx")
    assert caught.value.reason == ("missing" if damage == "missing" else "unreadable")
    assert not (tmp_path / "facenet.onnx").exists()


def test_the_catalogue_converts_once_and_mends_damage(
    random_weights: Path, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    digest = hashlib.sha256(random_weights.read_bytes()).hexdigest()
    published = Published("facenet", "FaceNet", "x.pt", "https://x.invalid/", random_weights.stat().st_size, digest)
    here = Catalogue(
        tmp_path, facenet_weights=random_weights, offline=True, thresholds={"facenet": 0.7}, published=published
    )
    first = here.embedder("facenet", PLAIN).embed(astronaut, [ASTRONAUT])
    path = tmp_path / facenet_files.ONNX_NAME
    made = path.stat().st_mtime_ns
    here.embedder("facenet", PLAIN)
    assert path.stat().st_mtime_ns == made
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert not facenet_files.intact(path, digest)
    np.testing.assert_array_equal(here.embedder("facenet", PLAIN).embed(astronaut, [ASTRONAUT]), first)
    assert facenet_files.intact(path, digest)
    assert not facenet_files.intact(path, FACENET.sha256)


def test_embedding_needs_no_torch(random_weights: Path, tmp_path: Path) -> None:
    export_facenet(random_weights, tmp_path / "f.onnx")
    code = (
        "import sys; from pathlib import Path; from attendance.domain.model import *; import numpy as np\n"
        "from attendance.faces.facenet import FaceNetEmbedder\n"
        "from attendance.faces.catalogue import Catalogue\n"
        f"m = ModelInfo('t', 'facenet', 512, 'onnxruntime', '', 0.7); p = Path({str(tmp_path / 'f.onnx')!r})\n"
        "FaceNetEmbedder(p, m, RecognitionOptions()).embed_crops(np.zeros((1, 160, 160, 3), np.uint8))\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'facenet_pytorch', 'onnx', 'httpx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
