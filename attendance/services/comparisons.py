"""All comparisons of pictures with each other: of one person (genuine) and of two (impostor), never a picture with itself.

Done in blocks, so that memory stays bounded whatever the number of pictures. Distances are kept as they are up to four
million of a kind; beyond that they are counted in steps of 0.0001, rounded up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attendance.domain.metrics import Distances
from attendance.domain.resampling import ByPerson, Counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Indices = NDArray[np.int64]

BLOCK = 1024
KEPT = 4_000_000  # distances that are kept as they are: 32 MB
STEP = 1e-4
LARGEST = 4.0  # counted together above this; no network here gives such distances
_PER_UNIT = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """Pictures that can be compared, those of one person beside each other.

    Attributes:
        people: ids; the owners point here.
        owners: (n,), ascending: whose picture each is.
        embeddings: float32 (n, dimension).
        digests: SHA-256 of each picture, or what stands for it.
        left_out: why others cannot be compared, with how many.
    """

    people: tuple[str, ...]
    owners: Indices
    embeddings: F32
    digests: tuple[str, ...]
    left_out: dict[str, int]

    @property
    def counts(self) -> Indices:
        """Pictures of each person."""
        return np.bincount(self.owners, minlength=len(self.people))


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Both kinds. ``people``: among how many they were drawn again, for the intervals."""

    genuine: Counted
    impostor: Counted
    people: int


def templates_of(pictures: Iterable[tuple[str, str, F32]]) -> Templates:
    """The pictures that can be compared.

    A picture that is stored twice of a person counts once. One that is stored of two people counts for neither, since
    nobody can say whom it shows. Embeddings that cannot be are left out.

    Args:
        pictures: person, SHA-256 and embedding of each, in any order; the embeddings all of one dimension.
    """
    left_out: dict[str, int] = defaultdict(int)
    found: dict[str, dict[str, F32]] = defaultdict(dict)
    owner: dict[str, str] = {}
    of_two: set[str] = set()
    for person, digest, embedding in pictures:
        if not np.isfinite(embedding).all() or not embedding.any():
            left_out["unusable_template"] += 1
        elif owner.setdefault(digest, person) != person:
            of_two.add(digest)
            left_out["same_picture_of_two_people"] += 1
        elif digest in found[person]:
            left_out["same_picture_twice"] += 1
        else:
            found[person][digest] = embedding
    for digest in of_two:
        del found[owner[digest]][digest]
        left_out["same_picture_of_two_people"] += 1
    # By their pictures, not by ids, which are drawn at each enrolment: the same pictures give the same intervals. No two
    # people have a picture in common by now.
    people = tuple(sorted((person for person in found if found[person]), key=lambda person: min(found[person])))
    usable = [(digest, found[person][digest]) for person in people for digest in sorted(found[person])]
    counts = [len(found[person]) for person in people]
    rows = [embedding for _, embedding in usable]
    return Templates(
        people,
        np.repeat(np.arange(len(people), dtype=np.int64), counts),
        np.stack(rows).astype(np.float32, copy=False) if rows else np.zeros((0, 0), np.float32),
        tuple(digest for digest, _ in usable),
        dict(left_out),
    )


class Collector:
    """Takes distances of one kind as they come.

    Args:
        people: how many people the comparisons are of.
        expected: how many distances will come, at most: whether they can be kept decides that.
        pairs: a comparison is of two people.
    """

    def __init__(self, people: int, expected: int, *, pairs: bool) -> None:
        self._by_person = ByPerson(people, pairs=pairs)
        self._kept: list[F64] | None = [] if expected <= KEPT else None
        self._counts = np.zeros(int(LARGEST * _PER_UNIT) + 1, np.int64)

    def add(self, distances: F64, *people: Indices) -> None:
        """Distances, and of each the person or the two people it is of."""
        self._by_person.add(distances, *people)
        if self._kept is not None:
            self._kept.append(distances)
        elif len(distances):
            steps = np.ceil(np.minimum(distances, LARGEST) * _PER_UNIT - 1e-9).astype(np.int64)
            self._counts += np.bincount(steps, minlength=len(self._counts))

    def counted(self, independent: int) -> Counted:
        """All of them; see ``Counted`` for ``independent``."""
        if self._kept is not None:
            distances = Distances.of(np.concatenate(self._kept) if self._kept else np.zeros(0))
        else:
            distances = Distances.counted(np.arange(len(self._counts)) / _PER_UNIT, self._counts, STEP)
        return Counted(distances, self._by_person, independent)


