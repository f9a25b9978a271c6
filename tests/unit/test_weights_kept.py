"""FaceNet's weights where they are kept: fetched once by whoever asks, written whole or not at all, never used damaged."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from attendance.errors import WeightsUnavailableError
from attendance.faces.files import locked, sha256_of, write_whole
from attendance.faces.published import FACENET
from attendance.faces.weights import fetch, verify
from tests.weights_server import BODY, UNANSWERED, refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.weights_server import Server


def test_offline_never_tries(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    assert refused(folder, server.what(), offline=True).reason == "missing"
    assert server.requests == []
    assert not folder.exists()


def test_many_threads_download_once(server: Server, tmp_path: Path) -> None:
    server.piece_s = 0.01
    with ThreadPoolExecutor(8) as pool:
        paths = [pool.submit(fetch, tmp_path, server.what()) for _ in range(8)]
    assert {path.result().read_bytes() for path in paths} == {BODY}
    assert server.requests == [""]


def test_two_processes_download_once(server: Server, tmp_path: Path) -> None:
    server.piece_s = 0.05
    what = server.what()
    code = f"from pathlib import Path; from attendance.faces.weights import *; fetch(Path({str(tmp_path)!r}), {what!r})"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert server.requests == [""]


def test_a_holder_that_gets_nowhere_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    with locked(tmp_path / "net.pt.lock", timeout_s=0):
        error = refused(tmp_path, server.what(), UNANSWERED)
    assert "another process" in str(error)
    assert server.requests == []


def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    error = refused(tmp_path / "file" / "models", server.what())
    assert error.reason == "download_failed"
    assert "could not be written" in str(error)


def test_a_full_disk_is_told_and_given_its_space_back(server: Server, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        error = refused(tmp_path, server.what())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "could not be written" in str(error)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.pt.lock"]


def test_a_stop_by_the_user_keeps_what_came(server: Server, tmp_path: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done >= 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, server.what(), progress=stop)
    assert (tmp_path / "net.pt.part").stat().st_size >= 100_000
    assert fetch(tmp_path, server.what()).read_bytes() == BODY
    assert server.requests[1].startswith("bytes=")


def test_a_given_path_is_checked(tmp_path: Path, server: Server) -> None:
    what = server.what()
    path = tmp_path / "mine.pt"
    path.write_bytes(BODY)
    assert verify(path, what) == path
    path.write_bytes(b"\0" + BODY[1:])
    for wrong, reason in ((path, "checksum"), (tmp_path / "none.pt", "missing"), (tmp_path, "checksum")):
        with pytest.raises(WeightsUnavailableError) as caught:
            verify(wrong, what)
        assert caught.value.reason == reason
        assert str(wrong) in str(caught.value)


def test_a_damaged_cached_file_is_told_offline_and_else_downloaded_anew(tmp_path: Path, server: Server) -> None:
    (tmp_path / "net.pt").write_bytes(b"\0" + BODY[1:])
    with pytest.raises(WeightsUnavailableError) as caught:
        fetch(tmp_path, server.what(), offline=True)
    assert caught.value.reason == "checksum"
    assert fetch(tmp_path, server.what()).read_bytes() == BODY


def test_importing_it_loads_neither_a_network_client_nor_torch() -> None:
    code = "import sys, attendance.faces.weights; sys.exit(any(m in sys.modules for m in ('httpx', 'torch', 'onnxruntime')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_published_file_is_the_documented_one() -> None:
    assert FACENET.url.startswith("https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/")
    assert FACENET.size == 111_898_327
    assert len(FACENET.sha256) == 64


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_whole(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="large"):
            write_whole(path, b"new" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert sha256_of(path) == hashlib.sha256(b"old").hexdigest()
