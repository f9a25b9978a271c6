"""How well dlib's ResNet tells people apart on the shared pictures, as the tables of docs/accuracy.md.

`python -m bench.accuracy` prints them; it takes about a minute.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image, ImageOps

from attendance.domain.model import Face, ModelInfo, PersonStatus, PersonTemplates, RecognitionOptions
from attendance.faces.dlib_resnet import DlibEmbedder
from attendance.faces.gallery import MatrixGallery
from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

FACES: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "faces"
UNKNOWN: Final = "unknown"  # people of the video, of whom nobody is among the enrolled
THRESHOLDS: Final = (0.48, 0.50, 0.51, 0.52, 0.53, 0.54, 0.55, 0.60)
FRAME_STEP: Final = 30
SUBSETS: Final = 12  # at most so many choices of references for one probe in the searches, evenly spread


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One face of a picture, and whose it is."""

    person: str
    image: NDArray[np.uint8]
    face: Face


def shots(faces: Path, detector: MtcnnDetector, options: RecognitionOptions) -> list[Shot]:
    """The largest face of each picture of one person, and every face of some frames of the video.

    The pictures with several people are left out: nobody said who they are, and some are people of the other folders.
    """
    found = []
    for path in sorted([*faces.glob("people/*/*.jpg"), *faces.glob("singles/*.jpg")]):
        with Image.open(path) as file:
            image = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
        person = path.parent.name if path.parent.parent.name == "people" else path.stem
        found.append(Shot(person, image, sure_faces(detector, image, options)[0]))
    for image in frames(faces / "video" / "two_people.mp4"):
        found += [Shot(UNKNOWN, image, face) for face in sure_faces(detector, image, options)]
    return found


def sure_faces(detector: MtcnnDetector, image: NDArray[np.uint8], options: RecognitionOptions) -> list[Face]:
    """What the engine would take for faces, largest first."""
    for size in (options.min_face_size, options.fallback_face_size):
        if sure := [face for face in detector.detect(image, size) if face.confidence >= options.min_confidence]:
            return sure
    return []


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


def embedded(model_dir: Path, found: list[Shot], options: RecognitionOptions) -> dict[str, F32]:
    """Person to embeddings, float32 (n, 128), in the order of the pictures."""
    embedder = DlibEmbedder(model_dir, ModelInfo("measured", "dlib", 128, "onnxruntime", "", 0.0), options)
    people: dict[str, list[F32]] = {}
    for shot in found:
        people.setdefault(shot.person, []).append(embedder.embed(shot.image, [shot.face])[0])
    return {person: np.stack(rows) for person, rows in people.items()}


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
    """Rule to genuine and impostor distances: each person with every choice of ``count`` references, against all that is left
    of that person, all pictures of all other people, and ``others``."""
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
    """Outcomes of 1:N searches, and the smallest second / first distance of those that were right."""

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
    gallery = MatrixGallery("measured", 128)
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
    if accepted and ratio < 1 + ambiguity:
        result.ambiguous += 1
    elif accepted and first.person_id != person:
        result.wrong += 1
    elif accepted:
        result.right += 1
        result.ratio = min(result.ratio, ratio)
    elif person is not None:
        result.missed += 1


def tables(settings: Settings, faces: Path) -> Iterator[str]:
    """The lines of docs/accuracy.md's tables."""
    options = RecognitionOptions(**settings.params.recognition.model_dump())
    threshold, ambiguity = settings.params.thresholds.dlib, settings.params.policy.ambiguity_ratio
    found = shots(faces, MtcnnDetector(ensure_mtcnn(settings.model_dir), threads=settings.threads), options)
    variants = {
        "shipped": options,
        "without the flip": replace(options, use_tta_flip=False),
        "margin_ratio 0.16 (5 % closer)": replace(options, margin_ratio=0.16),
        "margin_ratio 0.24 (5 % wider)": replace(options, margin_ratio=0.24),
        "prewhitened": replace(options, use_prewhitening=True),
        "from the box, not aligned": replace(options, use_alignment=False),
    }
    yield "| crop | genuine mean | largest | impostor mean | smallest | d' | misses at 0.60 / 0.53 | false matches |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, variant in variants.items():
        everybody = embedded(settings.model_dir, found, variant)
        people = {person: rows for person, rows in everybody.items() if person != UNKNOWN}
        genuine, impostor = singles(people)
        apart = (impostor.mean() - genuine.mean()) / np.sqrt((genuine.var() + impostor.var()) / 2)
        yield (
            f"| {name} | {genuine.mean():.3f} | {genuine.max():.3f} | {impostor.mean():.3f} | {impostor.min():.3f} | {apart:.2f} "
            f"| {(genuine > 0.60).sum()} / {(genuine > 0.53).sum()} of {len(genuine)} "
            f"| {(impostor <= 0.60).sum()} / {(impostor <= 0.53).sum()} of {len(impostor)} |"
        )
        if name == "shipped":
            shipped = everybody
    enrolled = {person: rows for person, rows in shipped.items() if person.startswith("p")}
    others = np.concatenate([rows for person, rows in shipped.items() if not person.startswith("p")])
    measured = {count: verifications(enrolled, others, count) for count in range(1, 6)}
    yield ""
    yield "| references | rule | genuine 99 % | largest | impostor 0.1 % | smallest | smallest impostor / largest genuine |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for count, rules in measured.items():
        for rule, (genuine, impostor) in rules.items():
            yield (
                f"| {count} | {rule} | {np.quantile(genuine, 0.99):.3f} | {genuine.max():.3f} "
                f"| {np.quantile(impostor, 0.001):.3f} | {impostor.min():.3f} | {impostor.min() / genuine.max():.3f} |"
            )
    yield ""
    yield "| misses / false matches of the shipped rule at | " + " | ".join(f"{value:.2f}" for value in THRESHOLDS) + " |"
    yield "| --- |" + " --- |" * len(THRESHOLDS)
    for count, rules in measured.items():
        genuine, impostor = rules["nearest or mean"]
        cells = [f"{(genuine > value).sum()} / {(impostor <= value).sum()}" for value in THRESHOLDS]
        yield f"| {count} references ({len(genuine)} / {len(impostor)} comparisons) | " + " | ".join(cells) + " |"
    yield ""
    yield f"| 1:N at {threshold:.2f} | right | missed | wrong person | too close to tell | smallest second / first |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for count in range(1, 6):
        outcome = searches(shipped, count, threshold, ambiguity)
        yield (
            f"| {count} references | {outcome.right} | {outcome.missed} | {outcome.wrong} | {outcome.ambiguous} "
            f"| {outcome.ratio:.2f} |"
        )


def main() -> int:
    """Print the tables."""
    if not FACES.is_dir():
        sys.stderr.write("The measurement needs the shared face pictures beside the repository.\n")
        return 1
    for line in tables(load(), FACES):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