def expected_comparisons(templates: Templates) -> tuple[int, int]:
    """How many genuine and impostor comparisons there are among these pictures."""
    counts = templates.counts
    genuine = int((counts * (counts - 1) // 2).sum())
    total = len(templates.owners)
    return genuine, total * (total - 1) // 2 - genuine


def compare_all(
    templates: Templates,
    genuine: Collector,
    impostor: Collector,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Compare every picture with every other one, once.

    Args:
        templates: the pictures.
        genuine: takes the distances within one person.
        impostor: takes those between two people.
        progress: told comparisons done and in all.
    """
    owners, total = templates.owners, len(templates.owners)
    done, whole = 0, total * (total - 1) // 2
    for rows, columns, far in blocks(templates):
        done += _take(far, owners[rows], owners[columns], genuine, impostor, once=rows == columns)
        if progress is not None:
            progress(done, whole)


def blocks(templates: Templates) -> Iterator[tuple[slice, slice, F64]]:
    """The distances of every two pictures, a block of rows and columns at a time. Of a block on the diagonal (equal slices)
    only what lies above it counts."""
    total = len(templates.owners)
    embeddings = templates.embeddings.astype(np.float64)
    squares = np.einsum("ij,ij->i", embeddings, embeddings)
    for top in range(0, total, BLOCK):
        rows = slice(top, min(top + BLOCK, total))
        for left in range(top, total, BLOCK):
            columns = slice(left, min(left + BLOCK, total))
            products = embeddings[rows] @ embeddings[columns].T
            yield rows, columns, np.sqrt(np.maximum(squares[rows, None] + squares[None, columns] - 2 * products, 0))


def _take(far: F64, down: Indices, across: Indices, genuine: Collector, impostor: Collector, *, once: bool) -> int:
    """Pass on the distances of one block, and say how many; with ``once`` those above the diagonal alone."""
    if down[-1] < across[0]:  # nobody is on both sides, as in nearly all blocks
        impostor.add(far.ravel(), np.repeat(down, len(across)), np.tile(across, len(down)))
        return far.size
    wanted = np.triu(np.ones(far.shape, bool), 1) if once else np.ones(far.shape, bool)
    same = down[:, None] == across[None]
    row, column = np.nonzero(wanted & same)
    genuine.add(far[row, column], down[row])
    row, column = np.nonzero(wanted & ~same)
    impostor.add(far[row, column], down[row], across[column])
    return int(wanted.sum())


def compare_listed(templates: Templates, pairs: Sequence[tuple[int, int]], genuine: Collector, impostor: Collector) -> None:
    """Compare the listed pairs of pictures alone, by their places in ``templates``."""
    listed = np.array(pairs, np.int64).reshape(-1, 2)
    first, second = listed[:, 0], listed[:, 1]
    far = distances_of(templates, first, second)
    owners = templates.owners
    same = owners[first] == owners[second]
    genuine.add(far[same], owners[first[same]])
    impostor.add(far[~same], owners[first[~same]], owners[second[~same]])


def distances_of(templates: Templates, first: Indices, second: Indices) -> F64:
    """The distance of each picture of ``first`` from the one of ``second`` at the same place."""
    apart = templates.embeddings[first].astype(np.float64) - templates.embeddings[second]
    found: F64 = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return found
