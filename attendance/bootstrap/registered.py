"""The recogniser and MLflow's registry, put together: kept copies, new versions, and which one decides."""

from __future__ import annotations

import json
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.errors import ModelError, RegistryError
from attendance.services.clock import now_utc
from attendance.services.error_report import ErrorReport, TooLittle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attendance.bootstrap.application import Application
    from attendance.bootstrap.parts import Progress
    from attendance.domain.recogniser import Recogniser
    from attendance.domain.registered import Version
    from attendance.services.import_folder import PersonFolder
    from attendance.services.kept_recogniser import KeptRecogniser
    from attendance.services.promotion import Outcome, Who
    from attendance.services.sweep import Value
    from attendance.settings import Settings
    from attendance.tracking.registry import Registry

REGISTER = "register-recogniser"
_kept: dict[tuple[str, str, Path], KeptRecogniser] = {}
_lock = threading.Lock()


def recogniser_of(settings: Settings) -> KeptRecogniser:
    """The recogniser that ``settings.model`` names. Asked for once a process: a promotion holds from the next start on.

    Raises:
        RegistryError: the registry cannot be asked and there is no copy.
        WeightsUnavailableError: it names a folder, and a file in it is missing or damaged.
    """
    from attendance.faces.bundle import read
    from attendance.services.kept_recogniser import Keeper, KeptRecogniser
    from attendance.settings import tracking_uri
    from attendance.tracking.fetching import fetch

    if not settings.model.startswith("models:"):  # a folder, whose version is DVC's matter
        place = Path(settings.model).absolute()
        return KeptRecogniser(read(place), place, 0, "")
    folder = (settings.model_keep_dir or settings.model_dir / "registry").absolute()
    at = (settings.model, tracking_uri(), folder)
    with _lock:
        if at not in _kept:
            asked = partial(fetch, settings.model, at[1])
            _kept[at] = Keeper(settings.model, folder, asked, read).current()
        return _kept[at]


def forget() -> None:
    """Ask the registry again at the next occasion; for tests."""
    with _lock:
        _kept.clear()


def registry() -> Registry:
    """The registry of this machine's MLflow.

    Raises:
        RegistryError: MLflow is not installed, or nothing answers.
    """
    from attendance.settings import tracking_uri
    from attendance.tracking.registry import Registry

    return Registry(tracking_uri())


def keep(application: Application, folder: Path) -> Recogniser:
    """Write what decides now into a folder, for DVC: model files, options and threshold. One that is there is replaced as
    a whole.

    Raises:
        ModelError: a model file is missing or cannot be copied.
    """
    from attendance.domain.recogniser import Recogniser
    from attendance.faces import bundle

    _ = application.embedder, application.detector  # make their files, where that was not done yet
    model, ambiguity = application.model, application.params.policy.ambiguity_ratio
    wanted = Recogniser(application.family, model.model_id, application.options, model.threshold, ambiguity)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        made = bundle.write(Path(scratch) / "new", wanted, application.model_dir)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        (Path(scratch) / "new").rename(folder)
    return made


def register(application: Application, values: Mapping[str, Value], actor: str, progress: Progress) -> tuple[Version, str]:
    """Register what decides now, with other ``values`` (``services.sweep.NAMES``) where they are given, as the challenger.

    Returns:
        the version, and why it has no calibration report; empty where it has one.

    Raises:
        SettingsError: a value is out of its range.
        ModelError: a model file is missing, or the registry does not take it.
        StoreUnavailableError: it cannot be recorded, so nothing is done.
    """
    from attendance.bootstrap import measuring
    from attendance.domain.recogniser import Recogniser
    from attendance.domain.registered import CHALLENGER
    from attendance.faces import bundle
    from attendance.services.audit import recorded
    from attendance.services.calibration_report import html
    from attendance.services.sweep import dotted
    from attendance.tracking.packaging import Package

    where = registry()
    family = application.family
    trial = application.trying({**application.chosen.values, **dotted(values, family)})
    trial.made |= {"store": application.store, "family": family, "detector": application.detector}
    _ = trial.embedder  # makes its file, where that was not done yet
    model = trial.model
    ambiguity = trial.params.policy.ambiguity_ratio
    wanted = Recogniser(family, model.model_id, trial.options, model.threshold, ambiguity)
    measured: ErrorReport | TooLittle
    try:
        measured = measuring.calibrate(trial, progress=progress)
    except ModelError as error:
        measured = TooLittle(f"No calibration: {error}")
    with tempfile.TemporaryDirectory(prefix="attend-recogniser-") as scratch:
        folder = Path(scratch) / "recogniser"
        made = bundle.write(folder, wanted, trial.model_dir)
        report: dict[str, str] = {}
        if isinstance(measured, ErrorReport):
            report = {"report.html": html([measured]), "report.json": json.dumps(measured.as_dict(), default=str)}
        here = Path(__file__).resolve().parent
        package = Package(made, folder, here / "pyfunc_recogniser.py", here.parent, bundle.nobody(), report)
        tags = {**tags_of(made, bundle.md5_of(folder, list(made.files))), **_calibrated(measured), "registered.by": actor}
        details = {"digest": made.digest, "model_id": made.model_id, "threshold": made.threshold}
        progress("Registering", 0, 1)
        with recorded(application.store, now_utc, actor, REGISTER, details):
            version = where.register(package, tags, _description(made, measured))
            where.point(CHALLENGER, version.number)
        progress("Registering", 1, 1)
    version = replace(version, aliases=tuple(sorted({*version.aliases, CHALLENGER})))
    return version, "" if isinstance(measured, ErrorReport) else measured.sentence


