"""Where MTCNN's files are kept: made once, under a lock, moved into place whole, and checked whenever they are read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from pathlib import Path

from attendance.errors import WeightsUnavailableError
from attendance.faces.files import locked

VERSION = "1"  # of the exported files; a change of export_onnx.py or mtcnn_graph.py that changes their bytes needs a new one
NAMES = ("pnet.onnx", "rnet.onnx", "onet.onnx", "pnet.npz")
MANIFEST = "manifest.json"
EXPORT_LIMIT_S = 120.0  # how long to wait for another process that is exporting; it takes about 10 s


def read_mtcnn(folder: Path) -> dict[str, bytes]:
    """The files' bytes by name, exactly those that were exported.

    Raises:
        WeightsUnavailableError: ``missing`` where the folder or one of them is not there, ``checksum`` where one has
            changed, ``unreadable`` where the system refuses to read one.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files = {name: (folder / name).read_bytes() for name in NAMES}
    except FileNotFoundError as error:
        raise _unavailable(f"The face detector's file {error.filename} is missing.", "missing") from error
    except OSError as error:
        raise _unavailable(f"The face detector's files cannot be read: {error}.", "unreadable") from error
    except ValueError as error:
        raise _unavailable(f"The face detector's {folder / MANIFEST} is damaged.", "checksum") from error
    expected = manifest.get("sha256") if isinstance(manifest, dict) else None
    for name, data in files.items():
        if not isinstance(expected, dict) or expected.get(name) != hashlib.sha256(data).hexdigest():
            raise _unavailable(f"The face detector's file {folder / name} is damaged.", "checksum")
    return files


def ensure_mtcnn(model_dir: Path) -> Path:
    """The folder of MTCNN's files below ``model_dir``, exported from facenet-pytorch where it is missing or damaged.

    With the files in place this takes milliseconds and imports neither torch nor onnx. Two processes at once export once.

    Raises:
        WeightsUnavailableError: the files are missing or damaged (``missing``, ``checksum``, ``unreadable``) and could not
            be made; the message says why and what to do.
    """
    folder = model_dir / f"mtcnn-{VERSION}"
    if _problem(folder) is None:
        return folder
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        with locked(model_dir / f".mtcnn-{VERSION}.lock", timeout_s=EXPORT_LIMIT_S):
            problem = _problem(folder)  # another process may have been quicker
            if problem is not None:
                _export(folder)
    except (OSError, ImportError) as error:
        problem = _problem(folder) or _unavailable("", "unreadable")
        why = f"{problem} " if str(problem) else ""
        raise _unavailable(
            f"{why}It could not be made anew in {model_dir}: {error}. Make sure that the folder can be written to and that "
            f"facenet-pytorch is installed, then start again.",
            problem.reason,
        ) from error
    return folder


def _unavailable(message: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(message, model="mtcnn", reason=reason)


def _problem(folder: Path) -> WeightsUnavailableError | None:
    """What is wrong with the files, or None."""
    try:
        read_mtcnn(folder)
    except WeightsUnavailableError as error:
        return error
    return None


def _export(folder: Path) -> None:
    """Make the files beside their place and move them there whole; what was there before, damaged, goes."""
    from attendance.faces.export_onnx import export_mtcnn

    # A folder of our own inside the same file system: a rename there happens at once or not at all.
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        made = Path(scratch) / "new"
        made.mkdir()
        export_mtcnn(made)
        sha256 = {name: hashlib.sha256((made / name).read_bytes()).hexdigest() for name in NAMES}
        (made / MANIFEST).write_text(json.dumps({"sha256": sha256}, indent=2) + "\n", encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(Path(scratch) / "old")
        made.rename(folder)
