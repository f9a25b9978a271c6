"""The list of models for people: what is there, what could be fetched, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attendance.errors import WeightsUnavailableError
from attendance.faces import dlib_convert, facenet_files, weights
from attendance.faces.files import sha256_of

if TYPE_CHECKING:
    from attendance.faces.published import Published


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the list of models.

    Attributes:
        name: for people.
        family: ``facenet`` or ``dlib``; ``mtcnn`` for the detector.
        model_id: with the present options; empty for the detector.
        state: ``ready``, ``downloadable`` (it may be fetched) or ``missing``.
        path: where its file is or would be.
        source: one sentence: where it comes from, and what is wrong if it is not ready.
        size_bytes: of the weights as their publisher offers them; None where they come with a package.
        sha256: of the published weights, hexadecimal; empty where they come with a package that pip has checked.
    """

    name: str
    family: str
    model_id: str
    state: Literal["ready", "downloadable", "missing"]
    path: Path | None
    source: str
    size_bytes: int | None
    sha256: str


def facenet_entry(
    model_id: str, given: Path | None, onnx: Path, cached: Path, published: Published, *, offline: bool
) -> ModelEntry:
    """FaceNet: from the given file, the cache, or its publisher."""
    path = given or cached
    state: Literal["ready", "downloadable", "missing"] = "ready"
    try:
        weights.verify(path, published)
        source = f"Its weights are at {path}, as published at {published.url}."
    except WeightsUnavailableError as error:
        source = str(error)
        if not given and facenet_files.intact(onnx, published.sha256):
            path, source = onnx, f"Converted from the weights published at {published.url}."
        elif given or offline:
            state = "missing"
        else:
            state = "downloadable"
            source = f"Its weights are not on this machine yet; they can be downloaded from {published.url}."
    return ModelEntry("FaceNet", "facenet", model_id, state, path, source, published.size, published.sha256)


def dlib_entry(model_id: str, source: str, model_dir: Path) -> ModelEntry:
    """The ResNet of dlib: from the package that carries its file, or converted from it, as in the container image."""
    state: Literal["ready", "missing"] = "ready"
    path = None
    try:
        path = dlib_convert.find_weights()
        if sha256_of(path) != dlib_convert.SHA256:
            state, source = "missing", f"{path} is damaged: its SHA-256 is not the published one."
    except WeightsUnavailableError as error:
        path = dlib_convert.converted(model_dir)
        if path is None:
            state, source = "missing", str(error)
    except OSError as error:
        state, source = "missing", f"{path} cannot be read: {error.strerror}."
    size = path.stat().st_size if path and path.exists() else None
    return ModelEntry("dlib's ResNet", "dlib", model_id, state, path, source, size, dlib_convert.SHA256)


def mtcnn_entry() -> ModelEntry:
    """MTCNN: its weights lie inside facenet-pytorch, whose package pip has checked."""
    source = "MTCNN's weights come with the package facenet-pytorch."
    try:
        folder = Path(str(metadata.distribution("facenet-pytorch").locate_file("facenet_pytorch")))
    except metadata.PackageNotFoundError:
        return ModelEntry("MTCNN", "mtcnn", "", "missing", None, "The package facenet-pytorch is not installed.", None, "")
    return ModelEntry("MTCNN", "mtcnn", "", "ready", folder, source, None, "")
