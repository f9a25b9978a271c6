"""How far an observed error rate can be trusted: intervals from drawing the people again (bootstrap).

Comparisons of one person's pictures hang together, so people are drawn, not comparisons (Bolle, Ratha and Pankanti 2004,
the subset bootstrap). A comparison of two people belongs to both, and counts as often as both were drawn: the product of
two weights (Snijders and Borgatti 1999, the vertex bootstrap). Of more than a hundred people its first-order form is used,
the sum of the weights less one (the Hájek projection of a statistic of pairs), because it needs a small table for each
person instead of one for each pair: 50,000 people fit in memory. Of few people that form is too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attendance.domain.metrics import CONFIDENCE, largest_unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attendance.domain.metrics import Distances

F64 = NDArray[np.float64]

PER_UNIT = 200
GRID: F64 = np.arange(2 * PER_UNIT + 1) / PER_UNIT  # 0 to 2, the range of the thresholds' settings, in steps of 0.005
GRID.flags.writeable = False
DRAWS = 1000
SEED = 19795  # the same comparisons give the same intervals
PAIRED = 100  # people of whom each pair has a table: 16 MB
_ROOM = 4_000_000  # numbers that are held at once while drawing


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate with its 95 % interval.

    Attributes:
        rate, low, high: 0 to 1.
        errors: how many were seen.
        of: among so many comparisons or searches.
    """

    rate: float
    low: float
    high: float
    errors: int
    of: int