def tags_of(made: Recogniser, md5: Mapping[str, str]) -> dict[str, str]:
    """What a version says of itself; ``md5.…`` are what DVC knows the same files by."""
    return {
        "digest": made.digest,
        "family": made.family,
        "model_id": made.model_id,
        "threshold": f"{made.threshold:g}",
        "ambiguity_ratio": f"{made.ambiguity_ratio:g}",
        "options": json.dumps(made.options.as_dict(), sort_keys=True),
        **{f"sha256.{name}": digest for name, digest in made.files.items()},
        **{f"md5.{name}": digest for name, digest in md5.items()},
    }


def promote(
    application: Application,
    which: str,
    people: Sequence[PersonFolder] | None,
    who: Who,
    *,
    data: str,
    force: bool,
    progress: Progress,
) -> Outcome:
    """Promote a version; with ``people`` both it and the champion are measured on their pictures first, each an MLflow run
    that calls them ``data``.

    Raises:
        ModelError: the registry cannot be asked, or a model cannot be used.
        StoreUnavailableError: it cannot be recorded, so nothing is done.
    """
    from attendance.domain.registered import CHAMPION
    from attendance.services import promotion

    where = registry()
    challenger = where.version(which)
    champion = None
    with suppress(RegistryError):
        champion = where.version(f"@{CHAMPION}")
    if people is not None:
        for one in (challenger, champion):
            if one is not None:
                _measure(where, one, people, data, progress)
        challenger = where.version(str(challenger.number))
        champion = where.version(str(champion.number)) if champion is not None else None
    return promotion.promote(where, application.store, now_utc, challenger, champion, who, force=force)


def rollback(application: Application, who: Who) -> Outcome:
    """Go back to the champion before.

    Raises:
        RegistryError: the registry cannot be asked, or there is no champion.
        StoreUnavailableError: it cannot be recorded, so nothing is done.
    """
    from attendance.domain.registered import CHAMPION
    from attendance.services import promotion

    where = registry()
    return promotion.rollback(where, application.store, now_utc, where.version(f"@{CHAMPION}"), who)


def _measure(where: Registry, version: Version, people: Sequence[PersonFolder], data: str, progress: Progress) -> None:
    """Measure one version on pictures, and let its tags say what came out.

    Raises:
        RegistryError: its files are damaged, or there is too little to measure.
    """
    from attendance.bootstrap.measured_runs import track
    from attendance.bootstrap.measuring import steps_of
    from attendance.faces import bundle
    from attendance.faces.gallery import MatrixGallery
    from attendance.services.calibration_report import html
    from attendance.services.evaluate import Combination, evaluate
    from attendance.services.measurement import Setting
    from attendance.services.promotion import evaluation_tag

    def told(step: str, done: int, total: int | None) -> None:
        progress(f"Version {version.number}: {step[:1].lower()}{step[1:]}", done, total)

    with tempfile.TemporaryDirectory(prefix="attend-version-") as scratch:
        folder = where.download(version.number, Path(scratch))
        one = bundle.read(folder)
        engine = bundle.open_engine(folder)
        setting = Setting(engine.model, one.options.as_dict(), one.ambiguity_ratio)
        done = evaluate(people, [Combination(one.options, setting, engine)], MatrixGallery, steps=steps_of(told))
    report = done.reports[0]
    if not isinstance(report, ErrorReport):
        raise RegistryError(
            f"Version {version.number} can't be measured on these pictures. {report.sentence}",
            model="registry",
            reason="refused",
        )
    where.tag(version.number, evaluation_tag(report))
    track([report], html([report]), data=data, tracking_uri=where.uri, tags={"recogniser_version": str(version.number)})


def _calibrated(measured: ErrorReport | TooLittle) -> dict[str, str]:
    if not isinstance(measured, ErrorReport):
        return {"calibration": measured.sentence}
    return {
        "calibration.data_digest": measured.data.digest,
        **{f"calibration.{name}": f"{value:.6g}" for name, value in measured.metrics().items()},
    }


def _description(made: Recogniser, measured: ErrorReport | TooLittle) -> str:
    said = f"{made.model_id}, threshold {made.threshold:g} (L2 distance)."
    if not isinstance(measured, ErrorReport):
        return f"{said} {measured.sentence}"
    people = f"{measured.data.people} people, {measured.data.pictures} pictures"
    return f"{said} Calibrated on {people}: EER {measured.equal.rate:.3%} at {measured.equal.threshold:.3f}."
