"""A recogniser as one folder: ``recogniser.json`` and its model files, checked by their digests whenever it is read."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from attendance.domain.recogniser import Recogniser
from attendance.errors import WeightsUnavailableError
from attendance.faces import dlib_convert, facenet_files, mtcnn_files
from attendance.faces.catalogue import Catalogue
from attendance.faces.engine import Engine
from attendance.faces.files import sha256_of, write_whole
from attendance.faces.quality import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT: Final = "recogniser.json"
MODELS: Final = "models"  # laid out like the app's model folder, so that it can stand in its place
MAX_BYTES, MAX_PIXELS = 20_000_000, 64_000_000  # of a picture; the app's own defaults (attendance/settings.py)


def file_names(family: str) -> tuple[str, ...]:
    """The model files that a recogniser of ``facenet`` or ``dlib`` needs, below the model folder."""
    detector = f"mtcnn-{mtcnn_files.VERSION}"
    onnx = facenet_files.ONNX_NAME if family == "facenet" else f"{dlib_convert.MODEL}-{dlib_convert.FORMAT}.onnx"
    proof = Path(onnx).with_suffix(".json" if family == "facenet" else ".sha256").name
    return (*(f"{detector}/{name}" for name in (*mtcnn_files.NAMES, mtcnn_files.MANIFEST)), onnx, proof)


def write(folder: Path, recogniser: Recogniser, model_dir: Path) -> Recogniser:
    """Copy the model files of a recogniser into ``folder``, which must not be there, with what is said of it.

    Args:
        folder: made.
        recogniser: its ``files`` are filled in here.
        model_dir: where the files are; they have been made before.

    Returns:
        the recogniser with its digests.

    Raises:
        WeightsUnavailableError: a file is missing or cannot be copied.
    """
    digests: dict[str, str] = {}
    try:
        folder.mkdir(parents=True)
        for name in file_names(recogniser.family):
            target = folder / MODELS / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(model_dir / name, target)
            digests[name] = sha256_of(target)
        made = replace(recogniser, files=digests)
        write_whole(folder / DOCUMENT, (json.dumps(made.as_dict(), indent=2) + "\n").encode())
    except OSError as error:
        raise _unavailable(f"The recogniser could not be written to {folder}: {error}.", "unreadable") from error
    return made


def read(folder: Path) -> Recogniser:
    """The recogniser in a folder, with every file checked (0.1 s for 100 MB).

    Raises:
        WeightsUnavailableError: ``missing``, ``unreadable``, or ``checksum`` where a file is not the registered one.
    """
    try:
        recogniser = Recogniser.from_dict(json.loads((folder / DOCUMENT).read_bytes()))
        if set(recogniser.files) != set(file_names(recogniser.family)):
            raise _unavailable(f"The recogniser in {folder} lists other files than it needs.", "checksum")
        wrong = [name for name, digest in recogniser.files.items() if sha256_of(_inside(folder, name)) != digest]
    except FileNotFoundError as error:
        raise _unavailable(f"The recogniser's {error.filename} is missing.", "missing") from error
    except OSError as error:
        raise _unavailable(f"The recogniser in {folder} cannot be read: {error}.", "unreadable") from error
    except ValueError as error:
        raise _unavailable(f"{folder / DOCUMENT} is damaged: {error}.", "checksum") from error
    if wrong:
        raise _unavailable(f"The recogniser's file {folder / MODELS / wrong[0]} is damaged.", "checksum")
    return recogniser


def md5_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """MD5 of model files, hexadecimal, by name: DVC knows files by it. It is a name, no proof against forgery."""
    return {
        name: hashlib.md5(_inside(folder, name).read_bytes(), usedforsecurity=False).hexdigest()  # as DVC does
        for name in names
    }


def open_engine(folder: Path, *, threads: int = 2) -> Engine:
    """The engine of a recogniser's folder; downloads nothing and writes nothing.

    Raises:
        WeightsUnavailableError: as ``read``.
        InferenceError: ONNX Runtime cannot load it.
    """
    recogniser = read(folder)
    catalogue = Catalogue(
        folder / MODELS,
        offline=True,
        threads=threads,
        runtime="onnxruntime",
        thresholds={recogniser.family: recogniser.threshold},
    )
    return Engine(
        catalogue.detector(accelerate=False),  # compiled kernels would be written into the folder
        catalogue.embedder(recogniser.family, recogniser.options),
        recogniser.options,
        Gate(),
        max_bytes=MAX_BYTES,
        max_pixels=MAX_PIXELS,
    )


def nobody() -> bytes:
    """A picture with nobody in it: a grey gradient as PNG, for the model's input example."""
    out = io.BytesIO()
    Image.fromarray(np.tile(np.linspace(60, 200, 96).astype(np.uint8), (96, 1))).save(out, "PNG")
    return out.getvalue()


def _inside(folder: Path, name: str) -> Path:
    """The file of this name, which must not lead out of the folder."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise ValueError(f"{name!r} is no name of a model file")
    return folder.joinpath(MODELS, *parts)


def _unavailable(message: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(message, model="recogniser", reason=reason)
