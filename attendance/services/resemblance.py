"""New pictures against each other, against their person's stored ones, and against everybody else in the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain import policy as rules
from attendance.errors import DifferentPeopleError, LookAlikeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attendance.domain.model import Candidate, NewReference
    from attendance.services.roster import Roster


@dataclass(frozen=True, slots=True)
class EnrolPolicy:
    """The numbers of params.yaml that an enrolment needs.

    Attributes:
        look_alike_ratio: somebody enrolled within the threshold times this needs an operator's decision.
        ambiguity_ratio: as in ``domain.matching.identify``; the import asks with it whether two people can be told apart.
    """

    look_alike_ratio: float = 1.1
    ambiguity_ratio: float = 0.05


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Whom new pictures resemble: the nearest pair's distance, and the limit that it is within."""

    person_id: str
    name: str
    distance_l2: float
    limit: float


def as_error(found: LookAlike) -> LookAlikeError:
    """The refusal of a look-alike that no operator has decided about."""
    return LookAlikeError(
        f"This may be {found.name}, who is registered already. If it is another person, an operator has to confirm it.",
        person_id=found.person_id,
        name=found.name,
        distance_l2=found.distance_l2,
        limit=found.limit,
    )


def nearest_pair(others: Sequence[Candidate | None]) -> tuple[int, str]:
    """Of ``Resemblance.nearest_others``: the index of the picture that is nearest to anybody, and that one's reference.

    Raises:
        ValueError: there is nobody.
    """
    return min((c.distance_l2, index, c.reference_id) for index, c in enumerate(others) if c is not None)[1:]


class Resemblance:
    """Asks the roster's gallery, which holds active people only.

    Args:
        roster: brings the gallery.
        threshold: the active model's, L2 distance.
        policy: see there.
    """

    def __init__(self, roster: Roster, threshold: float, policy: EnrolPolicy) -> None:
        self._roster = roster
        self._threshold = threshold
        self._policy = policy

    @property
    def same_person_limit(self) -> float:
        """How far a picture may lie from the nearest other one of its person."""
        return rules.same_person_limit(self._threshold)

    def distances(self, references: Sequence[NewReference], person_id: str | None = None) -> NDArray[np.float64]:
        """Distances between n new pictures, shape (n, n).

        With ``person_id``, where anything of that person can be compared: shape (n + 1, n + 1), and the last row and column
        are the distances from that person's nearest stored picture.
        """
        embeddings = [one.embedding for one in references]
        between = rules.pairwise_l2(embeddings)
        if person_id is None:
            return between
        gallery = self._roster.gallery()
        stored = [c.distance_l2 for c in (gallery.distance(person_id, one) for one in embeddings) if c is not None]
        if len(stored) < len(embeddings):
            return between
        full = np.zeros((len(embeddings) + 1, len(embeddings) + 1))
        full[:-1, :-1] = between
        full[-1, :-1] = full[:-1, -1] = stored
        return full

    def group(self, distances: NDArray[np.float64], pictures: int) -> list[int] | None:
        """The new pictures that are of one person: those that hang together with the person's stored ones, or the largest
        group where there are none. None where two groups are largest, so that nobody can say which is meant.

        Args:
            distances: of ``distances``.
            pictures: how many new ones there are.
        """
        groups = rules.groups_within(distances, self.same_person_limit)
        if len(distances) > pictures:
            return [index for group in groups if pictures in group for index in group if index < pictures]
        if len(groups) > 1 and len(groups[0]) == len(groups[1]):
            return None
        return groups[0]

    def require_one_person(self, references: Sequence[NewReference], distances: NDArray[np.float64]) -> None:
        """Make sure that all pictures are of one person.

        Raises:
            DifferentPeopleError: about the first picture that does not belong.
        """
        count = len(references)
        kept = self.group(distances, count)
        if kept is None:  # no group is right; the picture to speak of is the first that differs from the first one
            kept = next(g for g in rules.groups_within(distances, self.same_person_limit) if 0 in g)
        odd = next((index for index in range(count) if index not in kept), None)
        if odd is not None:
            raise self.different(references[odd], distances, odd)

    def different(self, reference: NewReference, distances: NDArray[np.float64], index: int) -> DifferentPeopleError:
        """The refusal of the picture at ``index``."""
        return DifferentPeopleError(
            f"{reference.label}: this does not look like the person in the other pictures. Leave it out, or take another.",
            label=reference.label,
            distance_l2=float(rules.nearest_other_l2(distances)[index]),
            limit=self.same_person_limit,
        )

    def nearest_others(self, references: Sequence[NewReference], person_id: str | None = None) -> list[Candidate | None]:
        """For each picture, whoever is nearest in the gallery and is not this person."""
        gallery = self._roster.gallery()
        found = [gallery.search(one.embedding, 2) for one in references]
        return [next((c for c in candidates if c.person_id != person_id), None) for candidates in found]

    def look_alike(self, others: Sequence[Candidate | None]) -> LookAlike | None:
        """The nearest of ``nearest_others``, where it is within the look-alike limit."""
        limit = rules.look_alike_limit(self._threshold, self._policy.look_alike_ratio)
        near = [c for c in others if c is not None and c.distance_l2 <= limit]
        if not near:
            return None
        nearest = min(near, key=lambda candidate: candidate.distance_l2)
        name = self._roster.person(nearest.person_id).name
        return LookAlike(nearest.person_id, name, nearest.distance_l2, limit)

    def is_hard_to_tell(self, distances: NDArray[np.float64], others: Sequence[Candidate | None]) -> bool:
        """Whether the new person would mostly not be recognised beside those who are there; see ``domain.policy``."""
        own = rules.nearest_other_l2(distances)[: len(others)]
        apart = [np.inf if c is None else c.distance_l2 for c in others]
        return rules.is_hard_to_tell([float(d) for d in own], apart, self._threshold, self._policy.ambiguity_ratio)
