"""Searches of the enrolled among themselves, each picture left out of what it is compared with.

The gallery is a real one, so a distance is the product's own: the smaller of the nearest reference's and of the mean of
the references' (``faces/gallery.py``). The decision is the product's too: nobody is named where the second person is nearly
as near.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain.matching import identify
from attendance.domain.model import Decision, PersonStatus, PersonTemplates
from attendance.services.comparisons import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attendance.domain.model import Candidate
    from attendance.domain.resampling import Counted
    from attendance.faces.base import Gallery
    from attendance.services.comparisons import Indices, Templates

MOST = 5_000  # pictures that are searched for: enough for an FPIR of 0.1 %, in some minutes among 50,000
_SEED = 2382
_ANY = 1e9  # a threshold that every distance is within


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """What the searches found.

    Attributes:
        strangers: the person left out altogether, so that whoever is named is somebody else; the distance of whoever would
            be named, infinity where two are about as near.
        mates: the picture alone left out; the right person's distance, infinity where somebody else is nearer or another
            person is about as near.
        people: enrolled in all; a stranger is searched among one fewer.
        pictures: that there are; where more than ``MOST``, so many were drawn.
        searched: that were searched for.
        raw: of each of these its place in the templates and its distances in ``strangers`` and ``mates``; the latter is not
            a number where there was no other picture of the person.
    """

    strangers: Counted
    mates: Counted
    people: int
    pictures: int
    searched: int
    raw: tuple[tuple[int, float, float], ...]


def search_all(
    templates: Templates,
    gallery: Gallery,
    ambiguity_ratio: float,
    progress: Callable[[int, int], None] | None = None,
    *,
    most: int = MOST,
) -> Searches:
    """Search for every picture, once as a stranger's and, where there is another picture of the person, once as a mate's.

    Args:
        templates: of two people or more.
        gallery: an empty one; it is filled with these pictures.
        ambiguity_ratio: as in ``domain.matching.identify``.
        progress: told pictures done and in all.
        most: draw so many pictures where there are more.
    """
    rows = _drawn(len(templates.owners), most)
    counts = templates.counts
    size = len(templates.people)
    strangers, mates = Collector(size, len(rows), pairs=False), Collector(size, len(rows), pairs=False)
    ends = np.cumsum(counts)
    for person in range(len(templates.people)):
        gallery.put(_of(templates, person, np.arange(ends[person] - counts[person], ends[person])))
    raw: list[tuple[int, float, float]] = []
    for number, row in enumerate(rows):
        person = int(templates.owners[row])
        own = np.arange(ends[person] - counts[person], ends[person])
        probe, owner = templates.embeddings[row], np.array([person])
        gallery.remove(templates.people[person])
        stranger, mate = _named(gallery.search(probe), ambiguity_ratio, None), math.nan
        strangers.add(np.array([stranger]), owner)
        if len(own) > 1:
            gallery.put(_of(templates, person, own[own != row]))
            mate = _named(gallery.search(probe), ambiguity_ratio, templates.people[person])
            mates.add(np.array([mate]), owner)
        raw.append((int(row), stranger, mate))
        gallery.put(_of(templates, person, own))
        if progress is not None:
            progress(number + 1, len(rows))
    mated = sum(not math.isnan(mate) for _, _, mate in raw)
    counted = strangers.counted(len(rows)), mates.counted(mated)
    return Searches(*counted, len(templates.people), len(templates.owners), len(rows), tuple(raw))


def _named(candidates: Sequence[Candidate], ambiguity_ratio: float, wanted: str | None) -> float:
    """The distance from which on the search names somebody, or ``wanted``; infinity where it never does.

    Whether two people are too near to each other does not depend on the threshold, so the domain is asked once with one that
    accepts every distance.
    """
    verdict = identify(candidates, _ANY, ambiguity_ratio)
    if verdict.decision is not Decision.ACCEPTED or verdict.distance_l2 is None:
        return math.inf
    return verdict.distance_l2 if wanted is None or verdict.person_id == wanted else math.inf


def _of(templates: Templates, person: int, rows: Indices) -> PersonTemplates:
    name = templates.people[person]
    return PersonTemplates(name, name, PersonStatus.ACTIVE, tuple(map(str, rows.tolist())), templates.embeddings[rows])


def _drawn(total: int, most: int) -> Indices:
    """All pictures or, of too many, the same draw every time."""
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(_SEED).choice(total, most, replace=False))
