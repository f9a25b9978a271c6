"""What a module exports is listed, is there, and is complete; every link in the documents leads somewhere."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from attendance.domain import model, recognition, records, vocabulary
from attendance.faces.mtcnn_numba import load_kernels

ROOT = Path(__file__).resolve().parents[2]
LISTED = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "attendance").rglob("*.py")
    if re.search(r"^__all__\b", path.read_text(encoding="utf-8"), re.MULTILINE)
)
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module", autouse=True)
def _kernels_are_compiled_once(pytestconfig: pytest.Config) -> None:
    """Imported by themselves they would be compiled, which takes twelve seconds, though other tests have done it."""
    assert pytestconfig.cache is not None
    load_kernels(pytestconfig.cache.mkdir("numba"))


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_name_is_there_and_listed_once(name: str) -> None:
    module = importlib.import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


def test_the_model_exports_every_record_of_the_domain() -> None:
    defined = {
        name
        for part in (vocabulary, recognition, records)
        for name, value in vars(part).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == part.__name__
    }
    assert set(model.__all__) == defined


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [target for target in targets if not (document.parent / target).exists()] == []
