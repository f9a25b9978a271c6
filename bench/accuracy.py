"""How well dlib's ResNet tells people apart on the shared pictures, as the tables of docs/accuracy.md.

`python -m bench.accuracy` prints them; it takes about a minute.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from attendance.domain.model import RecognitionOptions
from attendance.settings import Settings, load
from bench.comparisons import UNKNOWN, Embeddings, searches, singles, verifications

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

FACES: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "faces"
THRESHOLDS: Final = (0.48, 0.50, 0.51, 0.52, 0.53, 0.54, 0.55, 0.60)


def tables(settings: Settings, faces: Path) -> Iterator[str]:
    """The lines of docs/accuracy.md's tables."""
    options = RecognitionOptions(**settings.params.recognition.model_dump())
    threshold = settings.params.thresholds.dlib
    embeddings = Embeddings(settings, faces)
    shipped = embeddings.people(options)
    yield f"Threshold {threshold:.2f}. Pictures that the engine refused: {embeddings.refused or 'none'}."
    yield ""
    yield from crops(embeddings, options, threshold)
    yield ""
    enrolled = {person: rows for person, rows in shipped.items() if person.startswith("p")}
    others = np.concatenate([rows for person, rows in shipped.items() if not person.startswith("p")])
    measured = {count: verifications(enrolled, others, count) for count in range(1, 6)}
    yield from rules(measured)
    yield ""
    yield from rates(measured)
    yield ""
    yield from identifications(shipped, threshold, settings.params.policy.ambiguity_ratio)


def crops(embeddings: Embeddings, options: RecognitionOptions, threshold: float) -> Iterator[str]:
    """Single pictures against each other, for each way of cropping."""
    yield (
        "| crop | genuine mean | largest | impostor mean | smallest | d' "
        f"| misses at 0.60 / {threshold:.2f} | false matches at 0.60 / {threshold:.2f} |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    variants = {
        "shipped": options,
        "without the flip": replace(options, use_tta_flip=False),
        "margin_ratio 0.16 (5 % closer)": replace(options, margin_ratio=0.16),
        "margin_ratio 0.24 (5 % wider)": replace(options, margin_ratio=0.24),
        "prewhitened": replace(options, use_prewhitening=True),
        "from the box, not aligned": replace(options, use_alignment=False),
    }
    for name, variant in variants.items():
        people = {person: rows for person, rows in embeddings.people(variant).items() if person != UNKNOWN}
        genuine, impostor = singles(people)
        apart = (impostor.mean() - genuine.mean()) / np.sqrt((genuine.var() + impostor.var()) / 2)
        limits = (0.60, threshold)
        misses = " / ".join(str((genuine > limit).sum()) for limit in limits)
        matches = " / ".join(str((impostor <= limit).sum()) for limit in limits)
        yield (
            f"| {name} | {genuine.mean():.3f} | {genuine.max():.3f} | {impostor.mean():.3f} | {impostor.min():.3f} "
            f"| {apart:.2f} | {misses} of {len(genuine)} | {matches} of {len(impostor)} |"
        )


def rules(measured: dict[int, dict[str, tuple[F32, F32]]]) -> Iterator[str]:
    """Each decision rule by the number of references: where genuine distances end and impostors' begin."""
    yield "| references | rule | genuine 99 % | largest | impostor 0.1 % | smallest | smallest impostor / largest genuine |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for count, by_rule in measured.items():
        for rule, (genuine, impostor) in by_rule.items():
            yield (
                f"| {count} | {rule} | {np.quantile(genuine, 0.99):.3f} | {genuine.max():.3f} "
                f"| {np.quantile(impostor, 0.001):.3f} | {impostor.min():.3f} | {impostor.min() / genuine.max():.3f} |"
            )


def rates(measured: dict[int, dict[str, tuple[F32, F32]]], thresholds: Sequence[float] = THRESHOLDS) -> Iterator[str]:
    """Errors of the shipped rule at each threshold."""
    yield "| misses / false matches at | " + " | ".join(f"{value:.2f}" for value in thresholds) + " |"
    yield "| --- |" + " --- |" * len(thresholds)
    for count, by_rule in measured.items():
        genuine, impostor = by_rule["nearest or mean"]
        cells = [f"{(genuine > value).sum()} / {(impostor <= value).sum()}" for value in thresholds]
        yield f"| {count} references, {len(genuine)} / {len(impostor)} comparisons | " + " | ".join(cells) + " |"


def identifications(people: dict[str, F32], threshold: float, ambiguity: float) -> Iterator[str]:
    """Searches over everybody."""
    yield f"| 1:N at {threshold:.2f} | right | missed | wrong person | too close to tell | smallest second / first |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for count in range(1, 6):
        outcome = searches(people, count, threshold, ambiguity)
        yield (
            f"| {count} references, {outcome.strangers} searches by strangers | {outcome.right} | {outcome.missed} "
            f"| {outcome.wrong} | {outcome.ambiguous} | {outcome.ratio:.2f} |"
        )


def show(tables: Callable[[Settings, Path], Iterator[str]]) -> int:
    """Print what is measured on the shared pictures; the exit code."""
    if not FACES.is_dir():
        sys.stderr.write("The measurement needs the shared face pictures beside the repository.\n")
        return 1
    for line in tables(load(), FACES):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(show(tables))
