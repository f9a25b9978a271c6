"""Measurements of an export: of its pictures, with its model and params.yaml alone, so that no database is asked and the
same files give the same numbers on every machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from attendance import faces
from attendance.bootstrap import build, measuring
from attendance.bootstrap.parts import nobody
from attendance.errors import ExportError, ImageUnreadableError
from attendance.export.hold import held
from attendance.export.place import Place
from attendance.faces.files import sha256_of, write_whole
from attendance.services import dvc_report
from attendance.services.answers import Answers
from attendance.services.error_report import TooLittle
from attendance.services.import_folder import PersonFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.bootstrap import Application
    from attendance.bootstrap.parts import Progress
    from attendance.export.validation import Validation
    from attendance.services.error_report import ErrorReport
    from attendance.settings import Settings

COMPUTE = ("facenet-pytorch", "numpy", "numba", "onnxruntime", "openvino", "opencv-python-headless", "pillow")
NOBODY = (
    "The export has no pictures, so there is nothing to measure. Register people in the app or with "
    "`python -m attendance import FOLDER`, then run `dvc repro` again."
)


def application_of(settings: Settings, folder: Path, progress: Progress | None = None) -> Application:
    """The parts that recognise, with the network that made the export's templates, or the one that a new site would get.

    Raises:
        ExportError: the folder's settings cannot be read.
        ModelError: the network is not there.
    """
    parts = build(settings, progress=progress, saved=False)
    active = _active_model(folder)
    parts.made["family"] = parts.catalogue.choose_family(settings.embedder, active, progress=parts.downloading)
    return parts


def evaluate(
    settings: Settings, folder: Path, reports: Path, *, target_fpir: float, progress: Progress | None = None
) -> ErrorReport | TooLittle:
    """Measure an export, and write what DVC compares below ``reports``; with too little to measure as well, saying so.

    Raises:
        ExportError: it is no export, or the reports cannot be written.
        ModelError: a model cannot be used.
    """
    with held(folder) as version:
        found = _measured(settings, version, target_fpir, progress, Place(folder).work)
    try:
        for path, data in dvc_report.files(found).items():
            target = reports / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data)
    except OSError as error:
        raise ExportError(f"{reports} cannot be written: {error.strerror}.") from error
    return found


def _measured(
    settings: Settings, folder: Path, target_fpir: float, progress: Progress | None, workplace: Path
) -> ErrorReport | TooLittle:
    images = folder / "images"
    if not (folder / "metadata.json").is_file():
        raise ExportError(f"{folder} is no export: it has no metadata.json.")
    people = _people(images) if images.is_dir() else []
    if not any(person.files for person in people):
        return TooLittle(NOBODY)
    parts = application_of(settings, folder, progress)
    try:
        model_id = parts.catalogue.info(parts.family, parts.options).model_id
        with Answers(answers_file(parts, workplace, "templates", model_id)) as answers:
            done = measuring.evaluate(parts, people, [{}], target_fpir=target_fpir, progress=progress, answers=answers)
        return done.reports[0]
    finally:
        parts.close()


def _people(images: Path) -> list[PersonFolder]:
    """Everybody's pictures as an export lays them down; ``import_folder.scan`` would follow the path by which it is held."""
    folders = sorted(path for path in images.iterdir() if path.is_dir() and not path.is_symlink())
    return [
        PersonFolder(one.name, tuple(sorted(path for path in one.glob("*.jpg") if not path.is_symlink()))) for one in folders
    ]


def _active_model(folder: Path) -> str | None:
    path = folder / "settings.json"
    try:
        active = json.loads(path.read_text(encoding="utf-8")).get("active_model") if path.exists() else None
    except (OSError, ValueError, AttributeError) as error:
        raise ExportError(f"{path} cannot be read.") from error
    return active if isinstance(active, str) else None


def validate(
    settings: Settings,
    folder: Path,
    report: Path | None = None,
    *,
    progress: Progress | None = None,
    seen: Callable[[Path], None] = lambda _: None,
) -> Validation:
    """Look at every file, picture and record of an export, and write the numbers to ``report``. ``seen`` is given a path by
    which the very version can be read that is looked at.

    Raises:
        ExportError: it is no export, or the report cannot be written.
        ModelError: the detector cannot be used.
    """
    from attendance.export.validation import validate as look

    told = progress or nobody
    with held(folder) as version:
        seen(version)
        parts = application_of(settings, version, progress)
        try:
            with Answers(answers_file(parts, Place(folder).work, "faces")) as answers:
                found = look(version, _faces(parts, answers), lambda done: told("Looking at the export", done, None))
        finally:
            parts.close()
    if report is not None:
        try:
            report.parent.mkdir(parents=True, exist_ok=True)
            write_whole(report, (json.dumps(found.as_dict(), indent=2) + "\n").encode())
        except OSError as error:
            raise ExportError(f"{report} cannot be written: {error.strerror}.") from error
    return found


def answers_file(parts: Application, workplace: Path, kind: str, *more: object) -> Path:
    """Where answers are kept about pictures; others of this kind, which depended on something else, are deleted.

    They depend on the options, the limits, the weights, the code of ``faces``, which converts them too, and the libraries
    that compute.
    """
    code = sorted(Path(faces.__file__).parent.glob("*.py"))
    weights = [(entry.name, entry.sha256) for entry in parts.catalogue.entries(parts.options)]
    versions = [_version(name) for name in COMPUTE]
    limits = [parts.settings.max_image_bytes, parts.settings.max_image_pixels, parts.settings.runtime]
    known = [more, parts.options.as_dict(), limits, versions, weights, [sha256_of(path) for path in code]]
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
    path = workplace / f"{kind}-{digest}.jsonl"
    for other in workplace.glob(f"{kind}-*.jsonl*"):
        if other != path:
            with contextlib.suppress(OSError):
                other.unlink()
    return path


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _faces(parts: Application, answers: Answers) -> Callable[[bytes], int]:
    """Counts the faces of a picture as the engine finds them, without embedding any."""
    from attendance.faces.engine import DETECT_AT_PX
    from attendance.faces.images import MIN_SIDE_PX, decode

    limits, options = parts.settings, parts.options

    def count(picture: bytes) -> int:
        view = decode(
            picture, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels, reduce_to_px=DETECT_AT_PX
        )
        for size_px in (options.min_face_size, options.fallback_face_size):
            found = parts.detector.detect(view.image, max(MIN_SIDE_PX, round(size_px / view.scale)))
            faces = sum(face.confidence >= options.min_confidence for face in found)
            if faces:
                return faces
        return 0

    def answer(picture: bytes) -> int:
        found = answers.of(picture, lambda: _or_unreadable(count, picture))
        if isinstance(found, str):
            raise ImageUnreadableError("This picture cannot be read.", reason=found)
        return int(found)

    return answer


def _or_unreadable(count: Callable[[bytes], int], picture: bytes) -> int | str:
    try:
        return count(picture)
    except ImageUnreadableError as error:
        return error.reason
