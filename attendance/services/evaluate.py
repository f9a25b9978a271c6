"""Error rates of any pictures, with any model and options: one folder a person, or a list of pairs.

Several combinations of options and threshold are measured in one go. Each picture is read once and given to one engine for
each set of options; combinations that differ in the threshold alone share the comparisons.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attendance.domain.reasons import reason_for
from attendance.errors import ImageUnreadableError, SettingsError
from attendance.services.answers import packed, unpacked
from attendance.services.clock import now_utc
from attendance.services.comparisons import (
    Collector,
    Comparisons,
    Templates,
    compare_all,
    compare_listed,
    expected_comparisons,
    templates_of,
)
from attendance.services.error_rates import Measured
from attendance.services.error_report import ErrorReport, Source, TooLittle
from attendance.services.import_folder import read
from attendance.services.measurement import Setting, Tried, counted_pairs, digest_of, finished, too_little
from attendance.services.scores import Scores
from attendance.services.searches import search_all
from attendance.services.wording import many

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from attendance.domain.model import RecognitionOptions
    from attendance.faces.base import FaceEngine, Gallery
    from attendance.services.answers import Answers
    from attendance.services.clock import Clock
    from attendance.services.comparisons import F32
    from attendance.services.import_folder import PersonFolder
    from attendance.services.measurement import Steps
    from attendance.services.pairs_file import Pair

    Picture = tuple[str, str]  # person, and the file's name without its ending


@dataclass(frozen=True, slots=True)
class Combination:
    """What is to be measured: options and a threshold (in ``setting``), the engine of these options, and, where there are
    any, its answers of earlier runs."""

    options: RecognitionOptions
    setting: Setting
    engine: FaceEngine
    answers: Answers | None = None


@dataclass(slots=True)
class Acquired:
    """What one engine made of the pictures.

    Attributes:
        pictures: person, digest and embedding of those that can be used.
        failed: person, file and reason of the others.
    """

    pictures: list[tuple[str, str, F32]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A report for each combination, in their order; what failed, of each combination's engine; and the raw scores of each
    measurement, of which several combinations may be."""

    reports: tuple[ErrorReport | TooLittle, ...]
    failed: tuple[tuple[tuple[str, str, str], ...], ...]
    scores: tuple[Scores, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """What combinations share that differ in the threshold alone."""

    measured: Measured
    scores: Scores
    notes: tuple[str, ...] = ()


def evaluate(
    people: Sequence[PersonFolder],
    combinations: Sequence[Combination],
    make_gallery: Callable[[str, int], Gallery],
    *,
    pairs: Sequence[Pair] | None = None,
    target_fpir: float = 0.001,
    steps: Steps | None = None,
    clock: Clock = now_utc,
) -> Evaluation:
    """Measure pictures.

    Args:
        people: their pictures, as ``import_folder.scan`` finds them.
        combinations: at least one; those of equal options must share their engine.
        make_gallery: makes an empty gallery from a model id and a dimension.
        pairs: compare these alone, and search nobody.
        target_fpir: the FPIR that is wanted.
        steps: told how far each step has come.
        clock: gives the time of the reports.

    Raises:
        SettingsError: the pairs name a picture that is not there.
        InferenceError: a model failed.
    """
    named = None if pairs is None else {one for pair in pairs for one in (pair.first, pair.second)}
    files = {(p.name, file.stem): file for p in people for file in p.files if named is None or (p.name, file.stem) in named}
    if named is not None and (absent := sorted(named - files.keys())):
        raise SettingsError(f"The pairs name {'/'.join(absent[0])}, and there is no such picture.", name="pairs")
    if named is None:
        files = {(p.name, file.name): file for p in people for file in p.files}
    engines = {one.options: one for one in combinations}
    acquired, digests = _acquire(files, engines, None if steps is None else steps("Looking at the pictures"))
    digest = digest_of([f"{person} {digests[person, name]}" for person, name in digests])
    usable = {options: templates_of(found.pictures) for options, found in acquired.items()}
    shared: dict[tuple[RecognitionOptions, float], _Shared | TooLittle] = {}
    reports: list[ErrorReport | TooLittle] = []
    for one in combinations:
        templates, same = usable[one.options], (one.options, one.setting.ambiguity_ratio)
        if same not in shared:
            shared[same] = (
                _measured(templates, one.setting, make_gallery, steps)
                if pairs is None
                else _listed(templates, one.setting, pairs, digests)
            )
        found = shared[same]
        if isinstance(found, TooLittle):
            reports.append(found)
            continue
        failures = dict(Counter(reason for _, _, reason in acquired[one.options].failed).most_common())
        reports.append(
            finished(
                "evaluation",
                one.setting,
                found.measured,
                templates,
                (_source(found.measured, one.setting.model.threshold, "pairs" if pairs else "pictures"),),
                digest=digest,
                target_fpir=target_fpir,
                at_utc=clock(),
                tried=Tried(len(files), failures),
                notes=found.notes,
            )
        )
    failed = tuple(tuple(acquired[one.options].failed) for one in combinations)
    return Evaluation(tuple(reports), failed, tuple(one.scores for one in shared.values() if isinstance(one, _Shared)))


def _acquire(
    files: Mapping[Picture, Path],
    engines: Mapping[RecognitionOptions, Combination],
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[RecognitionOptions, Acquired], dict[Picture, str]]:
    """Every picture through every engine, a picture at a time; and the digests of those that can be read."""
    acquired = {options: Acquired() for options in engines}
    digests: dict[Picture, str] = {}
    for number, ((person, name), path) in enumerate(files.items(), 1):
        try:
            data = read(path)
        except (OSError, ImageUnreadableError):
            data = b""  # the engines refuse it as a picture that cannot be read
        digests[person, name] = hashlib.sha256(data).hexdigest()
        for options, one in engines.items():
            found = _answer(one, data)
            if isinstance(found, str):
                acquired[options].failed.append((person, path.name, found))
            else:
                acquired[options].pictures.append((person, digests[person, name], unpacked(found)))
        if progress is not None:
            progress(number, len(files))
    return acquired, digests


def _answer(one: Combination, picture: bytes) -> str | dict[str, str]:
    """The reason why there is no template, or the template."""

    def ask() -> str | dict[str, str]:
        try:
            capture = one.engine.capture(picture)
        except ImageUnreadableError as error:
            return str(reason_for(error))
        if capture.refusal is not None:
            return str(reason_for(capture.refusal))
        return "no_face" if capture.embedding is None else packed(capture.embedding)

    found: str | dict[str, str] = ask() if one.answers is None else one.answers.of(picture, ask)
    return found


def _measured(
    templates: Templates, setting: Setting, make_gallery: Callable[[str, int], Gallery], steps: Steps | None
) -> _Shared | TooLittle:
    missing = too_little(templates)
    if missing is not None:
        return missing
    people = len(templates.people)
    genuine_expected, impostor_expected = expected_comparisons(templates)
    genuine = Collector(people, genuine_expected, pairs=False)
    impostor = Collector(people, impostor_expected, pairs=True)
    compare_all(templates, genuine, impostor, None if steps is None else steps("Comparing"))
    several, between = counted_pairs(templates)
    compared = Comparisons(genuine.counted(several), impostor.counted(between), people)
    gallery = make_gallery(setting.model.model_id, setting.model.dimension)
    searches = search_all(templates, gallery, setting.ambiguity_ratio, None if steps is None else steps("Searching"))
    return _Shared(Measured(compared, searches), Scores(_values(setting), templates, searches))


def _values(setting: Setting) -> dict[str, Any]:
    """What a measurement depends on; the threshold is none of it."""
    return {**setting.options, "ambiguity_ratio": setting.ambiguity_ratio}


def _listed(
    templates: Templates, setting: Setting, pairs: Sequence[Pair], digests: Mapping[Picture, str]
) -> _Shared | TooLittle:
    """The listed pairs of which both pictures can be used, each once; a picture is not compared with itself."""
    place = {digest: row for row, digest in enumerate(templates.digests)}
    rows = [(place.get(digests[pair.first]), place.get(digests[pair.second])) for pair in pairs]
    usable = {(min(a, b), max(a, b)) for a, b in rows if a is not None and b is not None and a != b}
    people = max(len(templates.people), 1)
    genuine, impostor = Collector(people, len(usable), pairs=False), Collector(people, len(usable), pairs=True)
    listed = sorted(usable)
    if listed:
        compare_listed(templates, listed, genuine, impostor)
    owners = templates.owners
    own = {row for a, b in listed if owners[a] == owners[b] for row in (a, b)}
    others = {(int(owners[a]), int(owners[b])) for a, b in listed if owners[a] != owners[b]}
    if not own or not others:
        kind = "genuine" if not own else "impostor"
        return TooLittle(f"Too little to measure: no {kind} pair has two usable pictures.")
    compared = Comparisons(genuine.counted(len(own)), impostor.counted(len(others)), people)
    lost = len(pairs) - len(listed)
    note = f"{many(lost, 'listed pair')} could not be compared: a picture failed, or the pair is listed twice."
    scores = Scores(_values(setting), templates, None, listed)
    return _Shared(Measured(compared, None), scores, (note,) if lost else ())


def _source(measured: Measured, threshold: float, name: str) -> Source:
    misses, matches = measured.fnmr(threshold), measured.fmr(threshold)
    return Source(name, misses.of, matches.of, misses.errors, matches.errors)
