"""What the terminal says at the start, and when a browser is opened."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from attendance.api import streamlit_private
from attendance.api.running import Running
from attendance.settings import Settings
from attendance.ui import server as module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Terminal(io.StringIO):
    """A stdout that somebody sits at, or not."""

    attended = True

    def isatty(self) -> bool:
        return self.attended


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(module, "sys", SimpleNamespace(stdout=made))
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to open, on a desktop."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    monkeypatch.setattr(streamlit_private, "has_desktop", lambda: True)
    monkeypatch.setattr(streamlit_private, "port", lambda: 8501)
    return addresses


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Welcome the operator of a server with these settings; gives the server."""
    made: list[Running] = []

    def start_(**settings: Any) -> Running:
        url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
        made.append(Running(Settings(store_url=url, offline=True, **settings)))
        module._welcome(made[-1])
        return made[-1]

    yield start_
    for server in made:
        server.close()


def test_the_first_start_prints_a_link_that_fits_and_opens_it(start: Any, opened: list[str], terminal: Terminal) -> None:
    server = start()
    link = re.search(r"http://localhost:8501/in/setup\?token=([\w-]+)", terminal.getvalue())
    assert link
    assert server.accounts.link_fits(link[1])
    assert opened == [link[0]]


def test_later_the_app_itself_is_opened(start: Any, opened: list[str], terminal: Terminal) -> None:
    first = start(open_browser=False)
    first.accounts.set_password(first.accounts.new_link(), "a long walk by the harbour")
    start(public_url="https://attend.example.org/")
    assert opened == ["https://attend.example.org/"]
    assert "Attend is ready at https://attend.example.org/" in terminal.getvalue()


def test_no_browser_is_opened_where_nobody_could_see_it(
    start: Any, opened: list[str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(open_browser=False)
    monkeypatch.setattr(streamlit_private, "has_desktop", lambda: False)
    start()
    monkeypatch.setattr(streamlit_private, "has_desktop", lambda: True)
    terminal.attended = False
    start()
    assert not opened
