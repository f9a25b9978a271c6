"""The house itself: who imports whom, and which library lives in which room."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "attendance").rglob("*.py"), *ROOT.glob("*.py")])

# Each library is imported only by the files that match one of these patterns, so that it can be replaced in one place.
HOMES = {
    "argon2": ["attendance/services/passwords.py"],
    "alembic": ["attendance/store/*.py", "attendance/store/migrations/*.py"],
    "cv2": ["attendance/faces/*.py"],
    "facenet_pytorch": ["attendance/faces/export_*.py", "attendance/faces/reference.py"],
    "httpx": ["attendance/faces/network.py"],
    "mlflow": ["attendance/tracking/*.py", "attendance/bootstrap/pyfunc_recogniser.py"],
    "numba": ["attendance/faces/mtcnn*.py"],
    "onnx": ["attendance/faces/*.py"],
    "onnxruntime": ["attendance/faces/*.py"],
    "openvino": ["attendance/faces/*.py"],
    "pillow_heif": ["attendance/faces/images.py"],
    "pymongo": ["attendance/store/mongo*.py"],
    "sqlalchemy": ["attendance/store/sql*.py", "attendance/store/migrations/*.py"],
    "itsdangerous": ["attendance/api/cookies.py"],
    "starlette": ["attendance/api/*.py", "attendance/ui/server.py"],
    "streamlit": ["attendance/ui/*.py", "attend_app.py", "attendance/api/streamlit_private.py"],
    "xlsxwriter": ["attendance/services/spreadsheet.py"],
    "torch": ["attendance/faces/export_*.py", "attendance/faces/reference.py"],
    "typer": ["attendance/cli.py", "attendance/cli/*.py"],
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_library_is_imported_only_in_its_room(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    strangers = {name for name in imported(path) & set(HOMES) if not any(fnmatch(where, home) for home in HOMES[name])}
    assert not strangers, f"{where} imports {sorted(strangers)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300, "split it"
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "the first line says what the module does"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_settings_reads_the_environment(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() == "attendance/settings.py":
        return
    text = path.read_text(encoding="utf-8")
    assert "os.environ" not in text
    assert "getenv" not in text


def test_imports_go_in_one_direction() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
