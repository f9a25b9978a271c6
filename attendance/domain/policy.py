"""The rules around a comparison: which pictures are of one person, who looks alike, which day it is, what an id is.

Pure functions. Distances are L2 distances of one model; every limit is a multiple of that model's own threshold.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np

from attendance.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from numpy.typing import NDArray

# Two pictures of one enrolment may differ by this much more than a probe may from a reference: they come with a name, so
# the question is only whether a stranger's picture slipped in, and photographs over years must pass. docs/reasons.md has
# the figures.
SAME_PERSON_RATIO = 1.25

_ATTEMPT_ID = re.compile(r"[A-Za-z0-9_-]{8,128}")


def pairwise_l2(embeddings: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """All distances between n embeddings, each float32 (dimension,): float64, shape (n, n), symmetric, zero diagonal."""
    rows = np.asarray(embeddings, np.float64)
    # A row at a time: all differences at once would need n * n * dimension numbers.
    return np.stack([np.sqrt(np.sum(np.square(rows - row), axis=1)) for row in rows])


def same_person_limit(threshold: float) -> float:
    """How far a picture may lie from the nearest other one of the same enrolment."""
    return threshold * SAME_PERSON_RATIO


def groups_within(distances: NDArray[np.float64], limit: float) -> list[list[int]]:
    """Indices of the pictures that hang together, the largest group first, then the one that comes first.

    Single linkage: a picture belongs where it is within ``limit`` of at least one member, so that a child's photograph
    and a recent one go together when another lies between them.

    Args:
        distances: (n, n), symmetric.
        limit: L2 distance.
    """
    near = np.asarray(distances) <= limit
    left = np.ones(len(near), dtype=bool)
    groups: list[list[int]] = []
    while left.any():
        group = np.zeros(len(near), dtype=bool)
        edge = group.copy()
        edge[np.argmax(left)] = True
        while edge.any():
            group |= edge
            edge = near[edge].any(axis=0) & ~group
        left &= ~group
        groups.append([int(index) for index in np.flatnonzero(group)])
    return sorted(groups, key=lambda members: (-len(members), members[0]))


def nearest_other_l2(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each picture from the nearest other one, shape (n,); infinite where it is alone."""
    apart = np.array(distances, np.float64)
    np.fill_diagonal(apart, np.inf)
    return np.asarray(apart.min(axis=1, initial=np.inf), np.float64)


def look_alike_limit(threshold: float, look_alike_ratio: float) -> float:
    """A new picture at or below this distance from somebody enrolled needs an operator's decision."""
    return threshold * look_alike_ratio


def is_hard_to_tell(own_l2: Sequence[float], other_l2: Sequence[float], threshold: float, ambiguity_ratio: float) -> bool:
    """Whether more than half of a person's pictures would not be recognised beside somebody who is enrolled.

    Each picture is judged like a probe against the person's other pictures: it is lost where somebody else is within the
    threshold and not clearly farther. Two people of one face, or one person under two names, lose nearly every picture;
    people who resemble each other in a picture or two do not.

    Args:
        own_l2: for each picture, the distance from the nearest other one of this person; infinite where there is none.
        other_l2: for each picture, the distance from the nearest reference of anybody else; infinite where nobody is.
        threshold: L2 distance at or below which two embeddings show one person.
        ambiguity_ratio: as in ``domain.matching.identify``.
    """
    lost = sum(
        other <= threshold and other <= (1 + ambiguity_ratio) * own for own, other in zip(own_l2, other_l2, strict=True)
    )
    return lost > len(own_l2) / 2


def day_of(at_utc: datetime, zone: tzinfo | None) -> str:
    """The site's local date of a moment, YYYY-MM-DD; ``zone`` None is the machine's own.

    Raises:
        ValueError: ``at_utc`` is naive.
    """
    if at_utc.tzinfo is None:
        raise ValueError("a time without a zone cannot be put on a day")
    return at_utc.astimezone(UTC).astimezone(zone).date().isoformat()


def new_attempt_id() -> str:
    """A fresh id: 32 hexadecimal digits of a random UUID (RFC 9562, version 4)."""
    return uuid.uuid4().hex


def checked_attempt_id(text: str) -> str:
    """The id that a caller chose, when it can be used as one.

    Raises:
        SettingsError: not 8 to 128 letters, digits, ``-`` or ``_`` of ASCII.
    """
    if not _ATTEMPT_ID.fullmatch(text):
        raise SettingsError(
            "An attempt id has 8 to 128 letters, digits, hyphens or underscores, and nothing else.", name="attempt_id"
        )
    return text
