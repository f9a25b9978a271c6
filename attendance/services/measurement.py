"""What calibration and evaluation share: with what was measured, whether there is enough, and the finished report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from attendance.domain.metrics import with_failures
from attendance.services.error_report import Data, ErrorReport, TooLittle
from attendance.services.wording import many, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from attendance.domain.model import ModelInfo
    from attendance.services.comparisons import Templates
    from attendance.services.error_rates import Measured
    from attendance.services.error_report import Source

FEW = (
    "Comparisons of the same people are not independent, and below about thirty people the rates of others may differ by "
    "more than the intervals say."
)


class Steps(Protocol):
    """Told how far each step has come."""

    def __call__(self, step: str, /) -> Callable[[int, int], None]:
        """For the step that people know by this name: a function that takes what is done, and the whole."""


@dataclass(frozen=True, slots=True)
class Setting:
    """With what is measured.

    Attributes:
        model: with the threshold that is looked at.
        options: of the recognition, for the report.
        ambiguity_ratio: as in ``domain.matching.identify``.
    """

    model: ModelInfo
    options: Mapping[str, Any]
    ambiguity_ratio: float


@dataclass(frozen=True, slots=True)
class Tried:
    """Pictures that were looked at before any could be compared, and why some could not.

    Attributes:
        pictures: how many.
        failures: reason and how many.
    """

    pictures: int
    failures: Mapping[str, int] = field(default_factory=dict)


def too_little(templates: Templates) -> TooLittle | None:
    """What is missing for a measurement; None where nothing is."""
    people = len(templates.people)
    if people < 2:
        return TooLittle(f"Too little to measure: {many(people, 'person', 'people')} with usable pictures; two are needed.")
    if not (templates.counts > 1).any():
        return TooLittle("Too little to measure: nobody has two usable pictures, so nothing can be said about misses.")
    return None


def counted_pairs(templates: Templates) -> tuple[int, int]:
    """Pictures that a genuine comparison is of, and pairs of different people."""
    counts, people = templates.counts, len(templates.people)
    return int(counts[counts > 1].sum()), people * (people - 1) // 2


def digest_of(lines: Iterable[str]) -> str:
    """SHA-256 over lines in order, hexadecimal: the same data give the same one."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def finished(
    kind: str,
    setting: Setting,
    measured: Measured,
    templates: Templates,
    sources: Sequence[Source],
    *,
    digest: str,
    target_fpir: float,
    at_utc: datetime,
    attempts: int = 0,
    tried: Tried | None = None,
    notes: Sequence[str] = (),
) -> ErrorReport:
    """The report at the setting's threshold. Called again with another threshold it compares nothing again."""
    threshold = setting.model.threshold
    fmr, fnmr = measured.fmr(threshold), measured.fnmr(threshold)
    tried = tried or Tried(len(templates.owners))
    failed = sum(tried.failures.values())
    failure = failed / tried.pictures if tried.pictures else 0.0
    impostor = measured.comparisons.impostor.distances
    data = Data(
        people=len(templates.people),
        people_with_several=int((templates.counts > 1).sum()),
        pictures=len(templates.owners),
        left_out=templates.left_out,
        failures=tried.failures,
        tried=tried.pictures,
        failure_to_acquire=failure,
        digest=digest,
        attempts=attempts,
        rounded_to=impostor.step,
    )
    return ErrorReport(
        kind=kind,
        made_at_utc=at_utc,
        model_id=setting.model.model_id,
        family=setting.model.family,
        options=dict(setting.options),
        ambiguity_ratio=setting.ambiguity_ratio,
        threshold=threshold,
        data=data,
        sources=tuple(sources),
        fmr=fmr,
        fnmr=fnmr,
        far=with_failures(failure, fmr.rate, misses=False),
        frr=with_failures(failure, fnmr.rate, misses=True),
        equal=measured.equal,
        at_fmr=measured.at_fmr,
        identification=measured.identification(threshold),
        target=measured.target(threshold, target_fpir),
        curves=measured.curves,
        det=measured.det,
        histogram=measured.histogram,
        notes=(*notes, *_limits(measured, data)),
    )


def _limits(measured: Measured, data: Data) -> list[str]:
    """What a reader must not take the numbers for."""
    people = data.people
    several = f"{data.people_with_several} of them with more than one picture"
    listed = measured.searches is None  # of which not everybody is compared with everybody
    count = measured.comparisons.impostor.independent if listed else people * (people - 1) // 2
    pairs = many(count, "pair of people", "pairs of people")
    said = [
        f"The comparisons are of {many(people, 'person', 'people')} ({several}), so of {pairs}.",
        FEW,
    ]
    if data.rounded_to:
        kept = f"There are too many impostor comparisons to keep ({number(measured.fmr(0.0).of)})"
        said.append(f"{kept}: they are counted in steps of {data.rounded_to:g}, rounded up.")
    searches = measured.searches
    if searches is not None and searches.searched < searches.pictures:
        drawn = f"{number(searches.searched)} of {number(searches.pictures)} pictures"
        said.append(f"{drawn} were searched for, drawn at random.")
    return said