class ByPerson:
    """For each person, how many comparisons lie at or below each threshold of the grid.

    Args:
        people: how many.
        pairs: a comparison belongs to two people rather than to one.
    """

    def __init__(self, people: int, *, pairs: bool) -> None:
        self.pairs = pairs
        width = len(GRID) + 1  # the last: beyond the grid
        self.bins = np.zeros((people, width), np.uint32)
        self._between = np.zeros((people, people, width), np.uint32) if pairs and people <= PAIRED else None

    def add(self, distances: F64, *owners: NDArray[np.integer]) -> None:
        """Count distances, and of each the person or the two people it is of."""
        if not len(distances):
            return
        bins = bins_of(distances)
        for people in owners:
            _count(self.bins, people, bins)
        if self._between is not None:
            one, other = owners
            _count(self._between, one, other * self.bins.shape[1] + bins)

    def shares(self, draws: int = DRAWS, seed: int = SEED) -> F64:
        """The share at or below each threshold in each draw of the people: float64 (draws, len(GRID)).

        A draw that happens to hold no comparison is not a number. Two tables of the same people draw the same people.
        """
        drawn = _weights(len(self.bins), draws, seed)
        if self._between is not None:
            counts = np.concatenate([_paired(weights, self._between) for weights in drawn])
        else:
            counts = np.concatenate([_weighted(weights, self.bins) for weights in drawn])
            if self.pairs:
                counts = np.maximum(counts - self.bins.sum(axis=0, dtype=np.float64) / 2, 0)
        reached = np.cumsum(counts, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: F64 = reached[:, :-1] / reached[:, -1:]
        return shares


@dataclass(eq=False)
class Counted:
    """Comparisons of one kind, and what they say at a threshold.

    Attributes:
        distances: all of them.
        by_person: the same, by the people that they are of.
        independent: how many can be taken for independent where no error was seen: pictures, or pairs of people.
    """

    distances: Distances
    by_person: ByPerson
    independent: int

    def accepted(self, threshold: float) -> Rate:
        """The share at or below a threshold: FMR of impostors, FPIR of strangers."""
        low, high = self.shares_between
        errors = int(self.distances.at_or_below(threshold))
        return self._rate(errors, *_between(threshold, low, high))

    def refused(self, threshold: float) -> Rate:
        """The share above a threshold: FNMR of genuine comparisons, FNIR of searches for people who are enrolled."""
        low, high = self.shares_between
        errors = len(self.distances) - int(self.distances.at_or_below(threshold))
        least, most = _between(threshold, low, high)
        return self._rate(errors, 1 - most, 1 - least)

    @cached_property
    def shares(self) -> F64:
        """Of every draw; see ``ByPerson.shares``."""
        return self.by_person.shares()

    @cached_property
    def shares_between(self) -> tuple[F64, F64]:
        """Low and high end of the share at or below each threshold of the grid."""
        usable = self.shares[np.isfinite(self.shares[:, 0])]
        if not len(usable):
            return np.zeros(len(GRID)), np.ones(len(GRID))
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(usable, [tail, 1 - tail], axis=0)
        return low, high

    def _rate(self, errors: int, low: float, high: float) -> Rate:
        """Where all or none were errors there is nothing to draw, and the rule of three gives the open end."""
        of = len(self.distances)
        rate = errors / of
        unseen = largest_unseen(self.independent)
        if errors == 0:
            return Rate(0.0, 0.0, unseen, 0, of)
        if errors == of:
            return Rate(1.0, 1 - unseen, 1.0, of, of)
        return Rate(rate, max(min(low, rate), 0.0), min(max(high, rate), 1.0), errors, of)


def eer_between(genuine: Counted, impostor: Counted) -> tuple[float, float]:
    """The equal error rate's 95 % interval: in each draw, where the two lines between the grid's thresholds cross."""
    misses, matches = 1 - genuine.shares, impostor.shares
    usable = np.isfinite(misses[:, 0]) & np.isfinite(matches[:, 0])
    if not usable.any():
        return 0.0, 1.0
    apart = (matches - misses)[usable]  # never falls along the thresholds
    after = np.clip((apart < 0).sum(axis=1), 1, len(GRID) - 1)
    rows = np.arange(len(apart))
    before, behind = apart[rows, after - 1], apart[rows, after]
    share = np.where(behind > before, -before / np.where(behind > before, behind - before, 1), 1)
    middle = ((matches + misses) / 2)[usable]
    rates = middle[rows, after - 1] + np.clip(share, 0, 1) * (middle[rows, after] - middle[rows, after - 1])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    if high <= 0:  # no draw has a threshold without a gap: as where no error was seen
        high = largest_unseen(min(genuine.independent, impostor.independent))
    return float(low), float(high)


def bins_of(distances: F64) -> NDArray[np.int64]:
    """Of each distance the first threshold of the grid that accepts it; ``len(GRID)`` where none does."""
    bins = np.ceil(np.minimum(distances, 3.0) * PER_UNIT - 1e-9).astype(np.int64)
    return np.minimum(bins, len(GRID))


def _count(table: NDArray[np.uint32], people: NDArray[np.integer], places: NDArray[np.int64]) -> None:
    """One more for each of these people, at a place in the person's part of the table."""
    first, last = int(people.min()), int(people.max()) + 1
    size = table[0].size
    flat = (people.astype(np.int64, copy=False) - first) * size + places
    counted = np.bincount(flat, minlength=(last - first) * size)
    table[first:last] += counted.reshape(-1, *table.shape[1:]).astype(np.uint32)


def _weighted(weights: F64, table: NDArray[np.uint32]) -> F64:
    """Each draw's weighted counts a bin, a part of the table at a time: ``weights`` (draws, n), ``table`` (n, bins)."""
    rows, width = table.shape
    part = max(1, _ROOM // width)
    total = np.zeros((len(weights), width))
    for first in range(0, rows, part):
        total += weights[:, first : first + part] @ table[first : first + part].astype(np.float64)
    return total


def _paired(weights: F64, table: NDArray[np.uint32]) -> F64:
    """The same where a comparison counts as often as both people were drawn: ``table`` (n, n, bins)."""
    people, _, width = table.shape
    flat = table.reshape(-1, width)
    at_once = max(1, _ROOM // people**2)
    parts = [weights[first : first + at_once] for first in range(0, len(weights), at_once)]
    return np.concatenate([_weighted((part[:, :, None] * part[:, None, :]).reshape(len(part), -1), flat) for part in parts])


def _between(threshold: float, low: F64, high: F64) -> tuple[float, float]:
    """The interval at any threshold: between two of the grid, the lower one's low end and the upper one's high end."""
    place = min(max(threshold, 0.0), float(GRID[-1])) * PER_UNIT
    return float(low[math.floor(place + 1e-9)]), float(high[math.ceil(place - 1e-9)])


def _weights(people: int, draws: int, seed: int) -> Iterator[F64]:
    """How often each person is drawn, (a few draws, people) at a time."""
    rng = np.random.default_rng(seed)
    at_once = max(1, min(draws, _ROOM // max(people, 1)))
    for first in range(0, draws, at_once):
        size = min(at_once, draws - first)
        yield rng.multinomial(people, np.full(people, 1 / people), size=size).astype(np.float64)
