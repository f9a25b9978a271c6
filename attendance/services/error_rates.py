"""What comparisons and searches say: rates at a threshold and across thresholds, and what cannot be said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain import metrics
from attendance.domain.resampling import GRID, eer_between
from attendance.services.error_report import AtFmr, Curves, Equal, Histogram, Identification, Target
from attendance.services.wording import distance, many, number, share

if TYPE_CHECKING:
    from attendance.domain.metrics import Distances
    from attendance.domain.resampling import Rate
    from attendance.services.comparisons import Comparisons
    from attendance.services.searches import Searches

FMR_TARGETS = (1e-2, 1e-3, 1e-4)
BAR = 4  # steps of the grid in one bar of the distributions: 0.02


@dataclass(eq=False)
class Measured:
    """Comparisons and searches of one set of pictures; thresholds are tried on them without comparing anything again.

    Attributes:
        comparisons: of single pictures.
        searches: None where only a list of pairs was compared.
    """

    comparisons: Comparisons
    searches: Searches | None

    def fmr(self, threshold: float) -> Rate:
        """False match rate."""
        return self.comparisons.impostor.accepted(threshold)

    def fnmr(self, threshold: float) -> Rate:
        """False non-match rate."""
        return self.comparisons.genuine.refused(threshold)

    @cached_property
    def equal(self) -> Equal:
        """Equal error rate."""
        genuine, impostor = self.comparisons.genuine, self.comparisons.impostor
        rate, threshold = metrics.eer(genuine.distances, impostor.distances)
        low, high = eer_between(genuine, impostor)
        return Equal(rate, min(low, rate), max(high, rate), threshold)

    @cached_property
    def at_fmr(self) -> tuple[AtFmr, ...]:
        """FNMR at each FMR of ``FMR_TARGETS``."""
        return tuple(self._at_fmr(target) for target in FMR_TARGETS)

    def _at_fmr(self, target: float) -> AtFmr:
        compared = len(self.comparisons.impostor.distances)
        needed = metrics.enough_for(target)
        if compared < needed:
            sentence = f"Can't be said with {many(compared, 'impostor comparison')}: {number(needed)} or more are needed."
            return AtFmr(target, None, None, sentence)
        threshold = metrics.threshold_at(self.comparisons.impostor.distances, target)
        missed = self.fnmr(threshold)
        sentence = f"FNMR is {share(missed.rate)} at {distance(threshold)}."
        return AtFmr(target, threshold, missed, sentence)

    def identification(self, threshold: float) -> Identification | None:
        """FPIR and FNIR of the searches; None where there were none."""
        found = self.searches
        if found is None:
            return None
        return Identification(
            people=found.people,
            searched_among=found.people - 1,
            pictures=found.pictures,
            searched=found.searched,
            fpir=found.strangers.accepted(threshold),
            fnir=found.mates.refused(threshold) if len(found.mates.distances) else None,
            never_right=_beyond(found.mates.distances),
        )

    def target(self, threshold: float, fpir: float) -> Target | None:
        """Which threshold keeps FPIR at or below ``fpir`` at today's number of people, and how long the present one does."""
        found = self.searches
        if found is None:
            return None
        among, people, searches = found.people - 1, found.people, len(found.strangers.distances)
        needed = metrics.enough_for(metrics.grown(fpir, people, among))
        met: float | None = None
        free = min(float(found.strangers.distances.values[0]), float(GRID[-1]))
        if searches >= needed:
            met = metrics.threshold_for_fpir(found.strangers.distances, fpir, searched=among, people=people)
            met = min(met, float(GRID[-1]))
            said = f"At {people} people, {distance(met)} keeps FPIR at or below {share(fpir)}."
        else:
            said = (
                f"Which threshold keeps FPIR at or below {share(fpir)} at {people} people can't be said with "
                f"{many(searches, 'search', 'searches')}: {number(needed)} or more are needed. None named anybody below "
                f"{distance(free)}, which shows no more than that FPIR is under "
                f"{share(metrics.largest_unseen(searches))} there."
            )
        until, warning, growth = self._growth(threshold, fpir, enough=searches >= needed)
        return Target(fpir, met, needed, searches, free, said, until, warning, growth)

    def _growth(self, threshold: float, fpir: float, *, enough: bool) -> tuple[float | None, bool, str]:
        found = self.searches
        if found is None:
            return None, False, ""
        among, people = found.people - 1, found.people
        seen = found.strangers.accepted(threshold)
        present = f"The present threshold, {distance(threshold)},"
        if seen.errors == 0:
            if not enough:
                return None, False, f"{present} named nobody wrong, but how far it carries can't be said either."
            until = math.floor(metrics.people_until(metrics.largest_unseen(seen.of), among, fpir))
            return until, False, f"{present} named nobody wrong, and is tight enough up to {number(until)} people at least."
        until = math.floor(metrics.people_until(seen.rate, among, fpir))
        if until < people:
            said = f"{present} is too loose already: FPIR is {share(metrics.grown(seen.rate, among, people))}"
            limit = f", and {share(fpir)} was passed at about {many(until, 'person', 'people')}" if until > 1 else ""
            return until, True, f"{said} at {people} people{limit}."
        return until, True, f"{present} becomes too loose at about {number(until + 1)} people; today there are {people}."

    @cached_property
    def curves(self) -> Curves:
        """FMR and FNMR with their intervals at each threshold of the grid up to where nothing changes any more."""
        genuine, impostor = self.comparisons.genuine, self.comparisons.impostor
        matches, misses = [impostor.accepted(t) for t in GRID.tolist()], [genuine.refused(t) for t in GRID.tolist()]
        last = next((i for i, (a, b) in enumerate(zip(matches, misses, strict=True)) if a.rate == 1 and b.rate == 0), None)
        end = len(GRID) if last is None else last + 1
        matches, misses = matches[:end], misses[:end]
        return Curves(
            tuple(GRID[:end].tolist()),
            tuple(one.rate for one in matches),
            tuple(one.low for one in matches),
            tuple(one.high for one in matches),
            tuple(one.rate for one in misses),
            tuple(one.low for one in misses),
            tuple(one.high for one in misses),
        )

    @cached_property
    def det(self) -> tuple[tuple[float, float], ...]:
        """FMR and FNMR where both are more than none, from strict to loose, at most 500 points."""
        genuine, impostor = self.comparisons.genuine.distances, self.comparisons.impostor.distances
        steps = np.union1d(genuine.values, impostor.values)
        matches, misses = metrics.fmr(impostor, steps), metrics.fnmr(genuine, steps)
        rows = np.flatnonzero((matches > 0) & (misses > 0))
        if len(rows) > 500:
            rows = rows[np.linspace(0, len(rows) - 1, 500).astype(int)]
        return tuple((float(matches[row]), float(misses[row])) for row in rows)

    @cached_property
    def histogram(self) -> Histogram:
        """How the distances of each kind spread, in bars of 0.02."""
        end = len(self.curves.thresholds)
        edges = np.array([*GRID[: end - 1 : BAR], GRID[end - 1]]) if end > BAR else GRID[:: len(GRID) - 1]
        bars = []
        for kind in (self.comparisons.genuine, self.comparisons.impostor):
            reached = kind.distances.at_or_below(edges)
            counts = np.diff(reached)
            counts[0] += reached[0]
            bars.append(tuple((counts / len(kind.distances)).tolist()))
        return Histogram(tuple(edges.tolist()), *bars)


def _beyond(distances: Distances) -> int:
    """How many searches for people who are enrolled name them at no threshold."""
    return len(distances) - int(distances.at_or_below(np.finfo(np.float64).max))
