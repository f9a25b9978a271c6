"""The raw scores of a measurement, one a line, so that anybody can recompute every rate with tools of their own.

A line is a comparison or a search: ``kind`` is ``genuine`` or ``impostor`` (two pictures, compared once), ``stranger`` (the
first picture searched for with its person left out; the distance from which on somebody is named) or ``mate`` (with the
picture alone left out; the distance from which on its person is). ``inf``: nobody is named at any threshold. A reviewed
attempt is a ``genuine`` or ``impostor`` line whose picture is ``attempt``; whose face it was where it is void is not known.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import numpy as np

from attendance.services.comparisons import blocks, distances_of, expected_comparisons
from attendance.services.spreadsheet import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from attendance.domain.metrics import F64
    from attendance.services.comparisons import Indices, Templates
    from attendance.services.searches import Searches

COLUMNS = ("options", "kind", "first_person", "first_picture", "second_person", "second_picture", "distance")
MOST = 10_000_000  # lines that are written: about a gigabyte
DIGITS = 12  # of a picture's SHA-256
ATTEMPT = "attempt"
Line = tuple[str, str, str, str, str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """From which the scores of one measurement follow; nothing is computed before they are asked for.

    Attributes:
        options: of the recognition and the search, by name.
        templates: of the pictures.
        searches: None where a list of pairs was compared and nobody searched for.
        listed: these pairs, by their places in the templates; None: every two pictures.
        upheld, void: person and distance of reviewed attempts.
    """

    options: Mapping[str, Any]
    templates: Templates
    searches: Searches | None
    listed: Sequence[tuple[int, int]] | None = None
    upheld: Sequence[tuple[str, float]] = ()
    void: Sequence[tuple[str, float]] = ()

    def __len__(self) -> int:
        """How many lines there are."""
        compared = sum(expected_comparisons(self.templates)) if self.listed is None else len(self.listed)
        searched = (
            0 if self.searches is None else len(self.searches.strangers.distances) + len(self.searches.mates.distances)
        )
        return compared + searched + len(self.upheld) + len(self.void)

    def lines(self, *, named: bool) -> Iterator[Line]:
        """The columns after the first.

        Args:
            named: people by their ids, which a folder's name may be, and pictures by their digests; else both as numbers
                from 1, which say nothing.
        """
        templates = self.templates
        number = {person: str(place) for place, person in enumerate(templates.people, 1)}
        shown = {person: harmless(person) for person in number} if named else number
        for person, _ in (*self.upheld, *self.void):  # of somebody who has no picture any more
            shown.setdefault(person, harmless(person) if named else str(len(shown) + 1))
        who = [shown[templates.people[owner]] for owner in templates.owners]
        what = [digest[:DIGITS] if named else str(place) for place, digest in enumerate(templates.digests, 1)]
        for first, second, far in self._compared():
            owners = templates.owners
            for a, b, distance in zip(first.tolist(), second.tolist(), far.tolist(), strict=True):
                kind = "genuine" if owners[a] == owners[b] else "impostor"
                yield kind, who[a], what[a], who[b], what[b], distance
        for row, stranger, mate in () if self.searches is None else self.searches.raw:
            yield "stranger", who[row], what[row], "", "", stranger
            if not math.isnan(mate):
                yield "mate", who[row], what[row], "", "", mate
        for kind, attempts in (("genuine", self.upheld), ("impostor", self.void)):
            for person, distance in attempts:
                yield kind, shown[person], "", shown[person] if kind == "genuine" else "", ATTEMPT, distance

    def _compared(self) -> Iterator[tuple[Indices, Indices, F64]]:
        """Places of pictures, and their distances: the very numbers that were measured."""
        if self.listed is not None:
            pairs = np.array(self.listed, np.int64).reshape(-1, 2)
            yield pairs[:, 0], pairs[:, 1], distances_of(self.templates, pairs[:, 0], pairs[:, 1])
            return
        for rows, columns, far in blocks(self.templates):
            first, second = np.nonzero(np.triu(np.ones(far.shape, bool), 1) if rows == columns else np.ones(far.shape, bool))
            yield first + rows.start, second + columns.start, far[first, second]


def lines_in(scores: Sequence[Scores]) -> int:
    """How many lines ``write`` makes of them, the heading aside."""
    return sum(len(one) for one in scores)


def write(file: TextIO, scores: Sequence[Scores], *, named: bool) -> None:
    """All scores as CSV, with every digit. ``options`` says, of several measurements, in what each differs from the others.

    Args:
        file: opened with ``newline=""``.
        scores: at least one.
        named: as for ``Scores.lines``.
    """
    varied = [name for name in scores[0].options if len({str(one.options.get(name)) for one in scores}) > 1]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in scores:
        about = " ".join(f"{name}={one.options.get(name)}" for name in varied)
        writer.writerows((about, *line[:-1], repr(line[-1])) for line in one.lines(named=named))
