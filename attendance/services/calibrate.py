"""Error rates of what is enrolled: every reference against every other, the reviewed attempts, and searches of everybody."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain.model import Decision, PersonStatus, RecordFilter, Review
from attendance.services.clock import now_utc
from attendance.services.comparisons import Collector, Comparisons, compare_all, expected_comparisons, templates_of
from attendance.services.error_rates import Measured
from attendance.services.error_report import ErrorReport, Source, TooLittle
from attendance.services.measurement import counted_pairs, digest_of, finished, too_little
from attendance.services.scores import Scores
from attendance.services.searches import search_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from attendance.domain.metrics import F64, Distances
    from attendance.domain.model import Attempt, PersonTemplates
    from attendance.faces.base import Gallery
    from attendance.services.clock import Clock
    from attendance.services.comparisons import F32, Templates
    from attendance.services.measurement import Setting, Steps
    from attendance.store.base import Store

PAGE = 1000
NOTHING = TooLittle("Nobody is enrolled yet, so there is nothing to measure.")

ATTEMPTS_NOTE = (
    "Reviewed attempts are among the comparisons. An attempt is reviewed where it was accepted, so those that were upheld "
    "hold no misses (FNMR looks lower than it is) and those that were void are all false matches (FMR looks higher); the "
    "table by source says how many each brought."
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was compared, from which the report at any threshold follows without comparing anything again.

    Attributes:
        setting: with what, and the threshold in use.
        measured: all comparisons and searches.
        templates: of whom.
        references: genuine and impostor distances of the references alone.
        reviewed: attempts among the comparisons: distances of those that were upheld, and of those that were void.
        scores: all of it, raw.
        digest: of the data.
        at_utc: when.
    """

    setting: Setting
    measured: Measured
    templates: Templates
    references: tuple[Distances, Distances]
    reviewed: tuple[F64, F64]
    scores: Scores
    digest: str
    at_utc: datetime

    def report(self, *, threshold: float | None = None, target_fpir: float = 0.001) -> ErrorReport:
        """The rates at a threshold; None: the one in use.

        Args:
            threshold: L2 distance.
            target_fpir: the FPIR that is wanted, above 0 and below 1.
        """
        setting = self.setting
        if threshold is not None:
            setting = replace(setting, model=replace(setting.model, threshold=threshold))
        attempts = sum(len(kind) for kind in self.reviewed)
        return finished(
            "calibration",
            setting,
            self.measured,
            self.templates,
            self._sources(setting.model.threshold),
            digest=self.digest,
            attempts=attempts,
            target_fpir=target_fpir,
            notes=(ATTEMPTS_NOTE,) if attempts else (),
            at_utc=self.at_utc,
        )

    def _sources(self, threshold: float) -> tuple[Source, ...]:
        own, others = self.references
        missed, matched = len(own) - int(own.at_or_below(threshold)), int(others.at_or_below(threshold))
        sources = [Source("references", len(own), len(others), missed, matched)]
        upheld, void = self.reviewed
        if len(upheld) + len(void):
            errors = int((upheld > threshold).sum()), int((void <= threshold).sum())
            sources.append(Source("reviewed attempts", len(upheld), len(void), *errors))
        return tuple(sources)


def calibrate(
    store: Store,
    setting: Setting,
    make_gallery: Callable[[str, int], Gallery],
    *,
    target_fpir: float = 0.001,
    attempts: bool = True,
    steps: Steps | None = None,
    clock: Clock = now_utc,
) -> ErrorReport | TooLittle:
    """The report at the setting's threshold; the other arguments and errors are those of ``compared``."""
    found = compared(store, setting, make_gallery, attempts=attempts, steps=steps, clock=clock)
    return found if isinstance(found, TooLittle) else found.report(target_fpir=target_fpir)


