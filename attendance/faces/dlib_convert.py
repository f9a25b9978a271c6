"""The face recognition ResNet of dlib as an ONNX file: found, checked, converted once and cached."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Final

from attendance.errors import WeightsUnavailableError
from attendance.faces.dlib_file import read_network
from attendance.faces.dlib_stream import DlibFormatError
from attendance.faces.files import locked, sha256_of, write_whole

MODEL: Final = "dlib-resnet-v1"
PACKAGE: Final = "face-recognition-models"
FILE_NAME: Final = "dlib_face_recognition_resnet_model_v1.dat"

SHA256: Final = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
"""Of the file that dlib's author published (CC0) and that face-recognition-models 0.3.0 carries. Weights whose bits are
damaged are still readable numbers, so nothing but the checksum notices."""

FORMAT: Final = 1
"""Raise it when the conversion changes: a cached file of another format is made again."""

DIMENSION: Final = 128
CHANNEL_MEANS: Final = (122.782, 117.001, 104.298)
"""Red, green and blue that the network subtracts, as its file says."""

LOCK_TIMEOUT_S: Final = 60.0  # a conversion takes about 1 s


def find_weights() -> Path:
    """Where pip put the file. The package itself is not imported: its code needs setuptools' pkg_resources.

    Raises:
        WeightsUnavailableError: the package or its file is not there (``missing``).
    """
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise _unavailable(f"the package {PACKAGE} is not installed", "missing") from error
    for file in files:
        if file.name == FILE_NAME:
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise _unavailable(f"the package {PACKAGE} has no {FILE_NAME}", "missing")


def convert(source: Path) -> bytes:
    """The file's network as the bytes of an ONNX file; see ``dlib_graph.build`` for its input and output.

    Raises:
        WeightsUnavailableError: the file cannot be read (``unreadable``), or is not the published one (``checksum``).
    """
    try:
        data = source.read_bytes()
    except OSError as error:
        raise _unavailable(f"{source.name} cannot be read: {error.strerror}", "unreadable") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise _unavailable(f"{source.name} is damaged: its SHA-256 is not the published one", "checksum")
    return convert_bytes(data)


def convert_bytes(data: bytes) -> bytes:
    """As ``convert``, for bytes that were checked.

    Raises:
        WeightsUnavailableError: they are no network that can be converted (``unreadable``).
    """
    from attendance.faces.dlib_graph import build  # onnx takes 0.1 s to import, and a cached file needs none of it

    try:
        model = build(read_network(data))
    except DlibFormatError as error:
        raise _unavailable(f"the network cannot be read: {error}", "unreadable") from error
    return bytes(model.SerializeToString(deterministic=True))


def ensure_dlib(model_dir: Path) -> Path:
    """The converted file, made where it is missing or damaged; several processes may ask at once.

    Args:
        model_dir: the cache; made where it is missing. Beside the file lies its SHA-256, which is checked every time.

    Raises:
        WeightsUnavailableError: as ``find_weights`` and ``convert``, or the folder cannot be written (``unreadable``).
    """
    target = model_dir / f"{MODEL}-{FORMAT}.onnx"
    checksum = target.with_suffix(".sha256")
    try:
        if _is_whole(target, checksum):
            return target
        model_dir.mkdir(parents=True, exist_ok=True)
        with locked(model_dir / f".{MODEL}.lock", timeout_s=LOCK_TIMEOUT_S):
            if not _is_whole(target, checksum):  # another process may have made it while this one waited
                data = convert(find_weights())
                write_whole(target, data)
                write_whole(checksum, (hashlib.sha256(data).hexdigest() + "\n").encode())
    except OSError as error:  # TimeoutError of the lock is one too
        raise _unavailable(f"the converted model cannot be kept in {model_dir}: {error}", "unreadable") from error
    return target


def converted(model_dir: Path) -> Path | None:
    """The converted file, where it is there and whole; it needs the package no more. Raises OSError."""
    target = model_dir / f"{MODEL}-{FORMAT}.onnx"
    return target if _is_whole(target, target.with_suffix(".sha256")) else None


def _is_whole(target: Path, checksum: Path) -> bool:
    """A crash between the two files leaves a checksum that does not fit, and so a new conversion."""
    if not (target.is_file() and checksum.is_file()):
        return False
    return checksum.read_bytes().strip() == sha256_of(target).encode()


def _unavailable(message: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(message, model=MODEL, reason=reason)
