"""The templates of one model id in one float32 matrix, searched exactly at the speed of reading it once."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attendance.domain.model import Candidate, PersonStatus
from attendance.errors import InferenceError, TemplateMismatchError

if TYPE_CHECKING:
    from attendance.domain.model import PersonTemplates

F32 = NDArray[np.float32]

FIRST_ROWS = 256  # room to begin with; grows by doubling
LARGEST_SQUARE = 1e12  # no network gives such lengths, and products of two can still not overflow
EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One person's rows, which follow each other: first the references, then their mean where there are two or more."""

    person_id: str
    reference_ids: tuple[str, ...]
    first: int
    count: int

    @property
    def rows(self) -> slice:
        return slice(self.first, self.first + self.count)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What a reader takes hold of once and then uses without a lock.

    Rows below ``used`` never change, and neither do the entries that ``owners`` points to; what is added lies behind them.
    A removal is a new ``squares`` in which the rows are infinitely far away. ``people`` may already know more than ``used``,
    but only rows that this very matrix holds.
    """

    matrix: F32
    squares: F32  # squared length of each row; infinite where the row was removed
    owners: NDArray[np.int32]  # index into entries, for each row
    entries: list[_Entry]
    people: dict[str, _Entry]
    used: int = 0
    longest: float = 0.0  # largest length of any row: bounds the rounding errors
    live: int = 0  # rows that were not removed
    references: int = 0


class MatrixGallery:
    """Implements ``faces.base.Gallery``; any number of threads may read and change it.

    Squared distances are |row|^2 + |probe|^2 - 2 row . probe: one product of the matrix with the probe, bound by memory.
    That rounds to about 1e-5, so whatever comes near enough to the answer is computed again from the differences, and the
    answer is exact. Nothing is rebuilt when a person is added; removed rows are dropped when half of all are such.

    A person is as near as the nearest of the references or of their mean, which is kept as one more row, scaled to the
    references' mean length; docs/accuracy.md has the figures that made it so.

    Args:
        model_id: whose templates it holds.
        dimension: numbers in an embedding.
    """

    def __init__(self, model_id: str, dimension: int) -> None:
        self._model_id = model_id
        self._dimension = dimension
        self._writing = threading.Lock()
        self._state = self._empty(FIRST_ROWS)

    @property
    def model_id(self) -> str:
        """Whose templates it holds."""
        return self._model_id

    def put(self, person: PersonTemplates) -> None:
        """Add a person, or take over what changed of one, at once for every reader. An inactive person is kept out.

        Raises:
            TemplateMismatchError: the embeddings have another dimension.
            InferenceError: a number of theirs is not finite, or one is all zero.
        """
        if person.status is not PersonStatus.ACTIVE or not person.reference_ids:
            self.remove(person.person_id)
            return
        rows = _with_mean(self._checked(person.embeddings, len(person.reference_ids)))
        squares = _squared_lengths(rows)
        with self._writing:
            state = self._with_room(len(rows))
            old = state.people.get(person.person_id)
            entry = _Entry(person.person_id, person.reference_ids, state.used, len(rows))
            state.matrix[entry.rows] = rows
            state.owners[entry.rows] = len(state.entries)
            state.entries.append(entry)
            lengths = state.squares
            if old is not None:
                lengths = lengths.copy()
                lengths[old.rows] = np.inf
            lengths[entry.rows] = squares
            self._state = replace(
                state,
                squares=lengths,
                used=state.used + entry.count,
                longest=max(state.longest, math.sqrt(float(squares.max()))),
                live=state.live + entry.count - (old.count if old else 0),
                references=state.references + len(entry.reference_ids) - (len(old.reference_ids) if old else 0),
            )
            state.people[person.person_id] = entry  # after the state: whoever finds it finds its rows too

    def remove(self, person_id: str) -> None:
        """Forget a person; one who is not there is no error."""
        with self._writing:
            state = self._state
            entry = state.people.pop(person_id, None)
            if entry is None:
                return
            lengths = state.squares.copy()
            lengths[entry.rows] = np.inf
            live, references = state.live - entry.count, state.references - len(entry.reference_ids)
            self._state = replace(state, squares=lengths, live=live, references=references)
            if state.used > FIRST_ROWS and live < state.used // 2:
                self._state = self._compacted(live)

    def distance(self, person_id: str, embedding: F32) -> Candidate | None:
        """1:1: this person's distance, or None where there are no templates.

        Raises:
            TemplateMismatchError: the embedding has another dimension.
            InferenceError: it has a number that is not finite, or is all zero.
        """
        probe = self._probe(embedding)
        state = self._state
        entry = state.people.get(person_id)
        return _candidate(state, entry, probe) if entry else None

    def search(self, embedding: F32, people: int = 2) -> list[Candidate]:
        """1:N, exact: the nearest ``people`` different people, nearest first; fewer where there are fewer.

        Raises:
            TemplateMismatchError: the embedding has another dimension.
            InferenceError: it has a number that is not finite, or is all zero.
        """
        probe = self._probe(embedding)
        state = self._state
        # Everything stays float32: one float64 number here would make the whole product float64, ten times slower.
        # |probe|^2 is the same for every row and left out.
        far = state.matrix[: state.used] @ probe
        far *= np.float32(-2)
        far += state.squares[: state.used]
        slack = self._slack(state, probe)
        nearest: list[_Entry] = []
        limit = -math.inf
        while len(nearest) < people and len(far):
            row = int(far.argmin())
            if not np.isfinite(far[row]):
                break
            limit = float(far[row])
            nearest.append(_take(state, far, row))
        # Rounding may have put somebody just behind the last one who belongs before.
        doubtful = [_take(state, far, int(row)) for row in np.flatnonzero(far <= limit + slack) if np.isfinite(far[row])]
        found = [_candidate(state, entry, probe) for entry in nearest + doubtful]
        return sorted(found, key=lambda candidate: candidate.distance_l2)[: max(people, 0)]

    def __len__(self) -> int:
        """How many references can be compared."""
        return self._state.references

    def count_people(self) -> int:
        """How many people have at least one template."""
        return len(self._state.people)

    def _empty(self, rows: int) -> _State:
        matrix = np.zeros((rows, self._dimension), np.float32)
        return _State(matrix, np.full(rows, np.inf, np.float32), np.zeros(rows, np.int32), [], {})

    def _with_room(self, count: int) -> _State:
        """The present state, or one with the same people and room for ``count`` rows more."""
        state = self._state
        if state.used + count <= len(state.matrix):
            return state
        return self._compacted(state.live + count)

    def _compacted(self, needed: int) -> _State:
        """The same people in new arrays with room to double; readers go on with the old ones meanwhile."""
        old = self._state
        rows = FIRST_ROWS
        while rows < 2 * needed:
            rows *= 2
        new = self._empty(rows)
        kept = np.flatnonzero(np.isfinite(old.squares[: old.used]))
        new.matrix[: len(kept)] = old.matrix[kept]
        new.squares[: len(kept)] = old.squares[kept]
        at = 0
        for entry in sorted(old.people.values(), key=lambda entry: entry.first):
            moved = replace(entry, first=at)
            new.owners[moved.rows] = len(new.entries)
            new.entries.append(moved)
            new.people[entry.person_id] = moved
            at += entry.count
        return replace(new, used=at, longest=old.longest, live=at, references=old.references)

    def _slack(self, state: _State, probe: F32) -> float:
        """Twice the largest rounding error of a squared distance: n eps |a| |b| for a product summed in any order (Higham
        2002, section 3.1), with 4 more for the additions.
        """
        reach = state.longest * float(np.linalg.norm(probe))
        return 2 * EPSILON * (self._dimension + 4) * (2 * reach + state.longest**2)

    def _probe(self, embedding: F32) -> F32:
        probe: F32 = self._checked(np.asarray(embedding)[None], 1)[0]
        return probe

    def _checked(self, embeddings: NDArray[Any], count: int) -> F32:
        values: F32 = np.asarray(embeddings)
        if values.ndim != 2 or values.shape[1] != self._dimension:
            got = f"{values.shape[-1] if values.ndim else 0} numbers"
            message = f"a template of {got} was to be compared with {self._model_id}, which has {self._dimension}"
            raise TemplateMismatchError(message, active=self._model_id, stored=got)
        if len(values) != count:
            raise ValueError(f"{len(values)} embeddings for {count} references")
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(np.float32, copy=False)
            squares = _squared_lengths(values)
        if not ((squares > 0) & (squares < LARGEST_SQUARE)).all():  # not a number is neither
            raise InferenceError("a template has numbers that cannot be an embedding")
        return values


def _with_mean(references: F32) -> F32:
    """The rows of a person: the references and, of two or more, their mean at their mean length.

    At that length the mean of unit embeddings is one too. A plain mean is shorter the more the references differ, and so
    nearer to everybody.
    """
    if len(references) < 2:
        return references
    mean = references.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    wanted = float(np.linalg.norm(references, axis=1).mean())
    if length < 1e-3 * wanted:  # opposite references have no mean direction
        return references
    return np.concatenate([references, (mean * (wanted / length))[None].astype(np.float32)])


def _squared_lengths(rows: F32) -> F32:
    squares: F32 = np.einsum("ij,ij->i", rows, rows)
    return squares


def _take(state: _State, far: F32, row: int) -> _Entry:
    """Whose row this is; sets that person's rows infinitely far, so that the next nearest is another person's."""
    entry = state.entries[int(state.owners[row])]
    far[entry.rows] = np.inf
    return entry


def _candidate(state: _State, entry: _Entry, probe: F32) -> Candidate:
    """The exact distance of one person, from the differences."""
    squares = np.square(state.matrix[entry.rows] - probe).sum(axis=1, dtype=np.float64)
    nearest = int(squares[: len(entry.reference_ids)].argmin())  # never the mean, which is nobody's picture
    return Candidate(entry.person_id, math.sqrt(float(squares.min())), entry.reference_ids[nearest])
