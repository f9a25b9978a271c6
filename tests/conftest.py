"""Fixtures for every test: where the real pictures are, and the portrait that anybody may see."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT.parent / "shared" / "faces"


@pytest.fixture(scope="session")
def faces_dir() -> Path:
    """Real face pictures, kept beside the repository and never in it."""
    if not FACES.is_dir():
        pytest.skip(f"needs the shared face pictures in {FACES}")
    return FACES


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    """NASA's public-domain portrait of Eileen Collins, RGB uint8, shape (512, 512, 3)."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def astronaut_jpeg(astronaut: NDArray[np.uint8]) -> bytes:
    """The same as a JPEG file's bytes."""
    out = io.BytesIO()
    Image.fromarray(astronaut).save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models are converted to, once for all tests of a run."""
    return tmp_path_factory.mktemp("models")
