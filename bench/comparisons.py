"""Everybody against everybody on the shared pictures: bench/accuracy.py prints it, tests/integration/test_accuracy.py holds
the product to it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from attendance.domain.model import PersonStatus, PersonTemplates
from attendance.faces.catalogue import Catalogue
from attendance.faces.engine import Engine
from attendance.faces.gallery import MatrixGallery
from attendance.faces.quality import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.domain.model import RecognitionOptions
    from attendance.faces.base import Detector, Embedder
    from attendance.settings import Settings

    F32 = NDArray[np.float32]

UNKNOWN: Final = "unknown"  # people of the video, of whom nobody is among the enrolled
FRAME_STEP: Final = 30
SUBSETS: Final = 12  # at most so many choices of references for one probe in the searches, evenly spread


class Embeddings:
    """The real engine on the shared pictures, with dlib's ResNet or another embedder.

    Attributes:
        refused: pictures that the engine gave no embedding for, and why; filled by ``people``.
    """

    def __init__(
        self, settings: Settings, faces: Path, embedder: Callable[[RecognitionOptions], Embedder] | None = None
    ) -> None:
        self._faces = faces
        self._limits = (settings.max_image_bytes, settings.max_image_pixels)
        self._catalogue = Catalogue(
            settings.model_dir, threads=settings.threads, thresholds=settings.params.thresholds.model_dump()
        )
        self._detector: Detector = self._catalogue.detector()
        self._embedder = embedder or partial(self._catalogue.embedder, "dlib")
        self.refused: dict[str, str] = {}

    def engine(self, options: RecognitionOptions) -> Engine:
        """The engine as the product builds it."""
        return Engine(self._detector, self._embedder(options), options, Gate(), *self._limits)

    def pictures(self) -> Iterator[tuple[str, Path]]:
        """Person and picture of everybody whose name is known.

        The pictures with several people are left out: nobody said who they are, and some are people of the other folders.
        """
        for path in sorted([*self._faces.glob("people/*/*.jpg"), *self._faces.glob("singles/*.jpg")]):
            yield (path.parent.name if path.parent.parent.name == "people" else path.stem), path

    def people(self, options: RecognitionOptions) -> dict[str, F32]:
        """Person to embeddings, float32 (n, d), in the order of the pictures; the video's people under ``UNKNOWN``."""
        engine = self.engine(options)
        rows: dict[str, list[F32]] = {}
        for person, path in self.pictures():
            capture = engine.capture(path.read_bytes())
            if capture.embedding is None:
                self.refused[str(path.relative_to(self._faces))] = str(capture.refusal)
            else:
                rows.setdefault(person, []).append(capture.embedding)
        people = {person: np.stack(embeddings) for person, embeddings in rows.items()}
        embedder = self._embedder(options)
        seen = []
        for image in frames(self._faces / "video" / "two_people.mp4"):
            found = self._detector.detect(image, options.min_face_size)
            seen.append(embedder.embed(image, [face for face in found if face.confidence >= options.min_confidence]))
        return {**people, UNKNOWN: np.concatenate(seen)}


def frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Some frames of a video, RGB."""
    video = cv2.VideoCapture(str(path))
    while video.grab():
        read, frame = video.retrieve()
        if read:
            yield np.ascontiguousarray(frame[:, :, ::-1])
        for _ in range(FRAME_STEP - 1):
            video.grab()
    video.release()


def singles(people: dict[str, F32]) -> tuple[F32, F32]:
    """Distances of every genuine and every impostor pair of pictures."""
    genuine = [np.linalg.norm(a - b) for rows in people.values() for a, b in itertools.combinations(rows, 2)]
    impostor = [np.linalg.norm(a[:, None] - b[None], axis=2).ravel() for a, b in itertools.combinations(people.values(), 2)]
    return np.array(genuine, np.float32), np.concatenate(impostor)


def rule_distances(references: F32, probes: F32) -> dict[str, F32]:
    """The distances that each candidate of a decision rule gives; the first is what the gallery does."""
    mean = references.mean(axis=0)
    scaled = mean * np.float32(np.linalg.norm(references, axis=1).mean() / np.linalg.norm(mean))
    nearest = np.linalg.norm(probes[:, None] - references[None], axis=2).min(axis=1)
    to_mean = np.linalg.norm(probes - scaled, axis=1)
    return {
        "nearest or mean": np.minimum(nearest, to_mean),
        "nearest": nearest,
        "mean": to_mean,
        "half and half": (nearest + to_mean) / 2,
    }


def verifications(enrolled: dict[str, F32], others: F32, count: int) -> dict[str, tuple[F32, F32]]:
    """Rule to genuine and impostor distances: each person with every choice of ``count`` references, against all that is
    left of that person, all pictures of all other people, and ``others``.
    """
    genuine: dict[str, list[F32]] = {}
    impostor: dict[str, list[F32]] = {}
    for person, rows in enrolled.items():
        strangers = np.concatenate([*(their for other, their in enrolled.items() if other != person), others])
        for chosen in itertools.combinations(range(len(rows)), count):
            left = np.delete(rows, chosen, axis=0)
            for distances, probes in ((genuine, left), (impostor, strangers)):
                for rule, values in rule_distances(rows[list(chosen)], probes).items():
                    distances.setdefault(rule, []).append(values)
    return {rule: (np.concatenate(genuine[rule]), np.concatenate(impostor[rule])) for rule in genuine}


@dataclass(slots=True)
class Searches:
    """Outcomes of 1:N searches.

    Attributes:
        strangers: how many searches were for somebody who is not in the gallery.
        ratio: the smallest second / first distance of those that were right.
    """

    strangers: int = 0
    right: int = 0
    missed: int = 0
    wrong: int = 0
    ambiguous: int = 0
    ratio: float = float("inf")


def searches(people: dict[str, F32], count: int, threshold: float, ambiguity: float) -> Searches:
    """Everybody's every picture as a probe, against a gallery of everybody: the probe's person with ``count`` of the other
    pictures, the others with all of theirs; and once more without the probe's person."""
    result = Searches()
    everybody = gallery_of({person: rows for person, rows in people.items() if person != UNKNOWN})
    for person, rows in people.items():
        for number, probe in enumerate(rows):
            everybody.remove(person)
            _judge(result, everybody, probe, None, threshold, ambiguity)
            others = [other for other in range(len(rows)) if other != number]
            choices = list(itertools.combinations(others, count)) if person != UNKNOWN else []
            for chosen in choices[:: max(1, len(choices) // SUBSETS)]:
                _enrol(everybody, person, rows[list(chosen)])
                _judge(result, everybody, probe, person, threshold, ambiguity)
        if person != UNKNOWN:
            _enrol(everybody, person, rows)
    return result


def gallery_of(people: dict[str, F32]) -> MatrixGallery:
    """A gallery with these people."""
    gallery = MatrixGallery("measured", next(iter(people.values())).shape[1])
    for person, rows in people.items():
        _enrol(gallery, person, rows)
    return gallery


def _enrol(gallery: MatrixGallery, person: str, rows: F32) -> None:
    ids = tuple(str(number) for number in range(len(rows)))
    gallery.put(PersonTemplates(person, person, PersonStatus.ACTIVE, ids, rows))


def _judge(
    result: Searches, gallery: MatrixGallery, probe: F32, person: str | None, threshold: float, ambiguity: float
) -> None:
    first, *rest = gallery.search(probe)
    ratio = rest[0].distance_l2 / max(first.distance_l2, 1e-9) if rest else float("inf")
    accepted = first.distance_l2 <= threshold
    result.strangers += person is None
    if accepted and ratio < 1 + ambiguity:
        result.ambiguous += 1
    elif accepted and first.person_id != person:
        result.wrong += 1
    elif accepted:
        result.right += 1
        result.ratio = min(result.ratio, ratio)
    elif person is not None:
        result.missed += 1
