"""FaceNet's weights over a real HTTP server on this machine that answers as servers and networks do on bad days."""

from __future__ import annotations

import hashlib
import resource
import socket
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from attendance.errors import WeightsUnavailableError
from attendance.faces.files import locked, sha256_of, write_whole
from attendance.faces.network import Limits
from attendance.faces.published import FACENET, Published
from attendance.faces.weights import fetch, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = hashlib.sha256(b"weights").digest() * 10_000  # 320,000 bytes
FAR_TOO_LONG_S = 60.0  # what never ends would take longer; what ends takes a fraction of a second


class Server(ThreadingHTTPServer):
    """Serves BODY; the attributes make it misbehave."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = BODY
        self.etag = '"one"'
        self.status = 0  # not 0: answered with this and nothing else
        self.ignore_range = False
        self.ignore_if_range = False
        self.break_after: list[int] = []  # one number a request: bytes of the body before the connection is cut
        self.hang_before_headers = False
        self.hang_after = -1
        self.piece_s = 0.0  # seconds of rest after each piece
        self.announced: int | None = len(BODY)  # None: no Content-Length, the end of the connection ends the body
        self.released = threading.Event()
        self.requests: list[str] = []  # the Range header of each

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""

    def what(self) -> Published:
        port = self.server_address[1]
        digest = hashlib.sha256(BODY).hexdigest()
        return Published("facenet", "FaceNet", "net.pt", f"http://127.0.0.1:{port}/net.pt", len(BODY), digest)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(self.headers.get("Range", ""))
        if server.hang_before_headers:
            server.released.wait()
        if server.status:
            self.send_error(server.status)
            return
        start = 0
        wanted = self.headers.get("Range", "")
        unchanged = server.ignore_if_range or self.headers.get("If-Range") == server.etag
        if wanted and unchanged and not server.ignore_range:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        else:
            self.send_response(200)
        if server.announced is not None:
            self.send_header("Content-Length", str(server.announced - start))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        self._send(server.body[start:])

    def _send(self, body: bytes) -> None:
        server = self.server
        cut = server.break_after.pop(0) if server.break_after else len(body)
        for at in range(0, len(body), 20_000):
            if at >= cut:
                break
            if 0 <= server.hang_after <= at:
                server.released.wait()
            self.wfile.write(body[at : min(at + 20_000, cut)])
            if server.piece_s:
                time.sleep(server.piece_s)
        self.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


QUICK = Limits(contact_s=0.5, stall_s=0.5)


def refused(folder: Path, what: Published, limits: Limits = QUICK, **options: Any) -> WeightsUnavailableError:
    began = time.monotonic()
    with pytest.raises(WeightsUnavailableError) as caught:
        fetch(folder, what, limits=limits, **options)
    assert time.monotonic() - began < FAR_TOO_LONG_S
    assert not (folder / what.name).exists()
    return caught.value


def test_it_is_downloaded_once_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "models"
    path = fetch(folder, server.what(), progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == BODY
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert sorted(entry.name for entry in folder.iterdir()) == ["net.pt", "net.pt.lock"]
    assert fetch(folder, server.what(), offline=True) == path
    assert server.requests == [""]


def test_a_cut_connection_is_resumed_at_once(server: Server, tmp_path: Path) -> None:
    server.break_after = [100_000, 100_000]
    assert fetch(tmp_path, server.what()).read_bytes() == BODY
    assert server.requests == ["", "bytes=100000-", "bytes=200000-"]


def test_the_next_start_goes_on_where_the_last_one_ended(server: Server, tmp_path: Path) -> None:
    server.hang_after = 100_000
    assert refused(tmp_path, server.what()).reason == "download_failed"
    assert (tmp_path / "net.pt.part").stat().st_size == 100_000
    server.hang_after = -1
    seen: list[int] = []
    assert fetch(tmp_path, server.what(), progress=lambda done, _: seen.append(done)).read_bytes() == BODY
    assert server.requests == ["", "bytes=100000-"]
    assert seen[0] == 100_000


@pytest.mark.parametrize("change", ["ignored range", "changed tag", "no tag", "another size"])
def test_it_starts_again_where_it_cannot_go_on(server: Server, tmp_path: Path, change: str) -> None:
    (tmp_path / "net.pt.part").write_bytes(b"x" * 50_000)
    if change != "no tag":
        (tmp_path / "net.pt.part.etag").write_text('"one"')
    if change == "ignored range":
        server.ignore_range = True
    elif change == "changed tag":
        server.etag = '"two"'
    elif change == "another size":
        (tmp_path / "net.pt.part").write_bytes(b"x" * (len(BODY) + 1))
    assert fetch(tmp_path, server.what()).read_bytes() == BODY


def test_a_range_of_another_file_is_not_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pt.part").write_bytes(b"x" * 50_000)
    (tmp_path / "net.pt.part.etag").write_text('"one"')
    server.ignore_if_range = True
    server.body = BODY + b"more"
    server.announced = None
    error = refused(tmp_path, server.what())
    assert server.requests == ["bytes=50000-", ""]
    assert "more than" in str(error)
    assert list(tmp_path.glob("*.part*")) == []


def test_a_whole_part_file_needs_no_network(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pt.part").write_bytes(BODY)
    assert fetch(tmp_path, server.what()).read_bytes() == BODY
    assert server.requests == []


def test_a_server_that_always_cuts_short_is_given_up(server: Server, tmp_path: Path) -> None:
    server.break_after = [100_000] * 10
    server.ignore_range = True
    assert refused(tmp_path, server.what()).reason == "download_failed"
    assert len(server.requests) == 2


def test_wrong_bytes_are_removed(server: Server, tmp_path: Path) -> None:
    server.body = b"\0" + BODY[1:]
    assert refused(tmp_path, server.what()).reason == "checksum"
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.pt.lock"]
    server.body = BODY
    assert fetch(tmp_path, server.what()).read_bytes() == BODY


@pytest.mark.parametrize("status", [404, 500, 403, 304])
def test_a_refusal_is_told(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    error = refused(tmp_path, server.what())
    assert (error.reason, error.model) == ("download_failed", "facenet")
    assert str(status) in str(error)


def test_a_sign_in_page_is_not_taken_for_weights(server: Server, tmp_path: Path) -> None:
    server.body, server.announced = b"<html>", 6
    assert "sign-in page" in str(refused(tmp_path, server.what()))
    assert not (tmp_path / "net.pt.part").exists()


def test_a_server_that_never_answers_is_given_up(server: Server, tmp_path: Path) -> None:
    server.hang_before_headers = True
    assert "did not answer in time" in str(refused(tmp_path, server.what()))


def test_a_server_that_stops_is_given_up_and_the_part_kept(server: Server, tmp_path: Path) -> None:
    server.hang_after = 200_000
    assert "stopped sending" in str(refused(tmp_path, server.what()))
    assert (tmp_path / "net.pt.part").stat().st_size == 200_000


def test_a_slow_server_is_waited_for(server: Server, tmp_path: Path) -> None:
    server.piece_s = 0.05  # 16 pieces: longer than the limits below in all, shorter each
    assert fetch(tmp_path, server.what(), limits=Limits(0.5, 0.6)).read_bytes() == BODY


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    what = server.what()
    gone = Published(what.model, what.title, what.name, f"http://127.0.0.1:{port}/", what.size, what.sha256)
    assert "cannot be reached" in str(refused(tmp_path, gone))


def test_a_name_server_that_hangs_costs_no_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait()
        raise OSError

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert refused(tmp_path, FACENET, Limits(contact_s=0.2)).reason == "download_failed"
    finally:
        released.set()
    assert Limits().contact_s <= 2.5  # what a start without a network may cost, less the start itself


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
        error = refused(tmp_path, server.what())
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


def test_a_redirect_is_followed_but_never_off_https(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "publisher.example":
            return httpx.Response(302, headers={"Location": f"{scheme}://files.example/net.pt"})
        return httpx.Response(200, stream=httpx.ByteStream(BODY))

    what = Published(
        "facenet", "FaceNet", "net.pt", "https://publisher.example/x", len(BODY), hashlib.sha256(BODY).hexdigest()
    )
    scheme = "http"
    assert "redirect" in str(refused(tmp_path, what, transport=httpx.MockTransport(answer)))
    scheme = "https"
    assert fetch(tmp_path, what, transport=httpx.MockTransport(answer)).read_bytes() == BODY


def test_a_redirect_in_a_circle_ends(tmp_path: Path) -> None:
    circle = httpx.MockTransport(lambda _: httpx.Response(302, headers={"Location": "https://publisher.example/x"}))
    what = Published("facenet", "FaceNet", "net.pt", "https://publisher.example/x", 1, "")
    assert refused(tmp_path, what, transport=circle).reason == "download_failed"


@pytest.mark.parametrize("proxy", ["nonsense://user:hunter2@127.0.0.1:1", "http://user:hunter2@127.0.0.1:1"])
def test_no_message_repeats_the_password_of_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    error = refused(tmp_path, FACENET)
    assert error.reason == "download_failed"
    assert "hunter2" not in "".join(traceback.format_exception(error))


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
