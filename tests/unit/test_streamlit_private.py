"""What we rely on inside Streamlit: a new version that changes it fails here first."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from streamlit import config, runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.util import calc_hash
from streamlit.web.server.starlette.starlette_server import _bind_socket

from attendance.api import streamlit_private as private
from attendance.api.guard import TRUSTED
from attendance.ui import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import streamlit as st

TOKEN = "2|00000000|0123456789abcdef0123456789abcdef|1700000000"
OTHER = "2|00000000|fedcba9876543210fedcba9876543210|1700000000"


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    before = config.get_option("server.trustedUserHeaders")
    yield
    config.set_option("server.trustedUserHeaders", before)


def rerun(**fields: Any) -> bytes:
    message = BackMsg()
    message.rerun_script.SetInParent()
    for name, value in fields.items():
        setattr(message.rerun_script, name, value)
    return cast("bytes", message.SerializeToString())


def test_only_what_a_person_did_is_activity() -> None:
    assert private.message_kind(rerun(page_name="records")) == ("rerun_script", True)
    assert private.message_kind(rerun(fragment_id="a")) == ("rerun_script", True)
    assert private.message_kind(rerun(fragment_id="a", is_auto_rerun=True)) == ("rerun_script", False)
    message = BackMsg()
    message.app_heartbeat = True
    assert private.message_kind(message.SerializeToString()) == ("app_heartbeat", False)


def test_what_cannot_be_read_is_told_apart() -> None:
    assert private.message_kind(b"\xff\xff\xff\xff") == (private.UNREADABLE, False)
    assert private.message_kind(b"") == ("", False)


def test_the_page_that_a_message_asks_for_is_known_by_its_name_and_by_what_streamlit_makes_of_it() -> None:
    names = ["records", "people"]
    assert private.page_asked(rerun(page_name="records"), names) == "records"
    assert private.page_asked(rerun(page_script_hash=calc_hash("people"), fragment_id="a"), names) == "people"
    for other in ({}, {"page_name": "nothing"}, {"page_script_hash": "0" * 32}, {"fragment_id": "people"}):
        assert private.page_asked(rerun(**other), names) == ""


def test_operations_are_named_by_what_they_do() -> None:
    message = BackMsg()
    message.backend_operation_request.install_skills.SetInParent()
    kind, _ = private.message_kind(message.SerializeToString())
    assert kind == "install_skills"
    assert kind not in private.ASKED_BY_PAGES


def test_every_kind_of_message_is_known() -> None:
    kinds = {field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields}
    developers = {"clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime"}
    assert kinds - developers == private.ASKED_BY_KIOSKS | {"backend_operation_request"}


def test_a_token_is_one_only_with_its_cookie() -> None:
    cookies = {private.XSRF_COOKIE: TOKEN}
    assert private.xsrf_valid({"x-xsrftoken": TOKEN}, cookies)
    assert not private.xsrf_valid({"x-xsrftoken": OTHER}, cookies)
    assert not private.xsrf_valid({}, cookies)
    assert not private.xsrf_valid({"x-xsrftoken": TOKEN}, {})
    assert not private.xsrf_valid({"x-xsrftoken": ""}, {private.XSRF_COOKIE: ""})


def test_the_newest_files_of_a_page_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = MemoryUploadedFileManager("/upload")
    for number in range(5):
        for page in ("a", "b"):
            manager.add_file(page, UploadedFileRec(str(number), "p.jpg", "image/jpeg", b"x"))

    class Running:
        uploaded_file_mgr = manager

    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", Running)
    private.keep_newest_files("a", 2)
    assert list(manager.file_storage["a"]) == ["3", "4"]
    assert len(manager.file_storage["b"]) == 5
    private.keep_newest_files("nobody", 2)


def test_the_guard_names_what_it_tells_the_pages() -> None:
    private.trust_headers(TRUSTED)
    assert config.get_option("server.trustedUserHeaders") == TRUSTED


def test_nothing_is_configured_for_a_provider_by_itself() -> None:
    assert not private.oidc_configured()
    assert private.oidc_user({}) == {}
    assert private.oidc_user({private.USER_COOKIE: "made.up"}) == {}


def test_the_server_lets_its_connections_send_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a socket as Streamlit makes it; without this each answer on an open connection waits 40 ms for its second half."""
    stopped = threading.Event()
    stopped.set()
    settings = SimpleNamespace(public_url="http://attend")
    here = SimpleNamespace(start=lambda: None, stopped=stopped, state="loading", settings=settings)
    monkeypatch.setattr(server, "running", lambda: here)

    async def start_and_stop() -> None:
        async with server.lifespan(cast("st.App", None)):
            pass

    with _bind_socket("127.0.0.1", 0, 5) as listening, socket.socket() as other:
        asyncio.run(start_and_stop())
        assert not other.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "only what listens"
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
