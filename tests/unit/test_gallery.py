"""The gallery against brute force: any sequence of changes, any probe, several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from attendance.domain.model import PersonStatus, PersonTemplates, distance_l2
from attendance.errors import InferenceError, TemplateMismatchError
from attendance.faces.gallery import MatrixGallery

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION = 8
PEOPLE = [f"person{number}" for number in range(12)]


def templates(
    person_id: str, embeddings: NDArray[np.float32], status: PersonStatus = PersonStatus.ACTIVE
) -> PersonTemplates:
    ids = tuple(f"{person_id}/{number}" for number in range(len(embeddings)))
    return PersonTemplates(person_id, person_id.title(), status, ids, embeddings)


def some(count: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


def expected_distance(references: NDArray[np.float32], probe: NDArray[np.float32]) -> float:
    """The nearest reference, or the mean of several at their mean length, in float64."""
    rows = references.astype(np.float64)
    if len(rows) > 1:
        mean = rows.mean(axis=0)
        rows = np.vstack([rows, mean / np.linalg.norm(mean) * np.linalg.norm(rows, axis=1).mean()])
    return float(np.linalg.norm(rows - probe, axis=1).min())


class GalleryMachine(RuleBasedStateMachine):
    """Puts, replaces, deactivates and removes; after each step every answer is what brute force says."""

    @initialize()
    def start(self) -> None:
        self.gallery = MatrixGallery("test", DIMENSION)
        self.known: dict[str, NDArray[np.float32]] = {}
        self.step = 0

    @rule(person=st.sampled_from(PEOPLE), count=st.integers(0, 40), spread=st.sampled_from([0.0, 1e-4, 0.1, 1.0]))
    def put(self, person: str, count: int, spread: float) -> None:
        self.step += 1
        embeddings = some(1, PEOPLE.index(person)) + np.float32(spread) * some(count, self.step)
        self.gallery.put(templates(person, embeddings[:count]))
        self.known.pop(person, None)
        if count:
            self.known[person] = embeddings

    @rule(person=st.sampled_from(PEOPLE))
    def deactivate(self, person: str) -> None:
        self.gallery.put(templates(person, some(2), PersonStatus.INACTIVE))
        self.known.pop(person, None)

    @rule(person=st.sampled_from(PEOPLE))
    def remove(self, person: str) -> None:
        self.gallery.remove(person)
        self.known.pop(person, None)

    @invariant()
    def is_what_brute_force_says(self) -> None:
        if not hasattr(self, "gallery"):
            return
        probe = some(1, 1000 + self.step)[0]
        wanted = {person: expected_distance(rows, probe) for person, rows in self.known.items()}
        for people in (1, 2, 5, 50):
            found = self.gallery.search(probe, people)
            assert len({candidate.person_id for candidate in found}) == len(found) == min(people, len(wanted))
            assert [candidate.distance_l2 for candidate in found] == pytest.approx(
                sorted(wanted.values())[:people], rel=1e-5
            )
            for candidate in found:
                assert candidate.distance_l2 == pytest.approx(wanted[candidate.person_id], rel=1e-5)
                assert candidate == self.gallery.distance(candidate.person_id, probe)
        assert len(self.gallery) == sum(map(len, self.known.values()))
        assert self.gallery.count_people() == len(self.known)


TestGalleryMachine = GalleryMachine.TestCase
TestGalleryMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_nearest_are_different_people_though_one_owns_the_fifty_nearest() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    probe = some(1)[0]
    gallery.put(templates("near", probe + np.float32(0.001) * some(50, 1)))
    gallery.put(templates("far", probe[None] + np.float32(1.0)))
    gallery.put(templates("farther", probe[None] + np.float32(2.0)))
    assert [candidate.person_id for candidate in gallery.search(probe, 3)] == ["near", "far", "farther"]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_order_is_exact_where_the_quick_distance_cannot_tell(seed: int) -> None:
    """Distances that differ by less than the rounding of |a|^2 + |b|^2 - 2ab, at a length that makes it coarse."""
    random = np.random.default_rng(seed)
    base = (100 * random.standard_normal(DIMENSION)).astype(np.float32)
    rows = base + (1e-3 * random.standard_normal((200, DIMENSION))).astype(np.float32)
    gallery = MatrixGallery("test", DIMENSION)
    for number, row in enumerate(rows):
        gallery.put(templates(str(number), row[None]))
    exact = np.linalg.norm(rows.astype(np.float64) - base, axis=1)
    found = gallery.search(base, 3)
    assert [candidate.distance_l2 for candidate in found] == pytest.approx(np.sort(exact)[:3].tolist(), rel=1e-6)


def test_distance_is_that_of_the_domain_and_names_the_nearest_picture() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    references = some(3)
    gallery.put(templates("anna", references))
    candidate = gallery.distance("anna", references[1])
    assert candidate is not None
    assert candidate.reference_id == "anna/1"
    assert candidate.distance_l2 == 0.0
    gallery.put(templates("anna", references[:1]))
    probe = some(1, 5)[0]
    candidate = gallery.distance("anna", probe)
    assert candidate is not None
    assert candidate.distance_l2 == pytest.approx(distance_l2(references[0], probe), rel=1e-6)


def test_opposite_references_have_no_mean() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    one = some(1)[0]
    gallery.put(templates("anna", np.stack([one, -one])))
    candidate = gallery.distance("anna", one)
    assert candidate is not None
    assert candidate.distance_l2 == 0.0


def test_an_empty_gallery_knows_nobody() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    assert gallery.search(some(1)[0]) == []
    assert gallery.distance("nobody", some(1)[0]) is None
    assert (len(gallery), gallery.count_people(), gallery.model_id) == (0, 0, "test")
    gallery.remove("nobody")


def test_asked_for_no_people_it_names_none() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    gallery.put(templates("anna", some(2)))
    assert gallery.search(some(1)[0], 0) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 0.0])
def test_numbers_that_cannot_be_an_embedding_are_refused(bad: float) -> None:
    gallery = MatrixGallery("test", DIMENSION)
    gallery.put(templates("anna", some(1)))
    broken = np.full((1, DIMENSION), bad, np.float32)
    for work in (
        lambda: gallery.put(templates("bert", broken)),
        lambda: gallery.search(broken[0]),
        lambda: gallery.distance("anna", broken[0]),
    ):
        with pytest.raises(InferenceError):
            work()
    assert gallery.count_people() == 1


def test_templates_of_another_dimension_are_refused() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    with pytest.raises(TemplateMismatchError) as caught:
        gallery.put(templates("anna", some(1, dimension=9)))
    assert caught.value.active == "test"
    with pytest.raises(TemplateMismatchError):
        gallery.search(some(1, dimension=7)[0])
    with pytest.raises(ValueError, match="2 embeddings for 1"):
        gallery.put(PersonTemplates("anna", "Anna", PersonStatus.ACTIVE, ("one",), some(2)))


def test_float64_probes_are_taken_as_float32() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    gallery.put(templates("anna", some(4)))
    probe = some(1, 3)[0]
    assert gallery.search(probe.astype(np.float64)) == gallery.search(probe)


def test_the_caller_may_change_its_array_afterwards() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    mine = some(1)
    gallery.put(templates("anna", mine))
    probe = mine[0].copy()
    mine[:] = 7
    assert gallery.search(probe)[0].distance_l2 == 0.0


def test_removed_rows_are_dropped() -> None:
    gallery = MatrixGallery("test", DIMENSION)
    for number in range(2_000):
        gallery.put(templates(str(number), some(1, number)))
    for number in range(1_990):
        gallery.remove(str(number))
    assert len(gallery._state.matrix) < 1_000
    assert gallery.search(some(1, 1_995)[0])[0].person_id == "1995"
    for _ in range(3_000):
        gallery.put(templates("1995", some(2, 1_995)))
    assert len(gallery._state.matrix) < 1_000


VERSIONS = [np.full((3, DIMENSION), float(value), np.float32) for value in range(1, 5)]
FIXED = {f"fixed{number}": some(1, number) * np.float32(50) for number in range(8)}


def write_much(gallery: MatrixGallery, seed: int) -> None:
    random = np.random.default_rng(seed)
    for turn in range(1_500):
        extra = f"extra{seed}-{random.integers(200)}"
        if random.random() < 0.4:
            gallery.remove(extra)
        else:
            gallery.put(templates(extra, np.float32(1e3) + some(3, turn)))
        gallery.put(templates("changing", VERSIONS[turn % len(VERSIONS)]))


def faults_seen(gallery: MatrixGallery, seed: int) -> list[str]:
    """One look at the gallery: who never changes is where he is, and whoever changes is there in one whole version."""
    person, rows = list(FIXED.items())[seed % len(FIXED)]
    found = gallery.search(rows[0])[0]
    faults = [] if (found.person_id, found.distance_l2) == (person, 0.0) else [f"{person} -> {found}"]
    distances = {candidate.person_id: candidate.distance_l2 for candidate in gallery.search(VERSIONS[0][0], 50)}
    steps = distances.get("changing", np.inf) / np.sqrt(DIMENSION)  # a whole number for a whole version
    if not abs(steps - np.round(steps)) < 1e-5 or gallery.distance("changing", VERSIONS[0][0]) is None:
        faults.append(f"changing at {steps}")
    return faults


def test_readers_never_see_a_half_written_person() -> None:
    """Two writers replace, add and remove, through growth and compaction, while four readers search."""
    gallery = MatrixGallery("test", DIMENSION)
    for person, rows in {**FIXED, "changing": VERSIONS[0]}.items():
        gallery.put(templates(person, rows))
    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(write_much, gallery, seed) for seed in range(2)]

        def read(seed: int) -> list[str]:
            faults = faults_seen(gallery, seed)
            while not all(writer.done() for writer in writers):
                seed += 1
                faults += faults_seen(gallery, seed)
            return faults

        readers = [pool.submit(read, seed) for seed in range(4)]
        for writer in writers:
            writer.result()
        assert [fault for reader in readers for fault in reader.result()] == []
