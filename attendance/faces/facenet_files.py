"""Where FaceNet's ONNX file is kept: made once from the weights, under a lock, and checked before it is used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attendance.errors import WeightsUnavailableError
from attendance.faces.files import locked, sha256_of, write_whole
from attendance.faces.published import FACENET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONNX_NAME = "facenet-20180402-vggface2.onnx"
EXPORTER = "1"  # a change of export_facenet.py or facenet_graph.py that changes the file needs a new one
EXPORT_LIMIT_S = 120.0  # an export takes about 5 s; a holder that takes this long is stuck


def intact(target: Path, weights_sha256: str = FACENET.sha256) -> bool:
    """Whether the ONNX file is there, was made of these weights by this exporter, and has not changed since (0.1 s)."""
    try:
        manifest = json.loads(manifest_path(target).read_bytes())
        made_of = (manifest["exporter"], manifest["weights_sha256"])
        return made_of == (EXPORTER, weights_sha256) and bool(sha256_of(target) == manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def ensure_facenet(target: Path, weights: Callable[[], Path], weights_sha256: str = FACENET.sha256) -> Path:
    """The ONNX file, made where it is missing or damaged. Two processes at once make it once.

    Args:
        target: the ONNX file.
        weights: gives the verified weights file; asked only where it is needed.
        weights_sha256: of that file.

    Raises:
        WeightsUnavailableError: there are no weights, or the file cannot be written.
    """
    if intact(target, weights_sha256):
        return target
    source = weights()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_suffix(".lock"), timeout_s=EXPORT_LIMIT_S):
            if not intact(target, weights_sha256):
                from attendance.faces.export_facenet import export_facenet

                export_facenet(source, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def write_facenet(target: Path, model: bytes, weights_sha256: str) -> None:
    """Write the ONNX file, then its manifest; a crash between the two leaves a pair that is not ``intact``.

    Raises:
        WeightsUnavailableError: the folder cannot be written.
    """
    try:
        write_whole(target, model)
        manifest = {"exporter": EXPORTER, "sha256": sha256_of(target), "weights_sha256": weights_sha256}
        write_whole(manifest_path(target), (json.dumps(manifest, indent=2) + "\n").encode())
    except OSError as error:
        raise _unwritable(target, error) from error


def manifest_path(target: Path) -> Path:
    """The file beside the ONNX file that says what it was made of."""
    return target.with_suffix(".json")


def _unwritable(target: Path, error: OSError) -> WeightsUnavailableError:
    sentence = f"FaceNet's converted model could not be written to {target.parent}: {error.strerror or error}."
    return WeightsUnavailableError(sentence, model="facenet", reason="unreadable")