def compared(
    store: Store,
    setting: Setting,
    make_gallery: Callable[[str, int], Gallery],
    *,
    attempts: bool = True,
    steps: Steps | None = None,
    clock: Clock = now_utc,
) -> Calibration | TooLittle:
    """Compare the templates of one model that are stored, of the people who are active.

    Args:
        store: asked once for the templates, and for the reviewed attempts.
        setting: of which model, and the threshold that decides.
        make_gallery: makes an empty gallery from a model id and a dimension; the one at work is not touched.
        attempts: count the reviewed attempts of this model too; those that are disputed are open and never counted.
        steps: told how far each step has come.
        clock: gives the time of the report.

    Raises:
        StoreUnavailableError: the store is away.
    """
    model_id = setting.model.model_id
    changed = store.gallery_changes(model_id).changed
    templates = templates_of(_pictures(store, [one for one in changed if one.status is PersonStatus.ACTIVE]))
    missing = too_little(templates)
    if missing is not None:
        return missing if changed else NOTHING
    reviewed = list(_reviewed(store, model_id)) if attempts else []
    comparisons, references = _compared(templates, reviewed, steps)
    progress = None if steps is None else steps("Searching")
    gallery = make_gallery(model_id, setting.model.dimension)
    searches = search_all(templates, gallery, setting.ambiguity_ratio, progress)
    of_kind = [[one for one in reviewed if one.review is kind] for kind in (Review.UPHELD, Review.VOID)]
    raw = [[(str(one.person_id), float(one.distance_l2 or 0.0)) for one in kind] for kind in of_kind]
    return Calibration(
        setting,
        Measured(comparisons, searches),
        templates,
        references,
        (_distances(of_kind[0]), _distances(of_kind[1])),
        Scores(setting.options, templates, searches, upheld=raw[0], void=raw[1]),
        digest_of([*_lines(templates), *sorted(f"attempt {one.attempt_id} {one.review}" for one in reviewed)]),
        clock(),
    )


def _pictures(store: Store, people: list[PersonTemplates]) -> Iterator[tuple[str, str, F32]]:
    """Person, digest and template of every picture. Where an older database has no digest, the template stands for the
    picture: two pictures never give exactly the same numbers."""
    for person in people:
        digests = {one.reference_id: one.sha256 for one in store.references(person.person_id)}
        for reference_id, embedding in zip(person.reference_ids, person.embeddings, strict=True):
            digest = digests.get(reference_id) or hashlib.sha256(np.ascontiguousarray(embedding).tobytes()).hexdigest()
            yield person.person_id, digest, embedding


def _reviewed(store: Store, model_id: str) -> Iterator[Attempt]:
    """Accepted attempts of this model of which the office said whether it was that person."""
    for review in (Review.UPHELD, Review.VOID):
        which = RecordFilter(decision=Decision.ACCEPTED, review=review, model_id=model_id)
        offset = 0
        while page := store.attempt_page(which, limit=PAGE, offset=offset):
            offset += len(page)
            yield from (one for one in page if one.distance_l2 is not None and one.person_id is not None)


def _compared(
    templates: Templates, reviewed: list[Attempt], steps: Steps | None
) -> tuple[Comparisons, tuple[Distances, Distances]]:
    """The references among themselves, and then the attempts; and the references' distances alone. Who is in an attempt that
    is void is not known: somebody else each time."""
    upheld = [one for one in reviewed if one.review is Review.UPHELD]
    void = [one for one in reviewed if one.review is Review.VOID]
    place = {person: number for number, person in enumerate(templates.people)}
    for one in reviewed:
        place.setdefault(str(one.person_id), len(place))
    unknown = len(place)
    people = unknown + len(void)
    genuine_expected, impostor_expected = expected_comparisons(templates)
    genuine = Collector(people, genuine_expected + len(upheld), pairs=False)
    impostor = Collector(people, impostor_expected + len(void), pairs=True)
    compare_all(templates, genuine, impostor, None if steps is None else steps("Comparing"))

    alone = [kind.counted(1).distances for kind in (genuine, impostor)] if reviewed else []
    genuine.add(_distances(upheld), _places(upheld, place))
    impostor.add(_distances(void), _places(void, place), np.arange(unknown, people))
    several, pairs = counted_pairs(templates)
    counted = Comparisons(genuine.counted(several + len(upheld)), impostor.counted(pairs + len(void)), people)
    if not reviewed:
        alone = [counted.genuine.distances, counted.impostor.distances]
    return counted, (alone[0], alone[1])


def _distances(attempts: list[Attempt]) -> F64:
    return np.array([one.distance_l2 for one in attempts], np.float64)


def _places(attempts: list[Attempt], place: dict[str, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([place[str(one.person_id)] for one in attempts], np.int64)


def _lines(templates: Templates) -> list[str]:
    return [f"{templates.people[owner]} {digest}" for owner, digest in zip(templates.owners, templates.digests, strict=True)]
