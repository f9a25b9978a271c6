"""Error rates of comparisons and of searches, from distances: smaller is more alike, and a threshold itself accepts.

Terms and definitions are those of ISO/IEC 19795-1 (biometric performance testing and reporting). Everything here is a pure
function of counts: it says what was observed; how far that can be trusted is said by ``domain.resampling``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

F64 = NDArray[np.float64]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Distances of one kind of comparison, each value once with how many lie at or below it.

    Attributes:
        values: float64, ascending, each once; infinity stands for a search that named nobody at any threshold.
        reached: int64, how many distances are at or below each value.
        step: 0 where the values are exact; else they were rounded up to multiples of this.
    """

    values: F64
    reached: NDArray[np.int64]
    step: float = 0.0

    @classmethod
    def of(cls, distances: ArrayLike) -> Distances:
        """Exact ones, in any order.

        Raises:
            ValueError: one is below zero, or not a number.
        """
        values, counts = np.unique(np.asarray(distances, np.float64).ravel(), return_counts=True)
        return cls.counted(values, counts)

    @classmethod
    def counted(cls, values: F64, counts: NDArray[np.int64], step: float = 0.0) -> Distances:
        """Of ascending values with their counts; those that never occurred are left out.

        Raises:
            ValueError: as ``of``.
        """
        if len(values) and not (values >= 0).all():
            raise ValueError("a distance is a number that is not below zero")
        seen = counts > 0
        return cls(values[seen], np.cumsum(counts[seen], dtype=np.int64), step)

    def __len__(self) -> int:
        """How many comparisons there are."""
        return int(self.reached[-1]) if len(self.reached) else 0

    def at_or_below(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """How many distances each threshold accepts; int64 of the thresholds' shape."""
        reached = np.concatenate([np.zeros(1, np.int64), self.reached])
        found: NDArray[np.int64] = reached[np.searchsorted(self.values, np.asarray(thresholds, np.float64), side="right")]
        return found


def fmr(impostor: Distances | ArrayLike, thresholds: ArrayLike) -> F64:
    """False match rate: the share of impostor comparisons at or below each threshold (ISO/IEC 19795-1, false match rate).

    Args:
        impostor: distances between pictures of different people.
        thresholds: of any shape, which the answer has too.

    Raises:
        ValueError: there are no comparisons.
    """
    given = _distances(impostor)
    return given.at_or_below(thresholds) / len(given)


def fnmr(genuine: Distances | ArrayLike, thresholds: ArrayLike) -> F64:
    """False non-match rate: the share of genuine comparisons above each threshold (ISO/IEC 19795-1, false non-match rate).

    Args and errors: as ``fmr``; ``genuine``: distances between different pictures of one person.
    """
    given = _distances(genuine)
    return 1 - given.at_or_below(thresholds) / len(given)


def eer(genuine: Distances | ArrayLike, impostor: Distances | ArrayLike) -> tuple[float, float]:
    """Equal error rate and its threshold: where FMR and FNMR are the same (ISO/IEC 2382-37, 19795-1).

    With finitely many comparisons both are steps and seldom meet. Taken is the step on which they differ least: the rate is
    their mean there, the threshold its middle. Where no error is made on a whole stretch, that is the middle of the gap.

    Raises:
        ValueError: there are no comparisons of one kind.
    """
    own, others = _distances(genuine), _distances(impostor)
    steps = np.union1d(own.values, others.values)
    false_match, false_non_match = fmr(others, steps), fnmr(own, steps)
    apart = false_match - false_non_match  # never falls along the thresholds
    best = int(np.abs(apart).argmin())
    after = int(np.searchsorted(apart, apart[best], side="right"))
    end = steps[min(after, len(steps) - 1)]
    threshold = float(steps[best] + end) / 2 if math.isfinite(end) else float(steps[best])
    return float(false_match[best] + false_non_match[best]) / 2, threshold


def threshold_at(impostor: Distances | ArrayLike, rate: float) -> float:
    """The largest threshold at which at most this share of the distances is accepted.

    The next larger distance is already too many, so the answer lies just below it, which is below
    zero where that distance is 0; infinity where all may be accepted.

    Raises:
        ValueError: there are no comparisons.
    """
    given = _distances(impostor)
    allowed = math.floor(rate * len(given) * (1 + 1e-12))  # 0.1 x 30 is 3, not 3.0000000000000004 or less
    first = int(np.searchsorted(given.reached, allowed, side="right"))
    if first == len(given.values):
        return math.inf
    value = float(given.values[first])
    return value - given.step if given.step else float(np.nextafter(value, -math.inf))


def fnmr_at_fmr(genuine: Distances | ArrayLike, impostor: Distances | ArrayLike, rate: float) -> tuple[float, float]:
    """FNMR where FMR is at most ``rate``, and the threshold: one point of the DET curve (ISO/IEC 19795-1).

    Whether so few comparisons can say it is ``enough_for``'s question.

    Raises:
        ValueError: there are no comparisons of one kind.
    """
    threshold = threshold_at(impostor, rate)
    return float(fnmr(genuine, threshold)), threshold


def fpir(strangers: Distances | ArrayLike, thresholds: ArrayLike) -> F64:
    """False positive identification rate: the share of searches for people who are not enrolled that name somebody
    (ISO/IEC 19795-1, FPIR(N, T)).

    Args:
        strangers: of each search the nearest person's distance, or infinity where nobody is named at any threshold.
        thresholds: of any shape, which the answer has too.

    Raises:
        ValueError: there are no searches.
    """
    return fmr(strangers, thresholds)


def fnir(mates: Distances | ArrayLike, thresholds: ArrayLike) -> F64:
    """False negative identification rate: the share of searches for people who are enrolled that do not name them
    (ISO/IEC 19795-1, FNIR(N, R, T) with R = 1).

    Args:
        mates: of each search the right person's distance where that person is the nearest, else infinity.
        thresholds: of any shape, which the answer has too.

    Raises:
        ValueError: there are no searches.
    """
    return fnmr(mates, thresholds)


def grown(rate: float, searched: float, people: float) -> float:
    """FPIR among ``people`` where it is ``rate`` among ``searched``: 1 - (1 - rate)^(people / searched).

    The binomial model of ISO/IEC 19795-1 and of Wayman (1999), FPIR = 1 - (1 - FMR)^N, which takes comparisons with
    different people for independent.
    """
    if rate >= 1:
        return 1.0
    return -math.expm1(math.log1p(-rate) * people / searched)


def threshold_for_fpir(strangers: Distances | ArrayLike, target: float, *, searched: int, people: int) -> float:
    """The largest threshold that keeps FPIR at or below ``target`` among ``people``, from searches among ``searched``.

    Raises:
        ValueError: there are no searches.
    """
    return threshold_at(strangers, grown(target, people, searched))


def people_until(rate: float, searched: int, target: float) -> float:
    """At how many people FPIR reaches ``target`` where it is ``rate`` among ``searched``.

    Infinity at a rate of 0 or a target of 1. The model of ``grown``, solved for the number of people.
    """
    if rate <= 0 or target >= 1:
        return math.inf
    return searched * math.log1p(-target) / math.log1p(-min(rate, 1 - 1e-12))


def enough_for(rate: float) -> int:
    """How many comparisons without an error it takes to say that an error rate is below ``rate``, with 95 % confidence.

    The rule of three, 3 / rate (ISO/IEC 19795-1, rule of 3; Louis 1981).
    """
    return math.ceil(3 / rate - 1e-9)


def largest_unseen(trials: int) -> float:
    """The largest error rate at which ``trials`` independent ones still show no error once in twenty times.

    The exact form of the rule of three, 1 - 0.05^(1/n) (Clopper and Pearson 1934, one-sided).
    """
    return 1.0 if trials < 1 else -math.expm1(math.log(1 - CONFIDENCE) / trials)


def with_failures(failure_to_acquire: float, rate: float, *, misses: bool) -> float:
    """An error rate of whole attempts, in which a picture without a usable face counts too (ISO/IEC 19795-1):
    FRR = FTA + FNMR (1 - FTA) for ``misses``, else FAR = FMR (1 - FTA).
    """
    compared = rate * (1 - failure_to_acquire)
    return failure_to_acquire + compared if misses else compared


def _distances(given: Distances | ArrayLike) -> Distances:
    found = given if isinstance(given, Distances) else Distances.of(given)
    if not len(found):
        raise ValueError("there are no comparisons")
    return found
