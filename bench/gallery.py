"""1:N search over 100,000 references: against reading the matrix once, and against FAISS. `python -m bench gallery`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import faiss
import numpy as np

from attendance.domain.model import PersonStatus, PersonTemplates
from attendance.faces.gallery import MatrixGallery
from bench.measure import Row, compare

if TYPE_CHECKING:
    from pathlib import Path

REFERENCES, DIMENSION = 100_000, 512
THREADS = 2


def rows(_faces: Path | None = None) -> list[Row]:
    """Each reference is a person of its own, so that both sides hold the same 100,000 rows."""
    faiss.omp_set_num_threads(THREADS)
    random = np.random.default_rng(0)
    matrix = random.standard_normal((REFERENCES, DIMENSION), dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    probe = matrix[4_711] + np.float32(0.02) * random.standard_normal(DIMENSION, dtype=np.float32)
    gallery = MatrixGallery("bench", DIMENSION)
    for number, row in enumerate(matrix):
        key = str(number)
        gallery.put(PersonTemplates(key, key, PersonStatus.ACTIVE, (key,), row[None]))
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(matrix)
    if gallery.search(probe)[0].person_id != "4711":
        raise RuntimeError("the search did not find the nearest reference")
    name = f"1:N exact, {REFERENCES:,} references of {DIMENSION}, one probe"
    return [
        # The bare product is the quickest way found to read every number once: sums, maxima and a bitwise or over two
        # threads take 1.4 to 2 times as long. The goal "within 1.5x of one read" is a ratio of 1 / 1.5.
        compare(name, lambda: gallery.search(probe), "one read of the matrix", lambda: matrix @ probe, 0.67),
        compare(name, lambda: gallery.search(probe), "FAISS IndexFlatIP", lambda: index.search(probe[None], 2), 1.0),
    ]
