"""FaceNet's weights over a real HTTP server on this machine that answers as servers and networks do on bad days."""

from __future__ import annotations

import hashlib
import socket
import threading
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from attendance.faces.network import Limits
from attendance.faces.published import FACENET, Published
from attendance.faces.weights import fetch
from tests.weights_server import BODY, STOPPED, UNANSWERED, refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.weights_server import Server


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
    assert refused(tmp_path, server.what(), STOPPED).reason == "download_failed"
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
    assert "did not answer in time" in str(refused(tmp_path, server.what(), UNANSWERED))


def test_a_server_that_stops_is_given_up_and_the_part_kept(server: Server, tmp_path: Path) -> None:
    server.hang_after = 200_000
    assert "stopped sending" in str(refused(tmp_path, server.what(), STOPPED))
    assert (tmp_path / "net.pt.part").stat().st_size == 200_000


def test_a_slow_server_is_waited_for(server: Server, tmp_path: Path) -> None:
    server.piece_s = 0.05  # 16 pieces: longer than the limits below in all, shorter each
    assert fetch(tmp_path, server.what(), limits=Limits(20.0, 0.6)).read_bytes() == BODY


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
