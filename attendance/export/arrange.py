"""Which index and which id a picture has in an export, decided by the pictures alone and not by where they lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.store.archive import StoredPicture

_DIGITS = 32  # of an id, as uuid4's are
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arranged:
    """A picture in its place among its person's.

    Attributes:
        position: in the list that was given.
        index: unique among the person's; its own wherever that can be.
        reference_id: its own or, for a picture of an older app, one that follows from the person, the index and the bytes.
    """

    picture: StoredPicture
    position: int
    index: int
    reference_id: str


def arranged(pictures: Sequence[StoredPicture]) -> list[Arranged]:
    """One person's pictures by index. Ours keep theirs; of an older app's several with one index the earliest keeps it, and
    the others, like those without an index, follow behind the last."""
    found, late = [], []
    taken: set[int] = set()
    for position in sorted(range(len(pictures)), key=lambda number: _order(pictures[number])):
        index = pictures[position].image_index
        if index is None or index in taken:
            late.append(position)
        else:
            taken.add(index)
            found.append((position, index))
    first = max(taken, default=-1) + 1
    found += [(position, index) for index, position in enumerate(late, first)]
    ids = {picture.reference_id for picture in pictures if not picture.older}
    return [
        Arranged(pictures[position], position, index, _id(pictures[position], index, ids))
        for position, index in sorted(found, key=lambda pair: pair[1])
    ]


def _order(one: StoredPicture) -> tuple[Any, ...]:
    made = one.created_at or _NEVER
    return one.image_index is None, one.image_index or 0, one.older, made, one.sha256, one.reference_id


def _id(picture: StoredPicture, index: int, ids: set[str]) -> str:
    """``ids`` are those of the pictures that have one of their own."""
    found = picture.reference_id
    if picture.older:
        found = f"{picture.person_id}\n{index}\n{picture.sha256}"
        while len(found) != _DIGITS or found in ids:
            found = hashlib.sha256(found.encode()).hexdigest()[:_DIGITS]
    return found
