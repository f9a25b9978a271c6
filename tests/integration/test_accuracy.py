"""At the shipped defaults nobody wrong is accepted and nobody right refused, with two to five ordinary pictures a person."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import RecognitionOptions
from attendance.settings import Settings, load
from bench.comparisons import UNKNOWN, Embeddings, gallery_of, searches

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = [pytest.mark.faces, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(params_file=ROOT / "params.yaml", model_dir=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def everybody(settings: Settings, faces_dir: Path) -> dict[str, NDArray[np.float32]]:
    embeddings = Embeddings(settings, faces_dir)
    people = embeddings.people(RecognitionOptions(**settings.params.recognition.model_dump()))
    assert embeddings.refused == {}, "an ordinary picture was refused"
    return people


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_one_to_one(settings: Settings, everybody: dict[str, NDArray[np.float32]], count: int) -> None:
    """Every choice of references, every picture that is left, every picture of everybody else."""
    threshold = settings.params.thresholds.dlib
    compared = 0
    for person, rows in everybody.items():
        if person == UNKNOWN or len(rows) < count:
            continue
        strangers = np.concatenate([others for other, others in everybody.items() if other != person])
        for chosen in itertools.combinations(range(len(rows)), count):
            gallery = gallery_of({person: rows[list(chosen)]})
            for right, probes in ((True, np.delete(rows, chosen, axis=0)), (False, strangers)):
                for probe in probes:
                    candidate = gallery.distance(person, probe)
                    assert candidate is not None
                    assert (candidate.distance_l2 <= threshold) == right, (person, chosen, candidate.distance_l2)
                    compared += 1
    assert compared > 3_000


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_one_to_many(settings: Settings, everybody: dict[str, NDArray[np.float32]], count: int) -> None:
    outcome = searches(everybody, count, settings.params.thresholds.dlib, settings.params.policy.ambiguity_ratio)
    assert (outcome.missed, outcome.wrong, outcome.ambiguous) == (0, 0, 0)
    assert outcome.right > 100
    assert outcome.strangers > 40
