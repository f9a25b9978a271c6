"""The models and the picture that the measurements share, made once in a folder of their own."""

from __future__ import annotations

import io
import tempfile
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from attendance.faces.catalogue import Catalogue
from attendance.faces.dlib_resnet import DlibEmbedder
from attendance.faces.export_facenet import export_facenet
from attendance.faces.facenet import FaceNetEmbedder
from attendance.faces.mtcnn import ensure_mtcnn

if TYPE_CHECKING:
    from attendance.domain.model import ModelInfo, RecognitionOptions

THREADS = 2
THRESHOLDS = {"facenet": 0.70, "dlib": 0.53}


@lru_cache(maxsize=1)
def folder() -> Path:
    """Kept between runs, so that only the first one exports and compiles."""
    path = Path(tempfile.gettempdir()) / "attend-bench-models"
    path.mkdir(exist_ok=True)
    return path


@lru_cache(maxsize=1)
def mtcnn_folder() -> Path:
    """MTCNN's exported files."""
    return ensure_mtcnn(folder())


@lru_cache(maxsize=1)
def facenet_onnx() -> Path:
    """FaceNet with random weights: the published ones may not be on this machine, and cost the same to compute."""
    path = folder() / "facenet-random.onnx"
    if not path.exists():
        export_facenet(None, path, seed=0)
    return path


def information(family: str, options: RecognitionOptions) -> ModelInfo:
    """What the embedders are told of themselves."""
    return Catalogue(folder(), offline=True, thresholds=THRESHOLDS).info(family, options)


def facenet_embedder(
    options: RecognitionOptions, *, runtime: str = "onnxruntime", threads: int = THREADS
) -> FaceNetEmbedder:
    """Ours."""
    return FaceNetEmbedder(facenet_onnx(), information("facenet", options), options, threads=threads, runtime=runtime)


def dlib_embedder(options: RecognitionOptions, *, threads: int = THREADS) -> DlibEmbedder:
    """Ours."""
    return DlibEmbedder(folder(), information("dlib", options), options, threads=threads)


def dlib_file(name: str) -> str:
    """One of the model files that the package face-recognition-models carries."""
    for file in metadata.files("face-recognition-models") or []:
        if file.name == name:
            return str(file.locate())
    raise FileNotFoundError(name)


def webcam_jpeg(faces: Path) -> bytes:
    """One face in a picture such as a webcam gives: JPEG, 640x480, quality 90."""
    from bench.detection import picture

    out = io.BytesIO()
    Image.fromarray(np.asarray(picture(faces))).save(out, "JPEG", quality=90)
    return out.getvalue()
