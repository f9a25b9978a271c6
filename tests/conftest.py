"""Fixtures for every test: where the real pictures are, and the portrait that anybody may see."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import structlog
from hypothesis import settings
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT.parent / "shared" / "faces"
# Engines that a run must have covered, such as "sqlite,mongodb": where one did not pass a single test, the run fails.
REQUIRED = [engine for engine in os.environ.get("ATTEND_REQUIRE_ENGINES", "").split(",") if engine]
_passed: Counter[str] = Counter()
_main = sys.modules["__main__"]
# A busy machine fails no test: Hypothesis would by default where one example takes 200 ms.
settings.register_profile("attend", deadline=None)
settings.load_profile("attend")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Here, not beside the contract's tests: with several workers the reports reach only the process that started them."""
    if report.when == "call" and report.passed and report.nodeid.startswith("tests/contract/"):
        parameters = report.nodeid.partition("[")[2]
        _passed.update(sorted((engine for engine in REQUIRED if parameters.startswith(engine)), key=len)[-1:])


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    cache = session.config.cache
    assert cache is not None
    ran = {engine for engine in REQUIRED if _passed[engine]}
    if session.config.getoption("lf"):  # what failed is run once more: the engines are those of the run before and this one
        ran |= set(cache.get("attend/engines", []))
    cache.set("attend/engines", sorted(ran))
    missing = [engine for engine in REQUIRED if engine not in ran]
    if missing and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.get_terminal_writer().line(f"\nthe contract suite did not run on {', '.join(missing)}", red=True)


@pytest.fixture(autouse=True)
def _logs_stay_as_they_were() -> Iterator[None]:
    """A door that a test opens in this process, such as a command, sets what is logged: the next test must not inherit it,
    or it captures warnings alone."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _main_module_stays_what_it_was() -> None:
    """Streamlit's AppTest makes its page ``__main__``; a process that a later test spawns would run that page."""
    sys.modules["__main__"] = _main


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
