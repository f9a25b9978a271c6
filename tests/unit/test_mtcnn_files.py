"""MTCNN's files: made once, the same bytes, damage noticed and mended, torch left alone when they are there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attendance.errors import WeightsUnavailableError
from attendance.faces import export_onnx, mtcnn_files
from attendance.faces.mtcnn_files import MANIFEST, NAMES, ensure_mtcnn, read_mtcnn

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    ensure_mtcnn(made)
    return made


@pytest.fixture
def folder(model_dir: Path) -> Path:
    return ensure_mtcnn(model_dir)


def test_the_same_bytes_every_time(folder: Path, tmp_path: Path) -> None:
    export_onnx.export_mtcnn(tmp_path)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_nothing_else_is_left_behind(model_dir: Path, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted([*NAMES, MANIFEST])
    assert [path.name for path in model_dir.iterdir() if path.is_dir()] == [folder.name]


def test_they_are_not_made_again(folder: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_onnx, "export_mtcnn", lambda _: pytest.fail("was exported again"))
    assert ensure_mtcnn(model_dir) == folder


def test_with_the_files_there_torch_is_not_imported(model_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn\n"
        "faces = MtcnnDetector(ensure_mtcnn(Path(sys.argv[1]))).detect(np.zeros((90, 120, 3), np.uint8), 20)\n"
        "print(faces, sorted({'torch', 'facenet_pytorch', 'onnx', 'numba'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(model_dir)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] []"


@pytest.mark.parametrize("name", [*NAMES, MANIFEST])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "empty"])
def test_damage_is_noticed_and_mended(model_dir: Path, folder: Path, name: str, damage: str) -> None:
    path = folder / name
    good = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(good) // 2
        bad = {"flipped": good[:middle] + bytes([good[middle] ^ 4]) + good[middle + 1 :], "cut": good[:middle], "empty": b""}
        path.write_bytes(bad[damage])
    with pytest.raises(WeightsUnavailableError) as caught:
        read_mtcnn(folder)
    assert caught.value.model == "mtcnn"
    assert caught.value.reason == ("missing" if damage == "gone" else "checksum")
    assert read_mtcnn(ensure_mtcnn(model_dir))[NAMES[0]]
    assert path.read_bytes() == good


@pytest.mark.parametrize("manifest", ["[]", "{}", '{"sha256": []}', '{"sha256": {"pnet.onnx": 1}}', "null", "\x00"])
def test_a_foreign_manifest_is_damage(folder: Path, model_dir: Path, manifest: str) -> None:
    (folder / MANIFEST).write_text(manifest)
    with pytest.raises(WeightsUnavailableError) as caught:
        read_mtcnn(folder)
    assert caught.value.reason == "checksum"
    ensure_mtcnn(model_dir)
    assert set(json.loads((folder / MANIFEST).read_text())["sha256"]) == set(NAMES)


def test_damage_that_cannot_be_mended_is_said(folder: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path) -> None:
        raise OSError(28, "No space left on device")

    path = folder / "rnet.onnx"
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    with monkeypatch.context() as patch:
        patch.setattr(export_onnx, "export_mtcnn", fails)
        with pytest.raises(WeightsUnavailableError, match=r"rnet\.onnx is damaged.*No space left.*start again") as caught:
            ensure_mtcnn(model_dir)
    assert caught.value.reason == "checksum"
    assert path.exists(), "what was there must stay until there is something better"
    ensure_mtcnn(model_dir)
    assert path.read_bytes() == good


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsUnavailableError, match="could not be made") as caught:
        ensure_mtcnn(tmp_path / "file" / "models")
    assert caught.value.reason in {"missing", "unreadable"}


def test_without_facenet_pytorch_the_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facenet_pytorch.models.mtcnn", None)
    with pytest.raises(WeightsUnavailableError, match="facenet-pytorch is installed") as caught:
        ensure_mtcnn(tmp_path)
    assert caught.value.reason == "missing"
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.slow
def test_two_processes_export_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from attendance.faces import export_onnx, mtcnn_files\n"
        "export = export_onnx.export_mtcnn\n"
        "def counted(folder):\n    print('exported'); export(folder)\n"
        "export_onnx.export_mtcnn = counted; mtcnn_files.ensure_mtcnn(Path(sys.argv[1]))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert "".join(said).split() == ["exported"]
    read_mtcnn(tmp_path / f"mtcnn-{mtcnn_files.VERSION}")
