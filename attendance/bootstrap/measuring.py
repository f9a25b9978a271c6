"""Measurements of error rates, put together: of who is enrolled, and of any pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from attendance.services.calibrate import NOTHING
from attendance.services.error_report import TooLittle
from attendance.services.measurement import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attendance.bootstrap.application import Application
    from attendance.bootstrap.parts import Progress
    from attendance.services.answers import Answers
    from attendance.services.calibrate import Calibration
    from attendance.services.error_report import ErrorReport
    from attendance.services.evaluate import Combination, Evaluation
    from attendance.services.import_folder import PersonFolder
    from attendance.services.measurement import Steps
    from attendance.services.pairs_file import Pair
    from attendance.services.scores import Scores
    from attendance.services.sweep import Value

log = structlog.get_logger(__name__)


def calibrate(
    application: Application, *, target_fpir: float = 0.001, attempts: bool = True, progress: Progress | None = None
) -> ErrorReport | TooLittle:
    """Measure who is enrolled with the model and the threshold that decide; loads no network.

    Raises:
        TemplateMismatchError: the people's templates are of another model.
        StoreUnavailableError: the store is away.
    """
    found = compared(application, attempts=attempts, progress=progress)
    return found if isinstance(found, TooLittle) else found.report(target_fpir=target_fpir)


def compared(
    application: Application, *, attempts: bool = True, progress: Progress | None = None
) -> Calibration | TooLittle:
    """What ``calibrate`` reports on, for trying thresholds; the same errors."""
    from attendance.faces.gallery import MatrixGallery
    from attendance.services.calibrate import compared as compare

    if application.store.active_model() is None:
        return NOTHING
    application.roster.ready()
    setting = Setting(application.model, application.options.as_dict(), application.params.policy.ambiguity_ratio)
    return compare(application.store, setting, MatrixGallery, attempts=attempts, steps=steps_of(progress))


def evaluate(
    application: Application,
    people: Sequence[PersonFolder],
    tried: Sequence[Mapping[str, Value]],
    *,
    pairs: Sequence[Pair] | None = None,
    target_fpir: float = 0.001,
    progress: Progress | None = None,
    answers: Answers | None = None,
) -> Evaluation:
    """Measure pictures with each combination of values (``services.sweep``) over those that decide now; ``answers``: of
    earlier runs, where the options are the same for all combinations.

    Raises:
        SettingsError: a value is out of its range, or the pairs name a picture that is not there.
        ModelError: a model cannot be used.
    """
    from attendance.faces.gallery import MatrixGallery
    from attendance.services.evaluate import evaluate as measure

    made = [replace(one, answers=answers) for one in combinations(application, tried)]
    return measure(people, made, MatrixGallery, pairs=pairs, target_fpir=target_fpir, steps=steps_of(progress))


def combinations(application: Application, tried: Sequence[Mapping[str, Value]]) -> list[Combination]:
    """Each combination with its engine; equal options share one, and all share the detector.

    Raises:
        SettingsError, ModelError: as ``evaluate``.
    """
    from attendance.domain.model import RecognitionOptions
    from attendance.faces.engine import Engine
    from attendance.faces.once import SharedEngines
    from attendance.faces.quality import Gate
    from attendance.params import over
    from attendance.services.evaluate import Combination
    from attendance.services.sweep import dotted

    family, limits = application.family, application.settings
    chosen = [over(application.params, dotted(values, family)) for values in tried]
    engines = SharedEngines(
        application.detector,
        lambda options: application.catalogue.embedder(family, options, progress=application.downloading),
        lambda detector, embedder, options: Engine(
            detector, embedder, options, Gate(), max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels
        ),
    )
    made = {}
    found = []
    for params in chosen:
        options = RecognitionOptions(**params.recognition.model_dump())
        model = replace(application.catalogue.info(family, options), threshold=getattr(params.thresholds, family))
        if options not in made:
            made[options] = engines.engine(model, options)
        setting = Setting(model, options.as_dict(), params.policy.ambiguity_ratio)
        found.append(Combination(options, setting, made[options]))
    return found


def when_measured(
    reports: Sequence[ErrorReport], page: str, *, data: str, track: bool, scores: Sequence[Scores] = ()
) -> str:
    """Told of every finished measurement.

    Args:
        reports: one, or one for each combination of a sweep.
        page: the HTML report of them.
        data: what the data are called.
        track: make an MLflow run of it.
        scores: of which the reports are.

    Returns:
        a sentence on where it is tracked, or why it is not; empty where that was not wanted.
    """
    for report in reports:
        log.info("measured", kind=report.kind, model_id=report.model_id, threshold=report.threshold, page_bytes=len(page))
    if not track:
        return ""
    from attendance.bootstrap.measured_runs import track as tracked

    return tracked(reports, page, data=data, scores=scores)


def steps_of(progress: Progress | None) -> Steps | None:
    """Progress as the measurements tell it."""
    if progress is None:
        return None
    told = progress
    return lambda step: lambda done, total: told(step, done, total)
